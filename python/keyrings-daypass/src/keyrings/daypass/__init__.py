"""A keyring backend that gets short-lived credentials from ``daypass``.

Every program that uses keyring imports this, for every host there is. So importing it costs next to nothing, and a
service that cannot be ours is turned away before anything else is imported or started.

What is *not* here: which servers are ours, and where a credential comes from. The ``daypass`` command knows that;
this only asks it. Nothing is kept in this process either: an answer from the command's own cache takes a
millisecond or two, and it alone knows when a credential has too little life left.
"""

from __future__ import annotations

import logging

from keyring.backend import KeyringBackend
from keyring.credentials import SimpleCredential
from keyring.errors import PasswordDeleteError, PasswordSetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from keyring.credentials import Credential

__all__ = ["DaypassKeyring"]

_log = logging.getLogger(__name__)


class DaypassKeyring(KeyringBackend):
    """Reads credentials for the servers that ``daypass`` knows; there is nothing to write."""

    # Above the operating system's keyrings (5), so that a stale password there does not shadow us; below 10, where
    # the chain that asks every backend in turn stands.
    priority = 9.5

    def get_credential(self, service: str, username: str | None) -> Credential | None:
        """Return a credential for ``service``, or ``None``. Never raises: that would turn keyring off for pip."""
        answer = _ask(service, username)
        return None if answer is None else SimpleCredential(*answer)

    def get_password(self, service: str, username: str) -> str | None:
        """Return a password for ``service``, whoever ``username`` is, or ``None``."""
        answer = _ask(service, username)
        return None if answer is None else answer[1]

    def set_password(self, service: str, username: str, password: str) -> None:
        """Refuse, so that the next backend is asked."""
        del service, username, password
        message = "daypass gets credentials by itself and keeps none that it is given"
        raise PasswordSetError(message)

    def delete_password(self, service: str, username: str) -> None:
        """Refuse, so that the next backend is asked."""
        del service, username
        message = "daypass has nothing to delete; `daypass logout` forgets a server"
        raise PasswordDeleteError(message)


def _ask(service: str, username: str | None) -> tuple[str, str] | None:
    try:
        if not _can_be_ours(service):
            return None
        from ._command import ask  # noqa: PLC0415 - only now is it worth importing

        return ask(service, username)
    except Exception:  # noqa: BLE001 - whatever it is, other backends and other indexes must still work
        _log.debug("no credential from daypass", exc_info=True)
        return None


def _can_be_ours(service: object) -> bool:
    """Whether ``service`` is a URL or a host at all, and not a word such as ``python-poetry-check``.

    A first sieve that spares starting the command. It lets through more than is ours, and never decides.
    """
    if not isinstance(service, str) or not service.isascii() or not service.isprintable() or " " in service:
        return False
    scheme, found, _ = service.partition("://")
    if found:
        return scheme.lower() in {"https", "http"}
    return "." in service or ":" in service or service.lower() == "localhost"
