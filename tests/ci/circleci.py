"""Runs a job of a CircleCI configuration with one orb, as CircleCI's runner does: each `run` in a shell of its own.

    circleci.py CONFIG ORB JOB
"""

import os
import re
import subprocess
import sys

from strict_yaml import read

SHELL = "/bin/bash -eo pipefail"
TYPES = {"string": str, "boolean": bool, "integer": int, "enum": str}
FIELDS = {"name", "command", "shell", "environment", "when", "working_directory", "no_output_timeout", "background"}


def filled(value, arguments):
    """`value` with the parameters of a command in it."""
    if isinstance(value, dict):
        return {key: filled(part, arguments) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, arguments) for part in value]
    if not isinstance(value, str):
        return value

    def argument(match):
        found = arguments[match.group(1)]
        return str(found).lower() if isinstance(found, bool) else str(found)

    text = re.sub(r"(?<!\\)<<\s*parameters\.([\w-]+)\s*>>", argument, value)
    if re.search(r"(?<!\\)<<", text):
        raise ValueError(f"`<<` begins a parameter: {text}")
    return text.replace("\\<<", "<<")


def called(command, given):
    """The steps of an orb's command."""
    parameters = command.get("parameters", {})
    if unknown := given.keys() - parameters.keys():
        raise ValueError(f"there is no parameter {unknown}")
    arguments = {}
    for name, parameter in parameters.items():
        if name not in given and "default" not in parameter:
            raise ValueError(f"`{name}` is missing")
        value = given.get(name, parameter.get("default"))
        if type(value) is not TYPES[parameter["type"]] or value not in parameter.get("enum", [value]):
            raise ValueError(f"`{name}` cannot be {value!r}")
        arguments[name] = value
    return filled(command["steps"], arguments)


def steps_of(job, orbs):
    for step in job["steps"]:
        name, given = (step, {}) if isinstance(step, str) else next(iter(step.items()))
        if name == "checkout":
            continue
        if name == "run":
            yield {"command": given} if isinstance(given, str) else given
            continue
        orb, _, command = name.partition("/")
        for inner in called(orbs[orb]["commands"][command], given):
            if list(inner) != ["run"]:
                raise ValueError(f"only `run` is known in an orb here, not {list(inner)}")
            yield inner["run"]


def main(config, orb, job):
    config, orb = read(config), read(orb)
    if config["version"] != 2.1 or orb["version"] != 2.1 or "description" not in orb:
        raise ValueError("this is no orb of version 2.1")
    (name,) = config["orbs"]
    outcome = 0
    for step in steps_of(config["jobs"][job], {name: orb}):
        if unknown := step.keys() - FIELDS:
            raise ValueError(f"a step has no {unknown}")
        if outcome and step.get("when", "on_success") == "on_success":
            continue
        print(f"== {step.get('name', step['command'])}", flush=True)
        # Variables are texts; nothing in them is expanded.
        environment = {**os.environ, **{key: str(value) for key, value in step.get("environment", {}).items()}}
        shell = step.get("shell", SHELL).split()
        done = subprocess.run([*shell, "-c", step["command"]], env=environment, check=False)
        outcome = outcome or done.returncode
    sys.exit(outcome)


main(*sys.argv[1:])
