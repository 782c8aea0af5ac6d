"""`python -m keyapi_mcp` and the installed command."""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper


def main() -> int:
    """Run the command line; returns the exit code."""
    # Start-up is mostly imports, which make objects that live for ever: collecting while they are made is lost time,
    # and afterwards they need not be looked at again.
    gc.disable()
    _write_every_script()
    from keyapi_mcp import cli

    return cli.main(sys.argv[1:], imported=gc_resume)


def _write_every_script() -> None:
    """Names are in many scripts; what Windows takes for a file or pipe by default knows one, and ends the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            if "PYTHONIOENCODING" in os.environ:
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="replace")


def gc_resume() -> None:
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    sys.exit(main())
