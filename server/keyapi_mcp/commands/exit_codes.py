"""What the exit code of a command says to a script."""

from __future__ import annotations

from enum import IntEnum

from keyapi_mcp.errors import KeyApiMcpError, ServiceError, SetupError


class ExitCode(IntEnum):
    """0 and 1 are answers where something is looked for; the others say who can mend what went wrong."""

    DONE = 0
    # Changes (`collect`), something in the way (`doctor`), a fault (`store check`). Of other commands: not done.
    FOUND = 1
    USAGE = 2
    REFUSED = 3
    SERVICE = 4
    SETUP = 5


def of(error: KeyApiMcpError) -> ExitCode:
    """The same for every command."""
    if isinstance(error, SetupError):
        return ExitCode.SETUP
    return ExitCode.SERVICE if isinstance(error, ServiceError) else ExitCode.REFUSED
