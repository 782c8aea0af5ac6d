"""Text made to break out: pieces that hide, turn round or end something, in any order."""

from __future__ import annotations

import unicodedata
from typing import Final

from hypothesis import example, given
from hypothesis import strategies as st

from keyapi_mcp.results.untrusted import clean
from security.harm import piles, separators

PIECES: Final = (
    *"|<>[]`\\:/\x00\x07\x1b\x7f\x85",
    *("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u115f", "\u2800", "\u3164", "\uffa0"),
    *("\u202a", "\u202e", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c"),
    *("\U000e0041", "\U000e0001", "\ufe0f", "\U000e0100", "\ud800", "\udfff", "\ue000", "\U0010ffff"),
    *("\u2028", "\u2029", "\u00a0", "\u3000", "\n", "\r\n", "\t", "\v", "\x1c"),
    *("://", "http", "javascript:", "![", "](", "<!--", "-->", "</td>", "\x1b[31m", "\x1b]8;;x\x07"),
    *(
        "e\u0301",
        "\u0e19\u0e49\u0e33",
        "\u1100\u1161",
        "\u0301" * 5,
        "\u0e47" * 4,
        "\u20dd\u064b",
        "@b.c",
        "mailto:",
        "丨║ǀ",
        "ﬁ",
        "Å",
        "\u2126",
        "a",
        " ",
    ),
)
texts: Final = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)


@given(texts)
def test_nothing_gets_out_of_its_cell_or_hides_in_it(raw: str) -> None:
    text = clean(raw)
    assert clean(text) == text
    assert text.isprintable()
    assert not set(text) & set("|<>[]`\\")
    assert "://" not in text
    assert text == " ".join(text.split())
    assert unicodedata.is_normalized("NFC", text)
    assert not piles(text)
    assert not separators(text)
    assert not any(unicodedata.category(one)[0] in "CZ" and one != " " for one in text)


@given(texts.filter(lambda text: "\x1b" not in text), texts)
@example("|", "\u0301" * 5)
def test_what_stands_side_by_side_is_cleaned_as_each_alone(before: str, after: str) -> None:
    """But for a terminal's sequences, which swallow what comes after their beginning."""
    assert clean(f"{before} {after}") == clean(f"{clean(before)} {clean(after)}")
