"""What the tests share: a command that stands in for ``daypass`` and writes down how it was called."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SCRIPT = """\
#!{python} -IS
import json, sys
with open({calls!r}, "a") as calls:
    calls.write(json.dumps([sys.argv[1:], sys.stdin.read()]) + "\\n")
sys.stdout.write({stdout!r})
sys.stderr.write({stderr!r})
sys.exit({status!r})
"""


class FakeCommand:
    """A ``daypass`` that answers as it is told."""

    def __init__(self, folder: Path) -> None:
        """Put the command's record into ``folder``; there is no command yet."""
        self.path = folder / "daypass"
        self._calls = folder / "calls.jsonl"

    def answers(self, stdout: str = "", *, status: int = 0, stderr: str = "") -> None:
        """Make the command, or change its answer."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(
            _SCRIPT.format(python=sys.executable, calls=str(self._calls), stdout=stdout, stderr=stderr, status=status)
        )
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> Sequence[list[str]]:
        """The arguments of each call. Its stdin was always empty."""
        if not self._calls.exists():
            return []
        calls = [json.loads(line) for line in self._calls.read_text().splitlines()]
        assert all(stdin == "" for _, stdin in calls)
        return [arguments for arguments, _ in calls]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommand:
    """A ``daypass`` that the backend finds, which says it has a credential."""
    from keyrings.daypass import _command

    fake = FakeCommand(tmp_path / "scripts")
    monkeypatch.setattr(_command, "find_daypass", lambda: str(fake.path))
    fake.answers('{"username": "_token", "password": "s3cret"}\n')
    return fake


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., str]:
    """Run code in a fresh interpreter, with this package on its path, and return what it printed."""
    import os
    import subprocess

    source = str(Path(__file__).parent.parent / "src")

    def run(code: str, *more_path: str, python: str = sys.executable) -> str:
        path = os.pathsep.join([*more_path, source, *(entry for entry in sys.path if "site-packages" in entry)])
        environment = {"PYTHONPATH": path, "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [python, "-c", code], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
        )
        return done.stdout.strip()

    return run
