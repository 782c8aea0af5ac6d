"""What a person can do where this program is installed: type a command, or change the settings of a bundle's host."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

# Set by a bundle's entry point: whoever uses a bundle has no command, but settings with these titles.
BUNDLE: Final = "KEYAPI_BUNDLE"
_HOST: Final = "in this extension's settings"
_NAME: Final = "keyapi-mcp"
# What decides which file is the store; a terminal may not have what a client's entry has.
_WHICH_STORE: Final = ("KEYAPI_MCP_HOME", "KEYAPI_API_BASE_URL", "KEYAPI_MCP_SANDBOX")


def words(executable: Path, system: str) -> tuple[str, ...]:
    """How to start the installation of this interpreter from anywhere."""
    script = executable.with_name(f"{_NAME}.exe" if system == "win32" else _NAME)
    return (str(script),) if script.is_file() else (str(executable), "-m", "keyapi_mcp")


def command(*arguments: str) -> str:
    """What to type into a shell to run this very program; by its name only where that leads to no other."""
    import shlex
    import shutil
    import subprocess

    # Not resolved: the interpreter of a virtual environment is a link, and what it is linked to knows no packages.
    own = words(Path(sys.executable).absolute(), sys.platform)
    found = shutil.which(_NAME)
    if found is not None and len(own) == 1 and Path(found).samefile(own[0]):
        own = (_NAME,)
    written = [*own, *arguments]
    return subprocess.list2cmdline(written) if sys.platform == "win32" else shlex.join(written)


def _bundled() -> bool:
    return BUNDLE in os.environ


def set_a_key() -> str:
    if _bundled():
        return (
            f'get a key at KeyAPI\'s console and enter it as "KeyAPI key" {_HOST}; or switch on "Synthetic answers" '
            "there, for synthetic data without a key."
        )
    return (
        "get a key at KeyAPI's console and set KEYAPI_TOKEN in this server's entry of the client's configuration, "
        "then restart it; or start it with --sandbox for synthetic data without a key."
    )


def where_the_key_is() -> str:
    return f'"KeyAPI key" {_HOST}' if _bundled() else "KEYAPI_TOKEN in the client's configuration"


def check_the_way() -> str:
    """More that can be done about a service that cannot be reached; nothing in a bundle."""
    return "" if _bundled() else f"; `{command('doctor')}` tests the way"


def choose_another_directory() -> str:
    if _bundled():
        return f'choose another "Data directory" {_HOST}.'
    return (
        "name another directory with KEYAPI_MCP_HOME, or keep nothing beyond the process with "
        "KEYAPI_MCP_STORE=memory; then restart the server."
    )


def set_aside_now() -> str:
    """More that can be done about a damaged store than waiting for a server's next call; nothing in a bundle."""
    return "" if _bundled() else f", `{_accept_lost_ledger()}` does so now{_as_here()}"


def accept_the_loss(aside: str) -> str:
    """aside: the name of the damaged file."""
    if _bundled():
        return f'enter {aside} as "Accepted loss" {_HOST}'
    return f"run `{_accept_lost_ledger()}`{_as_here()}"


def _accept_lost_ledger() -> str:
    return command("store", "check", "--accept-lost-ledger")


def _as_here() -> str:
    given = [name for name in _WHICH_STORE if os.environ.get(name)]
    return f" (with {' and '.join(given)} set as here)" if given else ""
