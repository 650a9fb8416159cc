"""Finding the ``daypass`` command that came with this package.

It is looked for where installers put scripts, beginning with the running interpreter's own, and on ``PATH`` last:
what stands first on ``PATH`` may belong to the project in whose folder somebody happens to be, and would be run
with their credentials.
"""

from __future__ import annotations

import os
import sys
import sysconfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def find_daypass() -> str | None:
    """Return the absolute path of the ``daypass`` command, or ``None``."""
    name = "daypass" + (sysconfig.get_config_var("EXE") or "")
    for folder in _folders():
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    import shutil  # noqa: PLC0415 - seldom needed

    found = shutil.which(name)
    # A relative entry of PATH names the current folder, which may be anybody's.
    return found if found is not None and os.path.isabs(found) else None


def _folders() -> Iterator[str]:
    """Yield the folders that scripts are installed into, the nearest to this interpreter first."""
    # A virtual environment, conda, or the system.
    yield sysconfig.get_path("scripts")
    # Installed in the base interpreter, running in a virtual environment that sees its packages.
    yield sysconfig.get_path("scripts", vars={"base": sys.base_prefix})
    package = os.path.dirname(os.path.abspath(__file__))
    site = os.path.dirname(os.path.dirname(package))
    above = os.path.dirname(site)
    scripts = "Scripts" if os.name == "nt" else "bin"
    # `--prefix`, `uv run --with`: `<prefix>/lib/python3.x/site-packages`, on Windows `<prefix>/Lib/site-packages`.
    prefix = os.path.dirname(above) if os.name == "nt" else os.path.dirname(os.path.dirname(above))
    if os.path.basename(site) in {"site-packages", "dist-packages"}:
        yield os.path.join(prefix, scripts)
    # `--target`: beside the packages themselves.
    yield os.path.join(site, "bin")
    # `--user`.
    yield sysconfig.get_path("scripts", scheme=_user_scheme())


def _user_scheme() -> str:
    preferred = getattr(sysconfig, "get_preferred_scheme", None)
    if preferred is not None:
        return str(preferred("user"))
    # Python 3.9 does not tell.
    if os.name == "nt":
        return "nt_user"
    if sys.platform == "darwin" and sysconfig.get_config_var("PYTHONFRAMEWORK"):
        return "osx_framework_user"
    return "posix_user"
