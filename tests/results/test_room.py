"""The estimate of tokens holds against a real tokeniser, for our own answers and for whatever strangers write."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.commands.schemas import token_counter
from keyapi_mcp.results.room import beyond_own, fitted, own_tokens, within
from keyapi_mcp.results.untrusted import clean
from keyapi_mcp.sandbox.names import vocabulary

LETTERS = "abcdefghijklmnopqrstuvwxyz"
_draw = random.Random(1)


def _of(characters: str) -> Callable[[int], str]:
    return lambda length: "".join(_draw.choice(characters) for _ in range(length))


def _between(first: int, last: int) -> Callable[[int], str]:
    return _of("".join(map(chr, range(first, last + 1))))


# Noise of each kind; a tokeniser has no words for it.
NOISE: dict[str, Callable[[int], str]] = {
    "letters": _of(LETTERS),
    "words": lambda length: " ".join(_of(LETTERS)(5) for _ in range(length // 6)),
    "letters of both cases": _of(LETTERS + LETTERS.upper()),
    "letters and digits": _of(LETTERS + "0123456789"),
    "marks": _of("!@#$%^&*()_+-={};:,./?~"),
    "quotes and brackets": _of("\"'{}“”,"),
    "single digits": lambda length: " ".join(_of("0123456789")(length // 2)),
    "Latin with marks": _between(0xC0, 0x17F),
    "rare Latin": _between(0x180, 0x24F),
    "Vietnamese letters": _between(0x1EA0, 0x1EF9),
    "Greek": _between(0x391, 0x3C9),
    "Cyrillic": _between(0x410, 0x44F),
    "rare Cyrillic": _between(0x460, 0x52F),
    "Hebrew": _between(0x5D0, 0x5EA),
    "Arabic": _between(0x621, 0x64A),
    "Devanagari": _between(0x905, 0x939),
    "Thai": _between(0xE01, 0xE3A),
    "Lao": _between(0xE81, 0xEB0),
    "Khmer": _between(0x1780, 0x17B3),
    "Ethiopic": _between(0x1200, 0x1248),
    "kana": _between(0x3041, 0x30F6),
    "Han": _between(0x4E00, 0x9FFF),
    "rare Han": _between(0x3400, 0x4DBF),
    "rarest Han": _between(0x20000, 0x2A6DF),
    "Hangul": _between(0xAC00, 0xD7A3),
    "Yi": _between(0xA000, 0xA48C),
    "emoji": _between(0x1F300, 0x1F5FF),
    "Gothic": _between(0x10330, 0x1034A),
    "mathematical letters": _between(0x1D400, 0x1D6FF),
    "boxes": _between(0x2500, 0x257F),
    "stacked marks": lambda length: "".join(f"a{_between(0x300, 0x36F)(5)}" for _ in range(length // 6)),
}


@pytest.fixture(scope="module")
def count() -> Callable[[str], int]:
    counter = token_counter()
    assert counter is not None
    return counter


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("room", [60, 120])
def test_noise_of_any_kind_stays_nearly_within_its_room(noise: str, room: int, count: Callable[[str], int]) -> None:
    text = fitted(clean(NOISE[noise](600)), within(room))
    assert text
    assert count(text) <= room * 1.12, "what is above is within what our own words are estimated too high"


@pytest.mark.parametrize("language", sorted(vocabulary()))
def test_language_uses_a_good_part_of_its_room(language: str, count: Callable[[str], int]) -> None:
    text = fitted(clean(" ".join(vocabulary()[language]["sentences"]) * 9), within(100))
    assert 30 <= count(text) <= 70


def test_a_name_is_counted_once_as_what_it_may_take() -> None:
    name = "Hydrating lip oil"
    without, with_it = (own_tokens(f"row {text}", {"row": text}) for text in ("", name))
    as_strangers = with_it + beyond_own(name)
    assert within(as_strangers - without) == pytest.approx(len(name) * 0.25, rel=0.2)


@given(st.text(max_size=300), st.floats(-5, 80), st.integers(1, 300))
def test_what_is_cut_is_a_beginning_within_its_characters(raw: str, tokens: float, characters: int) -> None:
    text = clean(raw)
    cut = fitted(text, tokens, characters)
    assert len(cut) <= characters
    assert cut == text or (text.startswith(cut.removesuffix("…")) and len(cut) <= len(text))
    assert cut in (text, "") or cut.endswith("…")


@given(st.text(st.characters(categories=["L", "N", "So"]), min_size=1, max_size=300).map(clean))
def test_the_room_of_a_name_always_shows_some_of_it(name: str) -> None:
    assert bool(fitted(name, 12)) == bool(name)


def test_a_cut_does_not_part_a_base_character_from_its_marks() -> None:
    name = "น้ำหอมผู้หญิงกลิ่นหอมติดทนนานตลอดวันพร้อมส่ง"
    cut = fitted(name, 5)
    assert unicodedata.category(name[len(cut) - 1]) not in ("Mn", "Mc")


def test_more_room_never_gives_less() -> None:
    text = "Fuer jeden Tag: weiches Material, leicht zu reinigen und lange haltbar " * 4
    lengths = [len(fitted(text, tokens)) for tokens in range(80)]
    assert lengths == sorted(lengths)
