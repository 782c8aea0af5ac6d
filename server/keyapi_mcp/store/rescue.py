"""A damaged file is set aside, never deleted, and its credit ledger is carried over into a new one.

Only where SQLite itself finds the file damaged, only a file of this program, and one process at a time. What a rescue
found is written down beside the file; while a ledger could not be read whole, nothing may be spent.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keyapi_mcp import installation
from keyapi_mcp.clock import utc_now
from keyapi_mcp.errors import DAMAGED, EMPTIED, LedgerLost, StoreUnavailable
from keyapi_mcp.store import begun
from keyapi_mcp.store.database import private_file

if TYPE_CHECKING:
    from sqlalchemy import Connection

logger = logging.getLogger(__name__)

_CERTAIN: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_COMPANIONS: Final = ("-wal", "-shm")
_FILE: Final = r"[\w.-]+"


@dataclass(frozen=True, slots=True)
class Rescue:
    """at: when, ISO 8601; aside: the damaged file's new name; whole: all that was spent is known; credits: how many
    were carried over."""

    at: str
    aside: str
    whole: bool
    credits: int

    def in_words(self) -> str:
        if self.whole:
            return f"{self._what_became()} The credit ledger was carried over ({self.credits:,} credits)."
        return (
            f"{self._what_became()} {self.what_is_lost()}: nothing is spent until you "
            f"{installation.accept_the_loss(self.aside)}."
        )

    def _what_became(self) -> str:
        if self is UNREADABLE:
            return "The store was damaged before."
        when = datetime.fromisoformat(self.at)
        return (
            f"The store was damaged; on {when:%Y-%m-%d %H:%M} UTC it was set aside as {self.aside} and a new one begun."
        )

    def what_is_lost(self) -> str:
        if self is UNREADABLE:
            return "The record of what became of its credit ledger cannot be read"
        return f"Its credit ledger could not be read whole ({self.credits:,} credits could)"


# A record that is there and says nothing stands for a lost ledger.
UNREADABLE: Final = Rescue("", "unknown", whole=False, credits=0)


def suspected(error: BaseException) -> bool:
    """Whether the error may have come of a damaged file."""
    if isinstance(error, StoreUnavailable):
        return error.why in (DAMAGED, EMPTIED)
    return _code(error) in _CERTAIN


def rescue(path: Path, busy_s: float) -> None:
    """Replace the file, if it is damaged, by a new one with its ledger. Others may be doing the same.

    Raises StoreUnavailable for a file that is not ours, OSError or sqlite3.Error when it cannot be done; the file is
    untouched then.
    """
    with _one_at_a_time(path, busy_s):
        _place(path)
        if not _damaged(path):
            return
        from keyapi_mcp.store import salvage

        now = utc_now()
        aside = _free_name(path, f"{path.stem}.damaged-{now:%Y%m%dT%H%M%SZ}")
        new = _new(path)
        for left_over in (new, *_beside(new)):
            left_over.unlink(missing_ok=True)
        with _held(path, busy_s) as connection:
            found = salvage.read(connection)
            salvage.write(found, new, busy_s)
            earlier = last(path)
            whole = found.whole and (earlier is None or earlier.whole)
            done = Rescue(now.isoformat(timespec="seconds"), aside.name, whole, found.credits)
            # Before anything is moved: whoever goes on after a kill has to know.
            _write_down(path, done)
            path.rename(aside)
            _set_aside_log(path, aside)
        # The connection to the old file is closed by now: closing it may remove a log of this name.
        _place(path)
        logger.warning("%s", done.in_words())


def look(connection: Connection) -> None:
    """An operation that raises what SQLite raises of a damaged file, if this is one."""
    found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
    if found != "ok":
        damage = sqlite3.DatabaseError("database disk image is malformed")
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def finish(path: Path, busy_s: float) -> None:
    """Carry on where a process was killed between setting aside and putting the new file in place."""
    if not path.exists() and _new(path).exists():
        with _one_at_a_time(path, busy_s):
            _place(path)


def last(path: Path | None) -> Rescue | None:
    """What the last rescue found, until it was confirmed; UNREADABLE where that cannot be told."""
    if path is None:
        return None
    try:
        return _read(_record(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError):
        return UNREADABLE


def _read(text: str) -> Rescue:
    """Raises ValueError or TypeError for anything but what `_write_down` writes: it decides whether money is spent."""
    found = Rescue(**json.loads(text))
    datetime.fromisoformat(found.at)
    if type(found.whole) is not bool or type(found.credits) is not int or not re.fullmatch(_FILE, found.aside):
        raise ValueError("not a record of a rescue")
    return found


def refuse_if_lost(path: Path | None) -> None:
    """Raises LedgerLost while it is not known what was spent."""
    found = last(path)
    if found is not None and not found.whole:
        kept = "" if found is UNREADABLE else f" The damaged file is kept as {found.aside}."
        raise LedgerLost(
            f"The store was damaged. {found.what_is_lost()}, so what is left of your limits is not known. "
            "Nothing was sent.",
            f"{installation.accept_the_loss(found.aside)} to count on from what could be read; kept answers and the "
            f"free tools work meanwhile.{kept}",
        )


def accept(path: Path | None, aside: str) -> None:
    """Confirm the last rescue if it lost the ledger of this file; of another one nobody has spoken."""
    found = last(path)
    if path is None or found is None or found.whole or found.aside != aside:
        return
    try:
        confirm(path)
        logger.warning("accepted: credits are counted on from what could be read of %s", aside)
    except OSError as error:
        logger.warning("the loss of %s cannot be accepted: %s", aside, error.strerror)


def confirm(path: Path) -> None:
    """Take note of the last rescue: it is not told any more, and what it could not read is accepted as lost."""
    _record(path).unlink(missing_ok=True)


# --- one file in the other's place ---------------------------------------------------------------------------------


def _new(path: Path) -> Path:
    return path.with_name(f"{path.stem}.new.sqlite")


def _record(path: Path) -> Path:
    return path.with_name(f"{path.stem}.rescue.json")


def _beside(path: Path) -> list[Path]:
    return [Path(f"{path}{companion}") for companion in _COMPANIONS]


def _free_name(path: Path, stem: str) -> Path:
    number = 1
    while (name := path.with_name(f"{stem}{f'-{number}' if number > 1 else ''}.sqlite")).exists():
        number += 1
    return name


def _place(path: Path) -> None:
    """Put a new file that is complete where the old one was."""
    new = _new(path)
    if not path.exists() and new.exists():
        # Whoever was killed may have left the old file's log, which SQLite would take for the new one's.
        asides = path.parent.glob(f"{path.stem}.damaged-*.sqlite")
        _set_aside_log(path, max(asides, default=_free_name(path, f"{path.stem}.damaged")))
        new.replace(path)


def _set_aside_log(path: Path, aside: Path) -> None:
    for companion, name in zip(_COMPANIONS, _beside(path), strict=True):
        with suppress(FileNotFoundError):
            name.rename(f"{aside}{companion}")


def _write_down(path: Path, done: Rescue) -> None:
    draft = path.with_name(f"{path.stem}.rescue.new")
    private_file(draft)
    draft.write_text(json.dumps(asdict(done)), encoding="utf-8")
    draft.replace(_record(path))


@contextmanager
def _one_at_a_time(path: Path, busy_s: float) -> Iterator[None]:
    """A lock that ends with its process, on every platform: that of an empty database."""
    lock = path.with_name(f"{path.stem}.rescue.lock")
    private_file(lock)
    with closing(sqlite3.connect(lock, isolation_level=None, timeout=busy_s)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def _held(path: Path, busy_s: float) -> Iterator[sqlite3.Connection]:
    """A connection to the damaged file, which nobody else writes meanwhile."""
    if os.name == "nt" or not _has_header(path):
        # There, what somebody has open cannot be renamed; and what has no header nobody can open.
        with _legible_copy(path) as copy, closing(_connect(copy, busy_s)) as connection:
            yield connection
        return
    with closing(_connect(path, busy_s)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError as error:
            if _code(error) not in _CERTAIN:
                raise
        yield connection


def _connect(path: Path, busy_s: float) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=busy_s)


@contextmanager
def _legible_copy(path: Path) -> Iterator[Path]:
    """A copy that has a header in any case. A sound one of ours differs in what SQLite does not need for reading."""
    copy = path.with_name(f"{path.stem}.reading.sqlite")
    try:
        for companion in ("", "-wal"):
            if Path(f"{path}{companion}").exists():
                private_file(Path(f"{copy}{companion}"))
                shutil.copyfile(f"{path}{companion}", f"{copy}{companion}")
        with copy.open("r+b") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                file.seek(0)
                file.write(_header(path.stat().st_size))
        yield copy
    finally:
        for part in (copy, *_beside(copy)):
            part.unlink(missing_ok=True)


def _header(size: int) -> bytes:
    """As our files have it: pages of 4,096 bytes, UTF-8, WAL mode."""
    header = bytearray(_HEADER_BYTES)
    header[:16] = _MAGIC
    header[16:24] = (4096).to_bytes(2) + bytes((2, 2, 0, 64, 32, 32))
    # The number of pages is heeded where the two counters beside it are the same.
    header[24:28] = header[92:96] = (1).to_bytes(4)
    header[28:32] = (size // 4096).to_bytes(4)
    header[44:48] = (4).to_bytes(4)
    header[56:60] = (1).to_bytes(4)
    return bytes(header)


def _damaged(path: Path) -> bool:
    """What SQLite says of the whole file. Raises StoreUnavailable for one that is not ours."""
    from keyapi_mcp.store.migrations import why_unreadable

    if begun.emptied(path):
        return True
    if not _has_header(path):
        if (why := why_unreadable(path)) != DAMAGED:
            raise StoreUnavailable(str(path), why)
        return True
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return connection.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]
    except sqlite3.DatabaseError as error:
        if _code(error) in _CERTAIN:
            return True
        raise


def _has_header(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _code(error: BaseException) -> int:
    code: int = getattr(getattr(error, "orig", error), "sqlite_errorcode", 0)
    return code & 0xFF
