"""An S3 of moto's, with one bucket and one user who may use it. From then on every signature is verified.

    s3.py [unsigned]  ->  one line of JSON on stdout

With `unsigned`, no signature is verified: for who changes requests on their way. Ends when standard input does.
"""

import json
import os
import sys

# Requests that set the stage are not verified; the count ends with `reset-auth` below.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "1000"

import boto3
import flask
import requests
from botocore.config import Config
from moto.iam.access_control import IAMRequestBase
from moto.server import ThreadedMotoServer

BUCKET = "packages"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        }
    ],
}


def sign_as_sent(make):
    """moto verifies the signature over the decoded path. S3 does over the path as it was sent, which is what is signed."""

    def made(self, **told):
        make(self, **told)
        self._path = flask.request.environ["RAW_URI"]

    return made


def main():
    IAMRequestBase.__init__ = sign_as_sent(IAMRequestBase.__init__)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    url = "http://{}:{}".format(*moto.get_host_and_port())

    def client(name):
        return boto3.client(
            name,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="AKIASETTINGTHESTAGE1",
            aws_secret_access_key="none",
            config=Config(proxies={}),
        )

    client("s3").create_bucket(Bucket=BUCKET)
    iam = client("iam")
    iam.create_user(UserName="daypass")
    iam.put_user_policy(UserName="daypass", PolicyName="packages", PolicyDocument=json.dumps(POLICY))
    key = iam.create_access_key(UserName="daypass")["AccessKey"]
    if "unsigned" not in sys.argv:
        requests.post(f"{url}/moto-api/reset-auth", data="0", timeout=10).raise_for_status()
    told = {"url": url, "bucket": BUCKET, "id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    print(json.dumps(told), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
