"""`buildkite-agent oidc request-token`: its options and variables; `redactor add`; and nothing else."""

import json
import os
import sys
import urllib.error
import urllib.request

# As the agent's documentation lists them; both `--x value` and `--x=value` are understood, with one dash or two.
TEXTS = {"audience", "lifetime", "job", "subject-claim", "agent-access-token", "endpoint", "format"}
LISTS = {"claim", "aws-session-tag"}
FLAGS = {"skip-redaction", "no-http2", "debug-http", "no-color", "debug"}


def fail(sentence):
    sys.exit(f"fatal: {sentence}")


def options(arguments):
    found = {name: [] for name in LISTS}
    arguments = list(arguments)
    while arguments:
        word = arguments.pop(0)
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-") or name not in TEXTS | LISTS | FLAGS:
            fail(f"flag provided but not defined: {word}")
        if name in FLAGS:
            continue
        if not equals:
            if not arguments:
                fail(f"flag needs an argument: {word}")
            value = arguments.pop(0)
        if name in LISTS:
            found[name] += value.split(",")
        elif name in found:
            fail(f"given twice: {word}")
        else:
            found[name] = value
    return found


if sys.argv[1:] == ["redactor", "add"]:
    # What the log would no longer show, for a test to look at.
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "redacted"), "a", encoding="utf-8") as file:
        file.write(sys.stdin.read() + "\n")
    sys.exit()
if sys.argv[1:3] != ["oidc", "request-token"]:
    fail("only `oidc request-token` and `redactor add` are known here")
given = options(sys.argv[3:])
variables = os.environ.get
token = given.get("agent-access-token") or variables("BUILDKITE_AGENT_ACCESS_TOKEN")
job = given.get("job") or variables("BUILDKITE_JOB_ID")
endpoint = given.get("endpoint") or variables("BUILDKITE_AGENT_ENDPOINT") or "https://agent.buildkite.com/v3"
if not token or not job:
    fail("missing agent-access-token or job")
if endpoint != API + "/v3":  # noqa: F821 - written before this text
    fail(f"the endpoint is {endpoint}")
if not given.get("lifetime", "0").isdigit():
    fail("lifetime must be a non-negative integer")
body = {
    "audience": given.get("audience", ""),
    "lifetime": int(given.get("lifetime", "0")),
    "claims": given["claim"],
    "subject_claim": given.get("subject-claim", ""),
    "aws_session_tags": given["aws-session-tag"],
}
request = urllib.request.Request(
    f"{endpoint}/jobs/{job}/oidc/tokens",
    data=json.dumps({name: value for name, value in body.items() if value}).encode(),
    headers={"Authorization": f"Token {token}", "Content-Type": "application/json"},
)
try:
    # The agent uses no proxy for the fake's address, whatever the job's settings say.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        print(json.load(answer)["token"])
except (urllib.error.URLError, KeyError) as error:
    fail(f"failed to get the token: {error}")
