"""How much room is left in an answer, in tokens (o200k_base), estimated: a tokeniser is no requirement of ours.

What we write ourselves is known well. What strangers write is not: text made up of rare letters or of noise takes up
to about twice what text of its script usually takes, and that much is kept for it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from keyapi_mcp.results.answer import Answer

# Our own words, numbers and marks: pieces, times what a piece took at most in answers that were counted.
_PIECE: Final = re.compile(r"[A-Za-z]+|[0-9]{1,3}|[!-/:-@\[-`{-~]{1,3}|[^\x00-\x7f]")
_TEXT_FACTOR: Final = 1.13
_JSON_FACTOR: Final = 1.02
_WORST_FACTOR: Final = 2.0

# A stranger's character: what it usually takes, by script, but at least what its worst text takes over the factor.
_LETTER, _CAPITAL, _SPACE, _DIGIT, _MARK = 0.25, 0.35, 0.2, 0.7, 0.7
_SCRIPTS: Final = (
    (0x0180, 0.6),  # Latin with marks
    (0x0370, 0.9),  # rarer Latin, combining marks
    (0x0460, 0.48),  # Greek, Cyrillic
    (0x0530, 0.9),
    (0x0700, 0.45),  # Hebrew, Arabic
    (0x0900, 1.4),
    (0x0E00, 0.6),  # Indic
    (0x0E80, 0.5),  # Thai
    (0x1000, 1.0),
    (0x1E00, 1.4),
    (0x2000, 0.6),  # Vietnamese
    (0x3000, 1.0),
    (0x3100, 0.75),  # kana
    (0x3400, 1.0),
    (0x4E00, 1.4),  # rare Han
    (0xA000, 0.95),  # Han
    (0xAC00, 1.4),
    (0xD800, 1.05),  # Hangul
    (0x10000, 1.4),
)
_RAREST: Final = 2.0  # emoji among them


def own_tokens(text: str, structured: Mapping[str, Any]) -> float:
    """About how many tokens the larger of an answer's two forms takes, as if all of it were our own words."""
    as_json = json.dumps(structured, ensure_ascii=False, separators=(",", ":"))
    return max(_pieces(text) * _TEXT_FACTOR, _pieces(as_json) * _JSON_FACTOR)


def _pieces(text: str) -> int:
    return len(_PIECE.findall(text))


def with_room(build: Callable[[int], Answer], rows: int, least: int, tokens: float) -> Answer:
    """The answer with as many of so many rows as keep it within the tokens, but with `least` in any case."""
    for most in range(rows, least, -1):
        answer = build(most)
        if own_tokens(answer.text(), answer.structured()) <= tokens:
            return answer
    return build(min(rows, least))


def beyond_own(text: str) -> float:
    """How many tokens a stranger's text may take, whatever it is, beyond those it is counted for as one of ours."""
    return sum(map(_usual, text)) * _WORST_FACTOR - _pieces(text)


def overcounted(text: str) -> float:
    """By how many tokens a stranger's usual text takes less than it is counted for as one of ours."""
    return max(0.0, _pieces(text) - sum(map(_usual, text)))


def within(tokens: float) -> float:
    """How many usual tokens of a stranger's text there is room for in so many."""
    return tokens / _WORST_FACTOR


def fitted(text: str, tokens: float, characters: int = 10_000) -> str:
    """Clean text cut to usual tokens and characters: at a word where there is one, never inside a combined character.

    Empty where not even a few characters fit.
    """
    position = _affordable(text, tokens, characters)
    if position == len(text):
        return text
    while position and unicodedata.category(text[position]) in ("Mn", "Mc"):
        position -= 1
    word = text.rfind(" ", int(position * 0.6), position)
    head = text[: word if word > 0 else position].rstrip(" ,;:-–/(")
    return f"{head}…" if head else ""


def _affordable(text: str, tokens: float, characters: int) -> int:
    """How many characters fit; one less than all, at most, where the mark of the cut is needed."""
    most = len(text) if len(text) <= characters else characters - 1
    for position in range(most):
        tokens -= _usual(text[position])
        if tokens < 0:
            return position
    return most


@lru_cache(maxsize=8_192)
def _usual(character: str) -> float:
    code = ord(character)
    if code < 0x80:
        if character == " ":
            return _SPACE
        if character.isalpha():
            return _LETTER if character.islower() else _CAPITAL
        return _DIGIT if character.isdigit() else _MARK
    return next((cost for end, cost in _SCRIPTS if code < end), _RAREST)
