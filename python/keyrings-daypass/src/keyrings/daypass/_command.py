"""Running the ``daypass`` command.

Imported only once a service may be ours.
"""

from __future__ import annotations

import json
import logging
import subprocess

from ._find import find_daypass

_log = logging.getLogger(__name__)

#: Somebody may be signing in, in a browser, and somebody else may have begun it: the command itself gives up after ten
#: minutes of each. pip and uv wait for ever.
_PATIENCE_SECONDS = 1800

#: The exit code by which the command says that the service is not its own.
_NOT_OURS = 1


def ask(service: str, username: str | None) -> tuple[str, str] | None:
    """Return the user name and the password for ``service``, or ``None``."""
    command = find_daypass()
    if command is None:
        _log.warning("the `daypass` command is missing: reinstall `keyrings-daypass`")
        return None
    # The service is an argument of its own, behind `--`: whatever it holds, it is never an option and never a shell's.
    arguments = [command, "helper", "keyring", "--mode=creds", "--output=json", "get", "--", service]
    if username:
        arguments.append(username)
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the program is our own
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # stderr stays the caller's: a person who must sign in reads the hint there.
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _log.warning("`daypass` did not answer within %s seconds", _PATIENCE_SECONDS)
        return None
    except OSError as error:
        _log.warning("`%s` cannot be run: %s", command, error)
        return None
    if done.returncode != 0:
        if done.returncode != _NOT_OURS:
            _log.debug("`daypass` has no credential for this service: exit code %s", done.returncode)
        return None
    answer = json.loads(done.stdout)
    found, password = answer["username"], answer["password"]
    if not isinstance(found, str) or not isinstance(password, str) or not password:
        return None
    return found, password
