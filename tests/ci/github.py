"""Runs a job of a workflow as GitHub's runner does: the contract of JavaScript actions and of `run` steps, no more.

    github.py WORKFLOW ACTION FOLDER

ACTION is the folder of the action under test. What the runner itself has is in FOLDER: `temp` (empty at the start of
a job), `tools` (unless RUNNER_TOOL_CACHE says otherwise), `workspace`, `files` (what steps wrote, for whoever looks for
secrets in it), `raw` (the log before anything is struck out, without `::add-mask::`) and `record.json` (what became of
each step). Stdout is the log as people see it. What this does not know is an error, never a guess.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading

from strict_yaml import Strict, read

WORKFLOW, ACTION, FOLDER = sys.argv[1], os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
NODE = shutil.which("node", path="/usr/local/bin:/usr/bin:/bin")
FILES = ["ENV", "PATH", "OUTPUT", "STATE", "STEP_SUMMARY"]
# Somebody else's, whose work the test did already.
ELSEWHERE = re.compile(r"(actions/checkout|actions/setup-python|astral-sh/setup-uv)@[0-9a-fv.]+")
OURS = re.compile(r"\./.*|([\w.-]+/setup-daypass)@[\w.-]+")
BASH = "bash --noprofile --norc -eo pipefail"
STEP = {"name", "id", "if", "uses", "with", "run", "env", "shell", "continue-on-error", "working-directory"}
JOB = {"name", "runs-on", "permissions", "env", "steps", "timeout-minutes"}


class Words(Strict):
    """`on`, `true` and the like are words here."""


Words.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in Strict.yaml_implicit_resolvers.items()
}


def known(value, keys, what):
    if unknown := value.keys() - keys:
        raise ValueError(f"{what}: {unknown} is not known here")


class Log:
    """The log: each line is looked at for commands, then struck through."""

    def __init__(self):
        self.masks, self.annotations, self.lock = [], [], threading.Lock()
        self.raw = open(os.path.join(FOLDER, "raw"), "w", encoding="utf-8")

    def line(self, line):
        with self.lock:
            command = re.match(r"\s*::([\w-]+)( [^:]*)?::(.*)", line)
            if not command:
                self.say(line)
                return
            name, properties, text = command.groups()
            name, text = name.lower(), decoded(text)
            if name == "add-mask":
                self.masks.extend(part for part in [text, *text.splitlines()] if part)
            elif name in ("error", "warning", "notice", "debug"):
                pairs = (pair.split("=", 1) for pair in (properties or "").strip().split(",") if pair)
                properties = {key: decoded(value) for key, value in pairs}
                self.annotations.append({"kind": name, **properties, "text": text})
                self.say(f"##[{name}]{text}")
            elif name in ("group", "endgroup"):
                self.say(f"##[{name}]{text}")
            else:
                raise ValueError(f"no command of today: {line}")

    def say(self, line):
        self.raw.write(line + "\n")
        self.raw.flush()
        for mask in sorted(self.masks, key=len, reverse=True):
            line = line.replace(mask, "***")
        print(line, flush=True)


def decoded(text):
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def assignments(path):
    """What a file of `NAME=VALUE` says; a value of several lines stands between two equal words."""
    with open(path, encoding="utf-8") as file:
        lines = iter(file.read().splitlines())
    for line in lines:
        if not line:
            continue
        if several := re.fullmatch(r"([^=]+)<<(.+)", line):
            value = []
            for inner in lines:
                if inner == several[2]:
                    break
                value.append(inner)
            else:
                raise ValueError(f"{path}: nothing ends the value of {several[1]}")
            yield several[1], "\n".join(value)
        elif line.find("=") > 0:
            yield tuple(line.split("=", 1))
        else:
            raise ValueError(f"{path}: this assigns nothing: {line}")


class Job:
    def __init__(self, workflow, job):
        known(workflow, {"name", "on", "permissions", "env", "jobs", "concurrency"}, "a workflow")
        known(job, JOB, "a job")
        self.job, self.log, self.failed, self.count = job, Log(), False, 0
        self.outputs, self.posts, self.record = {}, [], []
        self.environment = self.surroundings(job.get("permissions", workflow.get("permissions")))
        for level in (workflow, job):
            self.environment.update((name, self.text(value)) for name, value in level.get("env", {}).items())

    def surroundings(self, permissions):
        """What a runner gives to every step."""
        environment = dict(os.environ)
        environment.update(
            CI="true", GITHUB_ACTIONS="true", GITHUB_REPOSITORY="octo-org/octo-repo", GITHUB_RUN_ID="1658821493",
            GITHUB_WORKSPACE=made("workspace"), RUNNER_OS="Linux",
            RUNNER_ARCH="X64", RUNNER_TEMP=made("temp"), RUNNER_ENVIRONMENT="self-hosted",
        )
        environment.setdefault("RUNNER_TOOL_CACHE", made("tools"))
        environment.setdefault("GITHUB_EVENT_NAME", "push")
        environment.setdefault("GITHUB_SERVER_URL", "https://github.example.com")
        may = isinstance(permissions, dict) and permissions.get("id-token") == "write"
        if not may or from_a_fork(environment):
            for name in ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
                environment.pop(name, None)
        return environment

    def text(self, value):
        """A value with its expressions in it."""

        def expression(match):
            found = self.value(match[1])
            return str(found).lower() if isinstance(found, bool) else found

        return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", expression, "" if value is None else str(value))

    def value(self, expression):
        if found := re.fullmatch(r"steps\.([\w-]+)\.outputs\.([\w-]+)", expression):
            return self.outputs.get(found[1], {}).get(found[2], "")
        if found := re.fullmatch(r"env\.(\w+)", expression):
            return self.environment.get(found[1], "")
        if found := re.fullmatch(r"runner\.temp|github\.workspace", expression):
            return self.environment[found[0].upper().replace(".", "_")]
        if found := re.fullmatch(r"(.+?) (==|!=) '([^']*)'", expression):
            return (self.value(found[1]) == found[3]) == (found[2] == "==")
        states = {"always()": True, "success()": not self.failed, "failure()": self.failed, "!cancelled()": True}
        return states[expression]

    def wanted(self, condition):
        condition = str(condition)
        condition = re.sub(r"^\$\{\{\s*(.*?)\s*\}\}$", r"\1", condition)
        value = self.value(condition)
        return value if re.search(r"\b(always|success|failure|cancelled)\(\)", condition) else value and not self.failed

    def started(self, command, more, folder=None):
        """Runs one program of a step: its exit code, and what it wrote into the files."""
        self.count += 1
        folder_of_files = made(f"files/{self.count}")
        files = {name: os.path.join(folder_of_files, name) for name in FILES}
        for path in files.values():
            open(path, "w").close()
        environment = {**self.environment, **more, **{f"GITHUB_{name}": path for name, path in files.items()}}
        child = subprocess.Popen(
            command, env=environment, cwd=folder or self.environment["GITHUB_WORKSPACE"], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        troubles = []

        def follow(stream):
            try:
                for line in stream:
                    self.log.line(line.rstrip("\r\n"))
            except Exception as error:
                troubles.append(error)

        threads = [threading.Thread(target=follow, args=[stream]) for stream in (child.stdout, child.stderr)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        code = child.wait()
        if troubles:
            raise troubles[0]
        for name, value in assignments(files["ENV"]):
            if name.startswith(("GITHUB_", "RUNNER_")) or name == "NODE_OPTIONS":
                raise ValueError(f"no step may set {name}")
            self.environment[name] = value
        with open(files["PATH"], encoding="utf-8") as file:
            for line in file.read().splitlines():
                self.environment["PATH"] = f"{line}:{self.environment['PATH']}"
        with open(files["STEP_SUMMARY"], encoding="utf-8") as file:
            summary = file.read()
        return code, dict(assignments(files["OUTPUT"])), dict(assignments(files["STATE"])), summary

    def run(self):
        for step in self.job["steps"]:
            known(step, STEP, "a step")
            name = self.text(step.get("name", step.get("run", step.get("uses"))))
            if not self.wanted(step.get("if", "success()")):
                self.done(name, "skipped")
                continue
            self.log.say(f"##[group]Run {step.get('uses', step.get('name', 'a script'))}")
            more = {variable: self.text(value) for variable, value in step.get("env", {}).items()}
            self.script(step, name, more) if "run" in step else self.action(step, name, more)
        for post in reversed(self.posts):
            post()
        self.log.raw.close()

    def done(self, name, outcome, step=None, outputs=None, summary=""):
        outputs = outputs or {}
        if step and "id" in step:
            self.outputs[step["id"]] = outputs
        if outcome == "failure" and not (step and step.get("continue-on-error") == "true"):
            self.failed = True
        self.record.append({"name": name, "outcome": outcome, "outputs": outputs, "summary": summary})

    def script(self, step, name, more):
        path = os.path.join(self.environment["RUNNER_TEMP"], f"script-{self.count}.sh")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text(step["run"]))
        shell = {"bash": BASH, None: "bash -e", "sh": "sh -e"}[step.get("shell")].split()
        folder = os.path.join(self.environment["GITHUB_WORKSPACE"], step.get("working-directory", ""))
        code, outputs, _, summary = self.started([shutil.which(shell[0], path="/usr/bin:/bin"), *shell[1:], path], more, folder)
        os.remove(path)
        self.done(name, "failure" if code else "success", step, outputs, summary)

    def action(self, step, name, more):
        if ELSEWHERE.fullmatch(step["uses"]):
            self.done(name, "success", step)
            return
        ours = OURS.fullmatch(step["uses"])
        if not ours:
            raise ValueError(f"{step['uses']} is not known here")
        metadata = read(os.path.join(ACTION, "action.yml"), Words)
        runs, given = metadata["runs"], step.get("with", {})
        known(given, metadata["inputs"].keys(), "the action")
        known(runs, {"using", "main", "post", "post-if"}, "the action")
        if runs["using"] != "node24" or runs["post-if"] != "always()":
            raise ValueError("this is not what the action says today")
        for key, value in metadata["inputs"].items():
            more[f"INPUT_{key.replace(' ', '_').upper()}"] = self.text(given.get(key, value.get("default", "")))
        more.update(GITHUB_ACTION=f"__{name}", GITHUB_ACTION_PATH=ACTION, GITHUB_ACTION_REPOSITORY=ours[1] or "")
        state = {}

        def program(which, kept):
            return [NODE, os.path.join(ACTION, runs[which])], {**more, **{f"STATE_{k}": v for k, v in kept.items()}}

        def post():
            self.log.say(f"##[group]Post {name}")
            code, _, _, summary = self.started(*program("post", state))
            self.done(f"Post {name}", "failure" if code else "success", None, None, summary)

        # It runs however far the main program comes.
        self.posts.append(post)
        code, outputs, kept, summary = self.started(*program("main", state))
        state.update(kept)
        # An output that the action does not declare is none.
        outputs = {key: value for key, value in outputs.items() if key in metadata["outputs"]}
        self.done(name, "failure" if code else "success", step, outputs, summary)


def made(name):
    path = os.path.join(FOLDER, name)
    os.makedirs(path, exist_ok=True)
    return path


def from_a_fork(environment):
    if environment["GITHUB_EVENT_NAME"] != "pull_request":
        return False
    with open(environment["GITHUB_EVENT_PATH"], encoding="utf-8") as file:
        request = json.load(file)["pull_request"]
    return request["head"]["repo"]["id"] != request["base"]["repo"]["id"]


def main():
    for name in ("temp", "files"):
        shutil.rmtree(made(name))
    workflow = read(WORKFLOW, Words)
    (job,) = workflow["jobs"].values()
    job = Job(workflow, job)
    job.run()
    with open(os.path.join(FOLDER, "record.json"), "w", encoding="utf-8") as file:
        json.dump({"steps": job.record, "annotations": job.log.annotations}, file, indent=1)
    sys.exit(1 if job.failed else 0)


main()
