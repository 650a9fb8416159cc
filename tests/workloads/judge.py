"""Somebody else's client asks a fake for a token: `judge.py CLIENT AUDIENCE`. It says `token=…`, or fails.

What is not here: any knowledge of how a provider is asked. That is the clients' own.
"""

import os
import sys


def pypi_id(audience: str) -> str | None:
    import id as pypi_id

    return pypi_id.detect_credential(audience)


def google(audience: str) -> str:
    from google.auth.transport.requests import Request
    from google.oauth2.id_token import fetch_id_token

    return fetch_id_token(Request(), audience)


def azure(audience: str) -> str:
    from azure.identity import ManagedIdentityCredential

    credential = ManagedIdentityCredential()
    return credential.get_token(f"{audience}/.default").token


def spiffe(audience: str) -> str:
    from spiffe import WorkloadApiClient

    with WorkloadApiClient(os.environ["SPIFFE_ENDPOINT_SOCKET"]) as client:
        return client.fetch_jwt_svid({audience}).token


CLIENTS = {"id": pypi_id, "google-auth": google, "azure-identity": azure, "spiffe": spiffe}
token = CLIENTS[sys.argv[1]](sys.argv[2])
if not token:
    sys.exit("there is nobody to vouch for this job")
print(f"token={token}")
