"""Where the command is looked for, in each way that an installer may have put it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(__file__).parent.parent / "src" / "keyrings" / "daypass" / "_find.py"
FIND = "from keyrings.daypass import _find; print(_find.find_daypass())"
EXE = ".exe" if os.name == "nt" else ""
SCRIPTS = "Scripts" if os.name == "nt" else "bin"


def put_command(folder: Path) -> Path:
    """An executable file called ``daypass``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"daypass{EXE}"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def put_package(site: Path) -> None:
    """The finder alone: it needs nothing of keyring."""
    package = site / "keyrings" / "daypass"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    shutil.copy(SOURCE, package)


def find(python: str, *, site: Path | None = None, **environment: str) -> str:
    """What the finder finds, in a fresh interpreter."""
    environment = {"PATH": "", "HOME": "/nonexistent", **environment}
    if site is not None:
        environment["PYTHONPATH"] = str(site)
    done = subprocess.run([python, "-c", FIND], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment without pip."""
    venv.create(tmp_path / "venv", symlinks=True)
    return tmp_path / "venv"


def python_of(environment: Path) -> str:
    """Its interpreter."""
    return str(environment / SCRIPTS / f"python{EXE}")


def site_of(prefix: Path) -> Path:
    """Where packages are installed under a prefix."""
    if os.name == "nt":
        return prefix / "Lib" / "site-packages"
    return prefix / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def test_in_a_virtual_environment_it_stands_beside_python(environment: Path) -> None:
    put_package(site_of(environment))
    command = put_command(environment / SCRIPTS)
    assert find(python_of(environment)) == str(command)


def test_the_environments_own_command_wins_over_one_on_path(environment: Path, tmp_path: Path) -> None:
    put_package(site_of(environment))
    command = put_command(environment / SCRIPTS)
    put_command(tmp_path / "evil")
    assert find(python_of(environment), PATH=str(tmp_path / "evil")) == str(command)


def test_installed_with_target(environment: Path, tmp_path: Path) -> None:
    put_package(tmp_path / "target")
    command = put_command(tmp_path / "target" / "bin")
    assert find(python_of(environment), site=tmp_path / "target") == str(command)


def test_installed_with_prefix(environment: Path, tmp_path: Path) -> None:
    site = site_of(tmp_path / "prefix")
    put_package(site)
    command = put_command(tmp_path / "prefix" / SCRIPTS)
    assert find(python_of(environment), site=site) == str(command)


def test_installed_for_the_user(tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("another scheme there")
    base = tmp_path / ".local"
    put_package(site_of(base))
    command = put_command(base / "bin")
    base_python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert find(str(base_python), PYTHONUSERBASE=str(base)) == str(command)


def test_path_is_asked_last(environment: Path, tmp_path: Path) -> None:
    put_package(site_of(environment))
    command = put_command(tmp_path / "on-path")
    assert find(python_of(environment), PATH=str(tmp_path / "on-path")) == str(command)


def test_a_relative_entry_of_path_is_not_followed(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_package(site_of(environment))
    put_command(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    assert find(python_of(environment), PATH=".") == "None"


def test_a_file_that_cannot_be_run_is_passed_over(environment: Path) -> None:
    put_package(site_of(environment))
    put_command(environment / SCRIPTS).chmod(0o644)
    assert find(python_of(environment)) == "None"


def test_a_folder_of_that_name_is_passed_over(environment: Path) -> None:
    put_package(site_of(environment))
    (environment / SCRIPTS / f"daypass{EXE}").mkdir()
    assert find(python_of(environment)) == "None"


def test_the_namespace_is_shared_with_another_backend(run_python: Callable[..., str], tmp_path: Path) -> None:
    """A real neighbour: in another folder, and in the same one as an installer puts it."""
    import keyrings.alt

    code = "import keyrings.alt, keyrings.daypass; print(keyrings.daypass.__file__)"
    assert run_python(code) == str(SOURCE.parent / "__init__.py")
    together = tmp_path / "site" / "keyrings"
    shutil.copytree(Path(keyrings.alt.__file__).parent.parent, together)
    shutil.copytree(SOURCE.parent, together / "daypass")
    assert run_python(code, str(tmp_path / "site")) == str(together / "daypass" / "__init__.py")
    assert not (SOURCE.parent.parent / "__init__.py").exists()
