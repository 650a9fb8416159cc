"""What the publish action of the Python packaging authority asks before it starts twine: `exchange.py UPLOAD-URL`.

Prints the access token; or the reasons, and ends with 1.
"""

import sys
from urllib.parse import urlparse

import id
import requests

host = urlparse(sys.argv[1]).netloc
audience = requests.get(f"https://{host}/_/oidc/audience", timeout=10).json()["audience"]
outside_token = id.detect_credential(audience=audience)
answer = requests.post(f"https://{host}/_/oidc/mint-token", json={"token": outside_token}, timeout=10)
if not answer.ok:
    for error in answer.json()["errors"]:
        print(f"* `{error['code']}`: {error['description']}")
    sys.exit(1)
print(answer.json()["token"])
