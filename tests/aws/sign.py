"""botocore's own signature of the request that daypass wants to be shown.

    sign.py < {"keys": {…}, "region": …, "audience": …, "identity": …, "headers": {…}, "ago": SECONDS}  ->  the subject_token

`headers` changes what is signed, `ago` when: for requests that must be refused.
"""

import datetime
import json
import secrets
import sys
from unittest import mock

import botocore.auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

asked = json.load(sys.stdin)
keys, region = asked["keys"], asked["region"]
suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
nonce = secrets.token_hex(16)
headers = {
    "accept": "application/json",
    "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "x-daypass-audience": asked["audience"],
    "x-daypass-identity": asked["identity"],
    "x-daypass-nonce": nonce,
}
headers.update(asked.get("headers", {}))
request = AWSRequest(
    "POST",
    f"https://sts.{region}.{suffix}/",
    params={"Action": asked.get("action", "GetCallerIdentity"), "Version": "2011-06-15"},
    headers=headers,
)
credentials = Credentials(keys["access_key_id"], keys["secret_access_key"], keys.get("session_token"))
when = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=asked.get("ago", 0))


def signed_then(*_args, **_kwargs):
    return when.replace(tzinfo=None)


with mock.patch.object(botocore.auth, "get_current_datetime", signed_then):
    SigV4Auth(credentials, "sts", region).add_auth(request)
token = {
    "region": region,
    "access_key_id": keys["access_key_id"],
    "amz_date": request.headers["X-Amz-Date"],
    "signature": request.headers["Authorization"].split("Signature=")[1],
    "audience": asked["audience"],
    "identity": asked["identity"],
    "nonce": nonce,
}
if keys.get("session_token"):
    token["security_token"] = keys["session_token"]
print(json.dumps(token))
