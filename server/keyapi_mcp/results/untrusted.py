"""Listing text made safe to stand in an answer: names, descriptions and variants are written by strangers.

What comes out is one line of visible text that cannot end a cell, open a link or a tag, or hide anything.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from itertools import groupby, islice
from typing import Final

# Characters that show nothing although their category says letter, mark or symbol.
_INVISIBLE: Final = frozenset(
    [
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0, 0x13441),
        *(0x13442, 0x16FE4, 0x1D159, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
    ]
)
# What a reader may take for the cell separator: what confusables.txt of Unicode's UTS #39 has for it, without digits
# and letters in use; upright lines; broken, double and wide forms. 丨 is a Chinese character, but no name needs the
# word: sellers write it for the line that it looks like.
_SEPARATORS: Final = "|∣⏽￨ǀ׀ǁ‖∥｜¦￤│┃║╎╏┆┇┊┋❘❙❚⏐⎸⎹⎪▏▕︱︳丨㇑⼁"
# HTML, Markdown links and code: look-alikes that mean nothing to a parser.
_NEUTRAL: Final = str.maketrans(
    {"<": "‹", ">": "›", "[": "(", "]": ")", "`": "'", "\\": "/"} | dict.fromkeys(_SEPARATORS, "/")
)
_NEUTRAL_BESIDE_BRACKETS: Final = {code: text for code, text in _NEUTRAL.items() if chr(code) not in "[]\\"}
_ANSI: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[@-Z\\-_]"
)
_WHITE: Final = re.compile(r"\s+")
# What many programs make a link of: an address of the web, of a mailbox, of a telephone.
_WWW: Final = re.compile(r"(?<![A-Za-z0-9])www\.(?=\S)", re.IGNORECASE)
_MAILBOX: Final = re.compile(r"(?<=[^\s@])@(?=[^\s@]+\.[^\s@])")
_SCHEME: Final = re.compile(r"(?<![A-Za-z0-9])(mailto|xmpp|tel|sms):(?=\S)", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:#\d{1,99};?|#[xX][0-9a-fA-F]{1,99};?|[A-Za-z][A-Za-z0-9]{1,31};)", re.ASCII)
# Marks on one letter. No market's names have more; a pile of them covers the lines around it.
_MOST_MARKS: Final = 3
# What is looked at of a name: far more than is shown, so that a megabyte of one costs nothing.
_LONGEST_NAME: Final = 500


def clean(text: str) -> str:
    """One line of NFC text. NFC, not NFKC: that one would take Thai SARA AM apart."""
    text = _shown(text)
    if "&" in text:
        text = _without_entities(text)
    # Only after the invisible is gone: it can hide inside a marker.
    text = text.translate(_NEUTRAL).replace("://", ": //")
    if ":" in text:
        text = _SCHEME.sub(r"\1: ", text)
    if "." in text:
        text = _WWW.sub("www. ", _MAILBOX.sub("@ ", text))
    return _WHITE.sub(" ", text).strip()


def shown_name(name: str | None) -> str:
    """A product's name as it may stand in an answer; empty where it has none."""
    return clean((name or "")[:_LONGEST_NAME])


def clean_message(text: str) -> str:
    """A message that quotes such text between words of its own. Brackets and backslashes, which it may be about, stay;
    no link comes of them."""
    text = _without_entities(_shown(text)).translate(_NEUTRAL_BESIDE_BRACKETS).replace("://", ": //")
    return _WHITE.sub(" ", _WWW.sub("www. ", text).replace("](", "] (").replace("][", "] [")).strip()


def _shown(text: str) -> str:
    """What of it can be seen."""
    if text.isascii() and text.isprintable():
        return text
    text = "".join(map(_visible, _ANSI.sub("", text)))
    # Without the invisible, letters and marks may have come together.
    text = _without_piles(unicodedata.normalize("NFC", text))
    return " ".join(map(_without_loose_marks, text.split(" ")))


def _without_piles(text: str) -> str:
    return "".join("".join(islice(run, _MOST_MARKS) if marks else run) for marks, run in groupby(text, _is_laid_on))


def _without_loose_marks(word: str) -> str:
    """At the front, a mark would join what stands before."""
    return word[next((at for at, one in enumerate(word) if unicodedata.category(one)[0] != "M"), len(word)) :]


def _without_entities(text: str) -> str:
    """As a reader of HTML or Markdown would show it, and so that none would read it any further."""
    text = _shown(_ENTITY.sub(lambda found: html.unescape(found[0]), text))
    return _ENTITY.sub(lambda found: f"& {found[0][1:]}", text)


# Names of one market use few characters: the answers for one are worth remembering.
@lru_cache(maxsize=8_192)
def _is_laid_on(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me")


@lru_cache(maxsize=8_192)
def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "Z" or character.isspace():
        return " "
    # Control, format (bidi, zero-width, tags), surrogates, private use, unassigned.
    return "" if category[0] == "C" or ord(character) in _INVISIBLE else character
