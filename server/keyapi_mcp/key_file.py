"""The key: its form, and the file that may hold it. What is wrong is said without a word of the content."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Final

_LONGEST: Final = 10_000
_SHAPE: Final = re.compile(r"sk_\w{8,}")
# What some editors, and PowerShell's `>`, put first.
_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class UnusableKey(Exception):
    """A file without a key that can be sent. The message goes on from the file's name: "is empty"."""


def is_plain(key: str) -> bool:
    """Whether it can stand in a header at all."""
    return key.isascii() and key.isprintable() and " " not in key


def looks_like_a_key(key: str) -> bool:
    return _SHAPE.fullmatch(key) is not None


def may_wait(path: Path) -> bool:
    """Whether reading may last until somebody writes: a pipe or a device, which a server may be given all the same."""
    return path.exists() and not path.is_file() and not path.is_dir()


def read_key(path: Path) -> str:
    """The key in a file. Raises UnusableKey in words."""
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except FileNotFoundError:
        raise UnusableKey("is not there") from None
    except OSError as error:
        # What Windows says of a folder is that access is denied.
        why = "is a folder, not a file" if path.is_dir() else f"cannot be read: {error.strerror}"
        raise UnusableKey(why) from None
    except ValueError:  # a name that no file can have
        raise UnusableKey("is not there") from None
    encoding = next((encoding for mark, encoding in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        key = content.decode(encoding).strip()
    except UnicodeDecodeError:
        raise UnusableKey("is not text") from None
    if not key:
        raise UnusableKey("is empty")
    if len(content) > _LONGEST or not is_plain(key):
        raise UnusableKey("holds something else than a key, which is plain printable characters without spaces")
    return key
