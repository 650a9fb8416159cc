"""The backend, as keyring and its callers see it."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

import keyring.backend
import keyring.errors
import pytest

from keyrings.daypass import DaypassKeyring

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import FakeCommand

INDEX = "https://packages.example.com/python/simple/"
FIXED = ["helper", "keyring", "--mode=creds", "--output=json", "get", "--"]

NOT_A_HOST = [
    "",
    "python-poetry-check",
    "poetry-repository-acme",
    "pdm-pypi-acme",
    "gh:secrets storage",
    "ftp://a.b/",
    "\u00fc.de",
    "a.b\n",
]


def test_an_index_url_is_answered(command: FakeCommand) -> None:
    """As pip and poetry ask: without a user name."""
    credential = DaypassKeyring().get_credential(INDEX, None)
    assert credential is not None
    assert (credential.username, credential.password) == ("_token", "s3cret")
    assert command.calls == [[*FIXED, INDEX]]


@pytest.mark.parametrize("host", ["packages.example.com", "127.0.0.1:8080", "localhost", "[::1]:80"])
def test_a_bare_host_is_passed_on(command: FakeCommand, host: str) -> None:
    """As pip asks a second time."""
    assert DaypassKeyring().get_credential(host, None) is not None
    assert command.calls == [[*FIXED, host]]


def test_the_callers_user_name_is_passed_on_to_be_echoed(command: FakeCommand) -> None:
    """Pip asks again for each request if it gets another name back."""
    command.answers('{"username": "ada", "password": "s3cret"}\n')
    credential = DaypassKeyring().get_credential(INDEX, "ada")
    assert credential is not None
    assert credential.username == "ada"
    assert command.calls == [[*FIXED, INDEX, "ada"]]


def test_an_empty_user_name_counts_as_none(command: FakeCommand) -> None:
    """As pdm asks."""
    assert DaypassKeyring().get_credential(INDEX, "") is not None
    assert command.calls == [[*FIXED, INDEX]]


def test_a_password_is_given_for_any_user_name(command: FakeCommand) -> None:
    """As hatch and twine ask."""
    assert DaypassKeyring().get_password(INDEX, "__token__") == "s3cret"
    assert command.calls == [[*FIXED, INDEX, "__token__"]]


def test_a_service_that_looks_like_an_option_stays_a_service(command: FakeCommand) -> None:
    """Whatever stands in a requirements file is data."""
    DaypassKeyring().get_credential("--output=a.b", "--mode=password")
    assert command.calls == [[*FIXED, "--output=a.b", "--mode=password"]]


@pytest.mark.parametrize("service", NOT_A_HOST)
def test_a_word_that_is_no_host_starts_nothing(command: FakeCommand, service: str) -> None:
    """Poetry and pdm ask for words of their own."""
    assert DaypassKeyring().get_credential(service, None) is None
    assert DaypassKeyring().get_password(service, "user") is None
    assert command.calls == []


@pytest.mark.parametrize("status", [1, 2, 3, 4, 5, 6, 139])
def test_any_failure_of_the_command_is_no_credential(command: FakeCommand, status: int) -> None:
    """An exception would switch keyring off for every other index."""
    command.answers("", status=status)
    assert DaypassKeyring().get_credential(INDEX, None) is None


@pytest.mark.parametrize(
    "stdout",
    [
        "",
        "\n",
        "s3cret\n",
        "[]",
        "{}",
        '{"username": "a"}',
        '{"username": 1, "password": "b"}',
        '{"username": "a", "password": ""}',
        "\x00",
    ],
)
def test_any_nonsense_from_the_command_is_no_credential(command: FakeCommand, stdout: str) -> None:
    """The command may be of another version."""
    command.answers(stdout)
    assert DaypassKeyring().get_credential(INDEX, None) is None
    assert DaypassKeyring().get_password(INDEX, "user") is None


def test_a_missing_command_is_told_and_is_no_credential(command: FakeCommand, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody deleted it."""
    command.path.unlink()
    with caplog.at_level(logging.WARNING):
        assert DaypassKeyring().get_credential(INDEX, None) is None
    assert "cannot be run" in caplog.text


def test_a_command_that_hangs_is_given_up(
    command: FakeCommand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Pip itself would wait for ever."""
    from keyrings.daypass import _command

    command.path.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(_command, "_PATIENCE_SECONDS", 0.2)
    assert DaypassKeyring().get_credential(INDEX, None) is None
    assert "did not answer" in caplog.text


def test_services_of_other_types_are_no_reason_to_raise(command: FakeCommand) -> None:
    """Callers are not always typed."""
    for service in (None, 1, b"https://a.b", object()):
        assert DaypassKeyring().get_credential(service, None) is None  # type: ignore[arg-type]
    assert command.calls == []


def test_stderr_reaches_the_person_and_stdout_stays_clean(
    command: FakeCommand, capfd: pytest.CaptureFixture[str]
) -> None:
    """Stdout is pip's, uv's or keyring's own."""
    command.answers("", status=4, stderr="error: nobody is signed in\n")
    assert DaypassKeyring().get_credential(INDEX, None) is None
    out, err = capfd.readouterr()
    assert (out, err) == ("", "error: nobody is signed in\n")


def test_secrets_are_never_logged(command: FakeCommand, caplog: pytest.LogCaptureFixture) -> None:
    """Also not in the traceback of an unexpected answer."""
    with caplog.at_level(logging.DEBUG):
        DaypassKeyring().get_credential(INDEX, None)
        command.answers('{"username": "_token", "password": "s3cret"} trailing')
        DaypassKeyring().get_credential(INDEX, None)
    assert "s3cret" not in caplog.text


def test_writing_is_refused_as_keyring_expects(command: FakeCommand) -> None:
    """The chain then asks the next backend."""
    with pytest.raises(keyring.errors.PasswordSetError):
        DaypassKeyring().set_password(INDEX, "user", "word")
    with pytest.raises(keyring.errors.PasswordDeleteError):
        DaypassKeyring().delete_password(INDEX, "user")
    assert command.calls == []


def test_the_priority_is_above_the_systems_keyrings_and_below_the_chain() -> None:
    """5 is SecretService and macOS, 10 is the chainer."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert DaypassKeyring.viable
    assert 5 < DaypassKeyring.priority < 10


def test_importing_it_costs_next_to_nothing_over_keyring_itself(run_python: Callable[..., str]) -> None:
    """Every use of keyring on this machine pays for it, for every host."""
    code = """
import sys, time
import keyring.backend, keyring.credentials, keyring.errors
before = set(sys.modules)
begun = time.perf_counter()
from keyrings.daypass import DaypassKeyring
DaypassKeyring().get_credential("python-poetry-check", None)
print((time.perf_counter() - begun) * 1000, sorted(set(sys.modules) - before))
"""
    times = []
    for _ in range(5):
        milliseconds, _, modules = run_python(code).partition(" ")
        # A neighbour in the namespace may bring `pkgutil`.
        assert modules.replace(", 'pkgutil'", "") == "['keyrings', 'keyrings.daypass']"
        times.append(float(milliseconds))
    assert min(times) < 2
