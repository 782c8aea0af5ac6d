"""What must not be in an answer, whoever wrote the listing. Said here anew, without a look at how the server cleans."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from keyapi_mcp.sandbox.attacks import ATTACKS, Attack

# Unicode's Default_Ignorable_Code_Point and blanks with a glyph, as far as their category does not tell.
_SHOWS_NOTHING: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0000-\U000e0fff]"
)
# Markdown's and HTML's ways to link, embed, quote code, name a character; a terminal's to be steered.
_FORCE: Final = re.compile(
    r"\]\(|\]:|!\[|\[|\]|`|</?[a-zA-Z!]|[<>]|&#|&\w{1,31};|\\|\w://|\bwww\.\w|[\x1b\x9b\x9d\x90]"
    r"|\w@[\w-]+\.\w|(?i:\b(?:mailto|xmpp|tel|sms):\S)"
)
# What stands for a separator, by its name in Unicode; brackets, arrows and more than a stroke do not.
_STROKE: Final = re.compile(
    r"(FULLWIDTH |DOUBLE )?VERTICAL LINE|(FULLWIDTH )?BROKEN BAR|(LIGHT|MEDIUM|HEAVY) VERTICAL BAR"
    r"|VERTICAL LINE EXTENSION|(LEFT|RIGHT) VERTICAL BOX LINE|CURLY BRACKET EXTENSION"
    r"|BOX DRAWINGS (LIGHT|HEAVY|DOUBLE)( (DOUBLE|TRIPLE|QUADRUPLE) DASH)? VERTICAL|HALFWIDTH FORMS LIGHT VERTICAL"
    r"|(LEFT|RIGHT) ONE EIGHTH BLOCK|PRESENTATION FORM FOR VERTICAL (EM DASH|LOW LINE)"
    r"|LATIN LETTER (DENTAL|LATERAL) CLICK|HEBREW PUNCTUATION PASEQ|DIVIDES|PARALLEL TO|POWER ON SYMBOL"
    r"|CJK UNIFIED IDEOGRAPH-4E28|CJK STROKE S|KANGXI RADICAL LINE"
)
# Taller piles of marks than the writing of any market has.
_TALLEST: Final = 3
# How lines of an answer's own begin, and lines of Markdown that are more than text.
_OWN: Final = re.compile(
    r"Next|Credits|Notes?|Product page|Stale|STALE|Finding|Left out|SANDBOX|History|Flags|Price|Description|Category"
    r"|Payoff|Quality|Request id|search_products"
)
_BLOCK: Final = re.compile(r"#{1,6} |[-*+>] |\d+[.)] |```|~~~|---|===|\*\*\*|\|")


def invisible(text: str) -> list[str]:
    """Characters that show nothing, or steer: categories Cc, Cf, Co, Cs, Cn and others; line ends included."""
    return [one for one in text if unicodedata.category(one)[0] == "C" or _SHOWS_NOTHING.match(one)]


def separators(text: str) -> list[str]:
    return [one for one in text if _STROKE.fullmatch(unicodedata.name(one, ""))]


def piles(text: str) -> list[str]:
    """Letters with more marks on, under or around them than are read."""
    runs = "".join("m" if unicodedata.category(one) in {"Mn", "Me"} else " " for one in text).split()
    return [f"{len(run)} marks" for run in runs if len(run) > _TALLEST]


def harm_in_field(text: str) -> list[str]:
    """What is wrong with a stranger's text in its place: a cell, a value."""
    found = [f"U+{ord(one):04X}" for one in invisible(text)]
    found += [one[0] for one in _FORCE.finditer(text)] + piles(text) + separators(text)
    if text != text.strip() or (text and unicodedata.category(text[0])[0] in "MZ"):
        found.append("edges")
    return found + ["not NFC"] * (unicodedata.normalize("NFC", text) != text)


def harm_at_line_start(text: str) -> list[str]:
    """What a line that begins with a stranger's words could pass for."""
    return [one[0] for pattern in (_OWN, _BLOCK) if (one := pattern.match(text))]


def texts_in(document: Any) -> Iterator[str]:
    """Every text, keys included."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from texts_in(value)
    elif isinstance(document, list):
        for value in document:
            yield from texts_in(value)


def assert_same_lines(attacked: str, usual: str) -> None:
    """The attacked answer has as many lines as the usual one, each with as many cells, and nothing invisible."""
    assert not [one for one in invisible(attacked) if one != "\n"]
    assert attacked.splitlines() == attacked.split("\n"), "something else than a line end ends a line"
    cells = [[line.count("|") for line in text.split("\n")] for text in (attacked, usual)]
    assert cells[0] == cells[1]


def attack_ids(attack: Attack) -> str:
    return f"{ATTACKS.index(attack)}-{attack.kind}"
