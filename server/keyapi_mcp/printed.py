"""What is printed for a person, who may paste it elsewhere: on one line, steering no terminal, without keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = "(key)"
# Words that only hold such letters (disk-full, task_list), and a file's name (sk_live.key), are none.
_SECRET: Final = re.compile(
    r"sk_(?:live|test)_[\w-]+|(?<![^\W_])[sp]k[_-][\w-]{6,}|Bearer\s+\S+|(?<=TOKEN=)[^\s'\"]+", re.IGNORECASE
)
# A shorter value says nothing, and would be found everywhere.
_SHORTEST: Final = 6


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Without these, and without anything that looks like a key."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK)
    return _SECRET.sub(MASK, text)


def one_line(text: str) -> str:
    """A terminal obeys more than line ends: whatever is not printable is written out."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
