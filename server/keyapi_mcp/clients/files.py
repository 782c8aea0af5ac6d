"""Reading and replacing a client's file: whole or not at all, with its rights kept and a copy of what was there.

The copy is the user's alone: what it holds may be keys, and nothing but a person reads it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from datetime import datetime
from pathlib import Path

from keyapi_mcp.clients.entry import Refused

_PRIVATE = stat.S_IRUSR | stat.S_IWUSR
_BACKUP = ".bak-"


def read_text(path: Path) -> str | None:
    """The file as it is, line ends and byte order mark included; `None` where there is none. Raises Refused."""
    try:
        # A pipe or a device would be waited for without end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise Refused("it is not a file")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise Refused("it is not UTF-8 text") from None
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}") from None


def write_text(path: Path, before: str | None, after: str, now: datetime) -> Path | None:
    """Replace the file; returns where the copy of the former one is. Raises Refused, the file then being as it was.

    before: what it held when it was read; a client may have written it meanwhile.
    """
    real = Path(
        os.path.realpath(path)
    )  # a link, for example into a folder of settings under version control, stays one
    fresh = real.with_name(f"{real.name}.new-{os.getpid()}")
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(real.stat().st_mode) if before is not None else _PRIVATE
        _write(fresh, after, mode)
        try:
            if read_text(real) != before:
                raise Refused("another program has just changed it; close the client and try again")
            backup = _backup(real, before, mode & _PRIVATE, now) if before is not None else None
            fresh.replace(real)
        finally:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
    except OSError as error:
        raise Refused(f"it cannot be written: {error.strerror}") from None
    return backup


def copies(path: Path) -> list[Path]:
    """The copies of former states of the file, the oldest first."""
    real = Path(os.path.realpath(path))
    with contextlib.suppress(OSError):
        return sorted(one for one in real.parent.iterdir() if one.name.startswith(real.name + _BACKUP))
    return []


def _backup(path: Path, content: str, mode: int, now: datetime) -> Path:
    number = 1
    while True:
        more = f"-{number}" if number > 1 else ""
        copy = path.with_name(f"{path.name}{_BACKUP}{now:%Y%m%d-%H%M%S}{more}")
        try:
            _write(copy, content, mode)
        except FileExistsError:
            number += 1
        else:
            return copy


def _write(path: Path, content: str, mode: int) -> None:
    """A new file. Its rights are there before its content, which may hold keys."""
    with os.fdopen(
        os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), _PRIVATE), "wb"
    ) as file:
        path.chmod(mode)
        file.write(content.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
