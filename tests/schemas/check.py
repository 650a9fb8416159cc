"""The published schemas, judged by others' code: the policy's JSON Schema and the OpenAPI document.

Arguments: the server's URL, the file of the published schema, and files with policies: TOML, or Markdown with TOML in it.
"""

import json
import pathlib
import re
import sys
import tomllib
import urllib.request

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def policies(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return [text]
    blocks = re.findall(r"```toml\n(.*?)```", re.sub(r"^ {3}", "", text, flags=re.M), re.S)
    return [block for block in blocks if re.search(r"^\[\[(issuer|identity|provider|client|role)\]\]", block, re.M)]


def kinds(policy):
    return [entry for entries in policy.values() for entry in entries if isinstance(entry, dict)]


server, published, *files = sys.argv[1:]
schema = get(f"{server}/api/v1/policy/schema.json")
assert schema == json.loads(pathlib.Path(published).read_text(encoding="utf-8")), "another schema is published"
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
count = 0
for file in map(pathlib.Path, files):
    for text in policies(file):
        policy = tomllib.loads(text)
        errors = [f"{file}: {error.json_path}: {error.message}" for error in validator.iter_errors(policy)]
        assert not errors, errors
        for entry in kinds(policy):
            entry["no_such_key"] = 1
            assert not validator.is_valid(policy), f"{file}: an unknown key is accepted in {entry}"
            del entry["no_such_key"]
        count += 1
assert count >= 3, f"only {count} policies were found"
assert not validator.is_valid({"isuer": []})
for wrong in [
    {"identity": [{"name": "a", "issuer": "b", "claims": {"x": 1.5}}]},
    {"identity": [{"name": "a/", "issuer": "b"}]},
    {"issuer": [{"name": "a", "preset": "githup"}]},
    {"issuer": [{"name": "a", "preset": "github", "replay": "never"}]},
    {"role": [{"role": "owner", "index": "*"}]},
]:
    assert not validator.is_valid(wrong), wrong

document = get(f"{server}/api/v1/openapi.json")
OpenAPIV31SpecValidator(document).validate()
assert {"/api/v1/identities/{name}", "/api/v1/policy/apply", "/api/v1/session", "/api/v1/audit"} <= document["paths"].keys()
print(f"{count} policies, {len(document['paths'])} paths")
