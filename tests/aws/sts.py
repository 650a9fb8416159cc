"""AWS's Security Token Service, as moto fakes it, with signatures verified by botocore.

    sts.py  ->  one line of JSON on stdout: {"sts": URL, "issuer": URL, "roles": {NAME: KEYS}, "user": KEYS}

moto knows neither the JSON that AWS answers with where a client accepts it, nor GetWebIdentityToken: both are added here,
and what moto checks (signature, session, policies) it checks for them too. The tokens are signed here, with ES384, and
their claims are those of AWS's documentation.

The roles: `build` may do anything, `other` too, `poor` may not get a token. `POST {issuer}/outbound` with `on` or `off`
turns GetWebIdentityToken on and off for the account. Ends when stdin ends.
"""

import base64
import datetime
import json
import os
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Requests that set the stage are not verified; the count ends with `reset-auth` below.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "1000"

import boto3
import requests
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384
from moto.core.responses import ActionResult, BaseResponse
from moto.server import ThreadedMotoServer
from moto.sts.exceptions import STSClientError
from moto.sts.responses import TokenResponse

KEY = ec.generate_private_key(ec.SECP384R1())
OUTBOUND = {"on": True}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwks():
    public = KEY.public_key().public_numbers()
    point = {"x": b64(public.x.to_bytes(48, "big")), "y": b64(public.y.to_bytes(48, "big"))}
    return {"keys": [{"kty": "EC", "crv": "P-384", "alg": "ES384", "use": "sig", "kid": "EC384_0", **point}]}


def jwt(claims):
    header = {"alg": "ES384", "kid": "EC384_0", "typ": "JWT"}
    signed = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    r, s = utils.decode_dss_signature(KEY.sign(signed.encode(), ec.ECDSA(SHA384())))
    return signed + "." + b64(r.to_bytes(48, "big") + s.to_bytes(48, "big"))


def get_web_identity_token(self):
    if not OUTBOUND["on"]:
        message = "Outbound web identity federation is not enabled for this account."
        error = STSClientError("OutboundWebIdentityFederationDisabledException", message)
        error.status = error.code_status = 403
        raise error
    audiences = [value[0] for name, value in sorted(self.querystring.items()) if name.startswith("Audience.member.")]
    seconds = int(self.querystring["DurationSeconds"][0])
    algorithm = self.querystring["SigningAlgorithm"][0]
    if not audiences or not 60 <= seconds <= 3600 or algorithm != "ES384":
        raise STSClientError("ValidationError", "Audience, DurationSeconds or SigningAlgorithm is not valid")
    user_id, arn, account = self.backend.get_caller_identity(self.get_access_key(), self.region)
    # The subject is the role, not its session.
    role = arn.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/").rsplit("/", 1)[0]
    now = int(time.time())
    token = jwt({
        "iss": ISSUER,
        "aud": audiences[0] if len(audiences) == 1 else audiences,
        "sub": role,
        "iat": now,
        "exp": now + seconds,
        "jti": str(uuid.uuid4()),
        "https://sts.amazonaws.com/": {
            "aws_account": account,
            "source_region": self.region,
            "org_id": "o-a1b2c3d4e5",
            "principal_id": role,
        },
    })
    expiration = datetime.datetime.fromtimestamp(now + seconds, datetime.timezone.utc)
    return ActionResult({"WebIdentityToken": token, "Expiration": expiration})


def request_json(self):
    accepted = self.headers.get("Accept", "")
    return "JSON" in self.querystring.get("ContentType", []) or accepted == "application/json"


class Issuer(BaseHTTPRequestHandler):
    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/.well-known/openid-configuration":
            algorithms = {"id_token_signing_alg_values_supported": ["ES384"]}
            self.answer(200, {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/.well-known/jwks.json", **algorithms})
        elif self.path == "/.well-known/jwks.json":
            self.answer(200, jwks())
        else:
            self.answer(404, {})

    def do_POST(self):
        said = self.rfile.read(int(self.headers["content-length"])).decode()
        OUTBOUND["on"] = said == "on"
        self.answer(200, OUTBOUND)

    def log_message(self, *_):
        pass


def role_keys(iam, sts, name, may):
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
    policy = {"Effect": "Allow", "Action": may, "Resource": "*"}
    iam.put_role_policy(
        RoleName=name,
        PolicyName="all",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [policy]}),
    )
    keys = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session-of-a-job")["Credentials"]
    return {
        "access_key_id": keys["AccessKeyId"],
        "secret_access_key": keys["SecretAccessKey"],
        "session_token": keys["SessionToken"],
        "role_id": role["RoleId"],
        "role_arn": role["Arn"],
        "account": role["Arn"].split(":")[4],
    }


def main():
    global ISSUER
    issuer = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    ISSUER = f"http://127.0.0.1:{issuer.server_address[1]}"
    threading.Thread(target=issuer.serve_forever, daemon=True).start()

    BaseResponse.request_json = property(request_json)
    TokenResponse.get_web_identity_token = get_web_identity_token
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    url = "http://{}:{}".format(*moto.get_host_and_port())

    def client(name):
        return boto3.client(
            name,
            endpoint_url=url,
            region_name="eu-central-1",
            aws_access_key_id="AKIASETTINGTHESTAGE1",
            aws_secret_access_key="none",
            config=Config(proxies={}),
        )

    iam, sts = client("iam"), client("sts")
    roles = {name: role_keys(iam, sts, name, "*") for name in ("build", "other")}
    roles["poor"] = role_keys(iam, sts, "poor", "sts:AssumeRole")
    user_id = iam.create_user(UserName="person")["User"]["UserId"]
    user = iam.create_access_key(UserName="person")["AccessKey"]
    # From here on every signature counts.
    requests.post(f"{url}/moto-api/reset-auth", data="0", timeout=10).raise_for_status()
    keys = {"access_key_id": user["AccessKeyId"], "secret_access_key": user["SecretAccessKey"], "user_id": user_id}
    print(json.dumps({"sts": url, "issuer": ISSUER, "roles": roles, "user": keys}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
