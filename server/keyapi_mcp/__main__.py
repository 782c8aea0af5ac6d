"""`python -m keyapi_mcp` and the installed command."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    # Start-up is mostly imports, which make objects that live for ever: collecting while they are made is lost time,
    # and afterwards they need not be looked at again.
    gc.disable()
    from keyapi_mcp import cli

    return cli.main(sys.argv[1:], imported=gc_resume)


def gc_resume() -> None:
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    sys.exit(main())
