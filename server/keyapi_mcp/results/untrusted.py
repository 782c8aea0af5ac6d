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


# About how many tokens (o200k_base) a character takes, by script; measured on product names, rounded up.
_WORD_TOKENS: Final = 0.25
_SCRIPT_TOKENS: Final = (
    (0x0250, 0.6),  # Latin with marks (Vietnamese)
    (0x0590, 0.45),  # Greek, Cyrillic
    (0x0900, 0.45),  # Hebrew, Arabic
    (0x0E00, 0.6),  # Indic
    (0x0E80, 0.5),  # Thai
    (0x1F00, 0.9),
    (0x2000, 0.6),  # Vietnamese, Greek extended
    (0x3000, 1.0),
    (0x3100, 0.75),  # kana
    (0xFB00, 0.95),  # Han, Hangul
)


@lru_cache(maxsize=8_192)
def _tokens(character: str) -> float:
    code = ord(character)
    if code < 0x80:
        if character == " ":
            return 0.2
        return _WORD_TOKENS if character.isalpha() else 0.4 if character.isdigit() else 0.7
    for end, cost in _SCRIPT_TOKENS:
        if code < end:
            return cost
    return 2.0  # emoji and rare scripts


def shorten(text: str, tokens: float = 12) -> str:
    """Cut clean text to about so many tokens, at a word where there is one, never inside a combined character.

    By tokens and not by characters, because a Thai name costs three times what an English one of its length does.
    """
    position = _affordable(text, tokens)
    if position == len(text):
        return text
    while position > 0 and unicodedata.category(text[position]) in ("Mn", "Mc"):
        position -= 1
    head = text[:position]
    word = head.rfind(" ")
    if word > position * 0.6:
        head = head[:word]
    return head.rstrip(" ,;:-–/(") + "…"


def _affordable(text: str, tokens: float) -> int:
    """How many characters fit."""
    for position, character in enumerate(text):
        tokens -= _tokens(character)
        if tokens < 0:
            return position
    return len(text)
