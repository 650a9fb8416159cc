"""What Buildkite does with a plugin's options: holds them against the plugin's schema, and makes variables of them.

    plugin.py PLUGIN_YML PIPELINE_YML [OPTION=VALUE]...

The options are those of the first step of the pipeline, and those given here.
"""

import re
import sys

import jsonschema
import yaml

# As the documentation of plugins has it.
MANIFEST = {
    "type": "object",
    "required": ["name", "description", "author", "requirements", "configuration"],
    "properties": {
        "name": {"type": "string"},
        "description": {"type": "string"},
        "author": {"type": "string"},
        "requirements": {"type": "array", "items": {"type": "string"}},
        "configuration": {"type": "object"},
    },
    "additionalProperties": False,
}

with open(sys.argv[1], encoding="utf-8") as file:
    manifest = yaml.safe_load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    ((source, options),) = yaml.safe_load(file)["steps"][0]["plugins"][0].items()
for option in sys.argv[3:]:
    name, _, value = option.partition("=")
    options[name] = yaml.safe_load(value)

jsonschema.validate(manifest, MANIFEST)
schema = manifest["configuration"]
jsonschema.Draft7Validator.check_schema(schema)
jsonschema.validate(options, {"type": "object", **schema})

# The variables have the name of the repository, without what every plugin's ends with.
repository = re.fullmatch(r".*/([a-z0-9-]+)-buildkite-plugin\.git#v[0-9.]+", source).group(1)
for name, value in options.items():
    variable = f"BUILDKITE_PLUGIN_{repository}_{name}".upper().replace("-", "_")
    print(f"{variable}={str(value).lower() if isinstance(value, bool) else value}")
