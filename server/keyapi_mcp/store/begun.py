"""Whether a file has been a store: one that was emptied must not pass for a new one, with all limits untouched.

That is written down beside the file. Who removes the file itself begins anew, whatever else is left.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

# Of what SQLite has written; a new file has none at all.
_SMALLEST_PAGE: Final = 512
_WORDS: Final = "The store beside this file has been begun: found empty, it was damaged and is not new.\n"


def note(path: Path) -> None:
    """Write down that the file is a store. Where nothing can be written, nothing can be spent either."""
    mark = _mark(path)
    if mark.exists():
        return
    with contextlib.suppress(OSError):
        opened = os.open(mark, os.O_CREAT | os.O_WRONLY, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(_WORDS)


def forget(path: Path) -> None:
    """To be called before a new file is made."""
    _mark(path).unlink(missing_ok=True)


def emptied(path: Path) -> bool:
    """Whether the file was a store and is none any more."""
    with contextlib.suppress(FileNotFoundError):
        return _mark(path).exists() and path.stat().st_size < _SMALLEST_PAGE
    return False


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.stem}.begun")
