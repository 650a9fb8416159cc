"""`circleci run oidc get [--root-issuer] [--claims JSON]`, and nothing else."""

import json
import sys
import urllib.error
import urllib.request


def fail(sentence):
    sys.exit(f"Error: {sentence}")


if sys.argv[1:4] != ["run", "oidc", "get"]:
    fail("only `run oidc get` is known here")
arguments, body = sys.argv[4:], {"root": False}
while arguments:
    word = arguments.pop(0)
    if word == "--root-issuer":
        body["root"] = True
        continue
    name, equals, value = word.partition("=")
    if name != "--claims":
        fail(f"unknown flag: {word}")
    try:
        claims = json.loads(value if equals else arguments.pop(0))
    except (IndexError, ValueError):
        fail("the claims are no JSON")
    if list(claims) != ["aud"] or not isinstance(claims["aud"], str):
        fail("only the claim `aud` can be customised")
    body["aud"] = claims["aud"]
request = urllib.request.Request(
    f"{API}/oidc",  # noqa: F821 - written before this text
    data=json.dumps(body).encode(),
    headers={"Content-Type": "application/json"},
)
try:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        print(json.load(answer)["token"])
except (urllib.error.URLError, KeyError) as error:
    fail(f"cannot get the token: {error}")
