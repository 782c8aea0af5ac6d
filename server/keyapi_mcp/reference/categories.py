"""The category tree: names to ids and back, offline.

Level 1 is complete, levels 2 and 3 about 95 %; some names are translations. An id that is not in the table is passed
on as it is.
"""

from __future__ import annotations

import csv
import difflib
import math
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
    candidates: tuple[Category, ...] = ()


class _Table:
    """The rows, indexed; made once, on first use."""

    def __init__(self, rows: list[Category]) -> None:
        self.rows = rows
        self.by_id = {row.id: row for row in rows}
        self.by_name: defaultdict[str, list[Category]] = defaultdict(list)
        for row in rows:
            self.by_name[_fold(row.name)].append(row)
        below: defaultdict[str, list[Category]] = defaultdict(list)
        for row in rows:
            below[row.parent_id].append(row)
        self.children = {parent: tuple(members) for parent, members in below.items()}


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
# A caller may write anything, of any length: ids have 6 or 7 digits, names up to 6 words.
_LONGEST_ID: Final = 20
_LONGEST_TEXT: Final = 200
_MOST_WORDS: Final = 8


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


def everything() -> tuple[Category, ...]:
    return tuple(_table().rows)


def children(identifier: str) -> tuple[Category, ...]:
    """Those directly below a category, in the table's order."""
    return _table().children.get(identifier, ())


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
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID:
        known = by_id(text)
        if known is None:
            return Resolution(text, level)
        return Resolution(text, known.level, known.level != level)
    found = _named(text)
    own = [row for row in found if row.level == level]
    chosen = own or found
    if len(chosen) == 1:
        return Resolution(chosen[0].id, chosen[0].level, chosen[0].level != level)
    return Resolution(None, level, candidates=tuple(chosen[:8]) or suggest(text))


def _named(text: str) -> list[Category]:
    """Categories of exactly this name, or of this path."""
    found = list(_table().by_name.get(_fold(text), ()))
    for separator in (">", "[>/]"):  # some names have a stroke themselves
        wanted = [_fold(part) for part in re.split(separator, text) if part.strip()]
        if not found and len(wanted) > 1:
            found = [
                row
                for row in _table().by_name.get(wanted[-1], ())
                if [_fold(name) for name in path(row).split(" > ")][-len(wanted) :] == wanted
            ]
    return found


# What a word counts by where it stands: in the name itself, in the parent's, elsewhere in the department (level 1).
_IN_NAME: Final = 1.0
_IN_PARENT: Final = 0.4
_IN_DEPARTMENT: Final = 0.2


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(_stem(word) for word in _fold(text).split() if word not in _EMPTY))


class _Index:
    """The words of all names; made once, when the first suggestion is asked for."""

    def __init__(self, table: _Table) -> None:
        self.own = {row.id: _words(row.name) for row in table.rows}
        self.holders: defaultdict[str, set[str]] = defaultdict(set)
        self.parent: dict[str, list[str]] = {}
        self.department: dict[str, set[str]] = {}
        departments: defaultdict[str, set[str]] = defaultdict(set)
        for row in table.rows:
            top = row
            while (above := table.by_id.get(top.parent_id)) is not None:
                top = above
            self.parent[row.id] = self.own.get(row.parent_id, [])
            self.department[row.id] = departments[top.id]
            departments[top.id].update(self.own[row.id])
            for word in self.own[row.id]:
                self.holders[word].add(row.id)

    def rarity(self, word: str) -> float:
        """The inverse document frequency: "lip" is in 2 names and says more than "oil", which is in 6."""
        return math.log(len(self.own) / len(self.holders[word]))

    def meant(self, word: str) -> dict[str, float]:
        """Words of the index that this one may stand for, with its weight: itself, or what it is mistyped from."""
        if word in self.holders:
            return {word: self.rarity(word)}
        near = difflib.get_close_matches(word, self.holders, n=3, cutoff=0.78) if len(word) > 2 else ()
        return {one: 0.9 * difflib.SequenceMatcher(None, word, one).ratio() * self.rarity(one) for one in near}

    def place(self, word: str, identifier: str) -> float:
        """How near to a category the word stands."""
        if word in self.own[identifier]:
            return _IN_NAME
        if word in self.parent[identifier]:
            return _IN_PARENT
        return _IN_DEPARTMENT if word in self.department[identifier] else 0.0


@cache
def _index() -> _Index:
    return _Index(_table())


def suggest(text: str, limit: int = 6) -> tuple[Category, ...]:
    """Categories whose names come near, best first: words shared in any order, typing mistakes forgiven.

    Rare words weigh more than common ones: what is looked for in "lip oil" is told by "lip". Words of the parent and
    of the department help: a phone case is in "Cases, Screen Protectors & Stickers" under the phone accessories, and
    a yoga mat among the mats of Sports & Outdoor, where yoga is, not among those for bathrooms.
    """
    index, by_id = _index(), _table().by_id
    asked = [index.meant(word) for word in _words(text[:_LONGEST_TEXT])[:_MOST_WORDS]]

    def rank(identifier: str) -> tuple[float, int, int, str]:
        nearness = sum(
            max((weight * index.place(word, identifier) for word, weight in meant.items()), default=0.0)
            for meant in asked
        )
        row = by_id[identifier]
        # Of equals the broader category first, then the name with fewer other words.
        return (-round(nearness, 6), row.level, len(index.own[identifier]), row.name)

    sharing = {identifier for meant in asked for word in meant for identifier in index.holders[word]}
    return tuple(by_id[identifier] for identifier in sorted(sharing, key=rank)[:limit])


@dataclass(frozen=True, slots=True)
class Found:
    """rows: best first; of: how many there were before the limit; below: the rows are one category and all directly
    below it."""

    rows: tuple[Category, ...]
    of: int
    below: bool = False


def find(text: str, limit: int) -> Found:
    """A category of this id or of exactly this name or path, with all below it; otherwise all of exactly this name or
    path, then those that come near."""
    known = by_id(text.strip())
    text = text[:_LONGEST_TEXT]
    named = [known] if known else _named(text)
    if len(named) == 1 and (below := children(named[0].id)):
        return Found((named[0], *below), 1 + len(below), below=True)
    found = dict.fromkeys([known] if known else [*named, *suggest(text, len(_table().rows))])
    return Found(tuple(found)[:limit], len(found))
