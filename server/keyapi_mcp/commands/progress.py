"""How far a command is, on standard error."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

_WIDTH: Final = 24


def progress(what: str, done: int, whole: int) -> None:
    """A bar that is written over on a terminal, plain lines elsewhere; nothing ends because nobody reads it."""
    with suppress(OSError):
        _print(what, done, whole)


def _print(what: str, done: int, whole: int) -> None:
    told = f"{what}: {done:,} of {whole:,}"
    if not sys.stderr.isatty():
        print(told, file=sys.stderr, flush=True)
        return
    filled = _WIDTH * done // whole if whole else _WIDTH
    bar = "█" * filled + "·" * (_WIDTH - filled)
    print(f"\r{bar} {told}", end="" if done < whole else "\n", file=sys.stderr, flush=True)
