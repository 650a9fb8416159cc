"""Authlib as a service account: `private_key_jwt` (RFC 7523).

python machine.py SERVER PRIVATE_KEY_FILE
"""

import os
import sys
import time
from pathlib import Path

# Plain HTTP on loopback is the only thing that it is told to accept.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.base_client import OAuthError  # noqa: E402
from authlib.integrations.requests_client import OAuth2Session  # noqa: E402
from authlib.oauth2.rfc7523 import PrivateKeyJWT  # noqa: E402
from joserfc.jwk import ECKey  # noqa: E402

SERVER, KEY = sys.argv[1], ECKey.import_key(Path(sys.argv[2]).read_text())
ENDPOINT = f"{SERVER}/oauth/token"


def fetch(**claims: object) -> dict:
    session = OAuth2Session("service-account:build-box", KEY, token_endpoint_auth_method="private_key_jwt")
    session.register_client_auth_method(PrivateKeyJWT(ENDPOINT, claims=claims, alg="ES256"))
    return session.fetch_token(ENDPOINT, grant_type="client_credentials")


def main() -> None:
    # By itself this client gives an assertion an hour, and the token endpoint as its audience; the server takes
    # minutes, and itself.
    soon = int(time.time()) + 120
    token = fetch(aud=SERVER, exp=soon)
    assert token["token_type"] == "Bearer", token.keys()
    assert token["expires_in"] > 0, token.keys()
    for claims in ({"aud": SERVER}, {"exp": soon}, {"aud": "https://other.example.com", "exp": soon}):
        try:
            fetch(**claims)
        except OAuthError as refusal:
            assert refusal.error == "invalid_client", refusal
        else:
            raise AssertionError(f"{claims} was accepted")


main()
