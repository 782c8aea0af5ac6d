"""Listing text made safe to stand in an answer: names, descriptions and variants are written by strangers.

What comes out is one line of visible text that cannot end a cell, open a link or a tag, or hide anything.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

# Characters that show nothing although their category says letter, mark or symbol.
_INVISIBLE: Final = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)
# Cell separator, HTML, Markdown links and code: look-alikes that mean nothing to a parser.
_NEUTRAL: Final = str.maketrans({"|": "/", "<": "‹", ">": "›", "[": "(", "]": ")", "`": "'", "\\": "/"})
_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_WHITE: Final = re.compile(r"\s+")


def clean(text: str) -> str:
    """One line of NFC text. NFC, not NFKC: that one would take Thai SARA AM apart."""
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFC", _ANSI.sub("", text))
        text = "".join(map(_visible, text))
    # Only after the invisible is gone: it can hide inside a marker.
    return _WHITE.sub(" ", text.translate(_NEUTRAL).replace("://", ": //")).strip()


# Names of one market use few characters: both answers for one are worth remembering.
@lru_cache(maxsize=8_192)
def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "Z" or character in "\t\n\r\v\f":
        return " "
    # Control, format (bidi, zero-width, tags), surrogates, private use, unassigned.
    return "" if category[0] == "C" or ord(character) in _INVISIBLE else character
