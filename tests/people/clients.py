"""Authlib against our server, each flow to its end. It says the same lines as clients.mjs.

python clients.py SERVER OUTSIDE_TOKEN_FILE CLIENT_SECRET
"""

import http.server
import json
import os
import sys
import time
from pathlib import Path

# Plain HTTP on loopback is the only thing that it is told to accept.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.common.security import generate_token  # noqa: E402
from authlib.integrations.base_client import OAuthError  # noqa: E402
from authlib.integrations.requests_client import OAuth2Session  # noqa: E402
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url  # noqa: E402

SERVER, TOKEN_FILE, SECRET = sys.argv[1:]
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

PAGE = (
    '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Back</title>'
    "<main><h1>You may close this tab</h1></main>"
)


def say(**value: object) -> None:
    print(json.dumps(value), flush=True)


class Listener(http.server.BaseHTTPRequestHandler):
    """Where the person comes back to."""

    came = ""

    def do_GET(self) -> None:
        Listener.came = self.path
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_: object) -> None:
        pass


def refused(call: object, error: str) -> None:
    try:
        call()
    except OAuthError as refusal:
        assert refusal.error == error, refusal
    else:
        raise AssertionError(f"it was accepted instead of {error}")


def flows() -> None:
    tool = OAuth2Session("public-tool", token_endpoint_auth_method="none", code_challenge_method="S256")
    found = tool.get(get_well_known_url(SERVER, external=True), withhold_token=True)
    metadata = AuthorizationServerMetadata(found.json())
    metadata.validate()
    say(passed="authlib: discovery (RFC 8414)")

    with http.server.HTTPServer(("127.0.0.1", 0), Listener) as listener:
        tool.redirect_uri = f"http://127.0.0.1:{listener.server_port}/callback"
        verifier = generate_token(48)
        url, state = tool.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, provider="corp"
        )
        say(open=url)
        listener.handle_request()
    back = tool.redirect_uri.removesuffix("/callback") + Listener.came
    arguments = {"authorization_response": back, "code_verifier": verifier, "state": state}
    session = tool.fetch_token(metadata["token_endpoint"], **arguments)
    assert session["refresh_token"] and session["expires_in"] > 0, session.keys()
    say(passed="authlib: code with PKCE")

    after = tool.refresh_token(metadata["token_endpoint"], refresh_token=session["refresh_token"])
    assert after["refresh_token"] != session["refresh_token"]
    say(passed="authlib: refresh")

    asked = tool.post(
        metadata["device_authorization_endpoint"], data={"client_id": "public-tool"}, withhold_token=True
    ).json()
    say(open=asked["verification_uri_complete"])
    while True:
        time.sleep(asked["interval"])
        try:
            device = tool.fetch_token(
                metadata["token_endpoint"], grant_type=DEVICE, device_code=asked["device_code"]
            )
            break
        except OAuthError as pending:
            assert pending.error == "authorization_pending", pending
    say(passed="authlib: device")

    reports = OAuth2Session("reports", SECRET, token_endpoint_auth_method="client_secret_basic")
    introspect = lambda token: reports.introspect_token(metadata["introspection_endpoint"], token=token).json()  # noqa: E731
    assert introspect(device["access_token"])["active"] is True
    say(passed="authlib: introspection")

    assert tool.revoke_token(metadata["revocation_endpoint"], token=device["refresh_token"]).status_code == 200
    assert introspect(device["access_token"]) == {"active": False}
    refused(
        lambda: tool.refresh_token(metadata["token_endpoint"], refresh_token=device["refresh_token"]), "invalid_grant"
    )
    say(passed="authlib: revocation")

    outside_token = Path(TOKEN_FILE).read_text().split()[0]
    exchanged = tool.fetch_token(
        metadata["token_endpoint"],
        grant_type=EXCHANGE,
        subject_token=outside_token,
        subject_token_type="urn:ietf:params:oauth:token-type:jwt",
    )
    assert exchanged["issued_token_type"], exchanged.keys()
    say(passed="authlib: token exchange")


try:
    flows()
except Exception as error:  # whatever it is, it is told
    say(failed=f"authlib: {type(error).__name__}: {error}")
say(done=True)
