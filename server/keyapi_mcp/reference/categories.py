"""The category tree: names to ids and back, offline.

Level 1 is complete, levels 2 and 3 about 95 %; some names are translations. An id that is not in the table is passed
on as it is.
"""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final


@dataclass(frozen=True, slots=True)
class Category:
    id: str
    level: int
    parent_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a category argument means.

    id and level: what to send, and at which level's parameter; `None` where it cannot be told, and then `candidates`
    are what may be meant. moved: another level than the one it was given at.
    """

    id: str | None
    level: int
    moved: bool = False
    category: Category | None = None
    candidates: tuple[Category, ...] = ()


class _Table:
    """The rows, indexed; made once, on first use."""

    def __init__(self, rows: list[Category]) -> None:
        self.rows = rows
        self.by_id = {row.id: row for row in rows}
        self.by_name: defaultdict[str, list[Category]] = defaultdict(list)
        self.words: defaultdict[str, set[str]] = defaultdict(set)
        for row in rows:
            folded = _fold(row.name)
            self.by_name[folded].append(row)
            for word in folded.split():
                self.words[_stem(word)].add(row.id)


@cache
def _table() -> _Table:
    source = resources.files("keyapi_mcp.reference") / "data" / "categories.csv"
    rows = csv.DictReader(source.read_text(encoding="utf-8").splitlines())
    # Some names of the source end in a written-out tabulator.
    return _Table(
        [
            Category(row["id"], int(row["level"]), row["parent_id"], row["name"].removesuffix("\\t").strip())
            for row in rows
        ]
    )


_WORD: Final = re.compile(r"[^\w]+")
# Words that are in so many names that sharing one means nothing.
_EMPTY: Final = frozenset({"and", "for", "the", "of", "other", "a", "with"})


def _fold(text: str) -> str:
    """Case, width, punctuation and "&" make no difference."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("&", " and ").replace("'", "")
    return _WORD.sub(" ", folded).strip()


def _stem(word: str) -> str:
    """Singular and plural are one word."""
    for ending, short in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith("ss"):
            return word.removesuffix(ending) + short
    return word


def by_id(identifier: str) -> Category | None:
    return _table().by_id.get(identifier)


def top_level() -> tuple[Category, ...]:
    return tuple(row for row in _table().rows if row.level == 1)


def path(category: Category) -> str:
    """The names from the top, for example `Beauty & Personal Care > Makeup`."""
    parent = by_id(category.parent_id)
    return f"{path(parent)} > {category.name}" if parent else category.name


def resolve(value: str, level: int) -> Resolution:
    """What an id or English name given for the parameter of `level` means.

    A name is looked up at its own level first; found only at another, or a known id of another level, it moves there.
    Several at the same level, or none, give candidates.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        known = by_id(text)
        if known is None:
            return Resolution(text, level)
        return Resolution(text, known.level, known.level != level, known)
    found = _named(text)
    own = [row for row in found if row.level == level]
    chosen = own or found
    if len(chosen) == 1:
        return Resolution(chosen[0].id, chosen[0].level, chosen[0].level != level, chosen[0])
    return Resolution(None, level, candidates=tuple(chosen[:8]) or suggest(text))


def _named(text: str) -> list[Category]:
    """Categories of exactly this name, or of this path."""
    parts = [part for part in re.split(r"\s*[>/]\s*", text) if part]
    if found := _table().by_name.get(_fold(text)):
        return list(found)
    if len(parts) < 2:
        return []
    wanted = [_fold(part) for part in parts]
    return [
        row
        for row in _table().by_name.get(wanted[-1], [])
        if [_fold(name) for name in path(row).split(" > ")][-len(wanted) :] == wanted
    ]


def suggest(text: str, limit: int = 6) -> tuple[Category, ...]:
    """Categories whose names come near, best first: words shared in any order, typing mistakes forgiven."""
    table = _table()
    words = [_stem(word) for word in _fold(text).split() if word not in _EMPTY]
    scores: defaultdict[str, float] = defaultdict(float)
    for word in words:
        if word in table.words:
            near = {word: 1.0}
        else:
            close = difflib.get_close_matches(word, table.words, n=3, cutoff=0.78)
            near = {other: difflib.SequenceMatcher(None, word, other).ratio() * 0.9 for other in close}
        for other, weight in near.items():
            for identifier in table.words[other]:
                scores[identifier] += weight

    def rank(identifier: str) -> tuple[float, int, str]:
        row = table.by_id[identifier]
        size = len([word for word in _fold(row.name).split() if word not in _EMPTY])
        # Of two that share as many words, the name with fewer others is nearer; then the broader category.
        return (-(scores[identifier] - 0.1 * size), row.level, row.name)

    return tuple(table.by_id[identifier] for identifier in sorted(scores, key=rank)[:limit])
