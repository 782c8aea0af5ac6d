"""The recipes in force: those of the package, and what the user's file adds or puts in their place.

A recipe of the user's that cannot be used is told by file, line, name and reason; all others work.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from keyapi_mcp.home import BrokenFile, OwnFile, home, own_file
from keyapi_mcp.settings import Settings

if TYPE_CHECKING:
    from keyapi_mcp.recipes.recipe import Recipe

RECIPES_FILE: Final = "recipes.toml"


class Recipes:
    """The recipes in force. Nothing is parsed before it is asked for, so that a start does not wait for it."""

    def __init__(self, own: OwnFile | None = None, broken: str = "") -> None:
        """own: the user's file; broken: why it cannot be read at all."""
        self._own = own
        self._broken = (broken,) if broken else ()

    @property
    def by_name(self) -> Mapping[str, Recipe]:
        """Those that can be run, the package's first."""
        return shipped() if self._own is None else self._read[0]

    @property
    def problems(self) -> tuple[str, ...]:
        """What of the user's file cannot be used, a sentence each."""
        return self._broken if self._own is None else self._read[1]

    @cached_property
    def _read(self) -> tuple[Mapping[str, Recipe], tuple[str, ...]]:
        from keyapi_mcp.recipes.parsing import Unusable, parse

        assert self._own is not None
        by_name, problems = dict(shipped()), []
        lines = _lines(self._own)
        for name, table in self._own.document.items():
            try:
                by_name[name] = parse(name, table, own=True)
            except Unusable as error:
                line = _line(lines.get(name, ()), error.word)
                problems.append(f"{BrokenFile(self._own.path, line, f'{name[:60]}: {error.why}')}.")
        return by_name, tuple(problems)


def as_name(text: str) -> str:
    """A recipe's name, however it is written: "Breaking Out" → breaking-out."""
    return re.sub(r"[\s_]+", "-", text.strip().casefold())


def read_recipes(settings: Settings) -> Recipes:
    try:
        return Recipes(own_file(home(settings) / RECIPES_FILE))
    except BrokenFile as error:
        return Recipes(broken=f"{error}.")


@cache
def _document() -> dict[str, Any]:
    source = resources.files("keyapi_mcp.recipes") / "data" / RECIPES_FILE
    return tomllib.loads(source.read_text(encoding="utf-8"))


def shipped_names() -> tuple[str, ...]:
    return tuple(_document())


@cache
def shipped() -> Mapping[str, Recipe]:
    """The package's own."""
    from keyapi_mcp.recipes.parsing import parse

    return {name: parse(name, table, own=False) for name, table in _document().items()}


_NAME: Final = r"""(?:"([^"]*)"|'([^']*)'|([\w-]+))"""
_TABLE: Final = re.compile(rf"\s*\[+\s*{_NAME}\s*[.\]]")
_KEY: Final = re.compile(rf"\s*{_NAME}\s*[.=]")


def _line(lines: Sequence[tuple[int, str]], word: str) -> int | None:
    """Where a recipe of these lines goes wrong: at the word that is at fault, else where it begins."""
    at_fault = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    found = [number for number, line in lines if word and at_fault.search(line)] or [number for number, _ in lines]
    return found[0] if found else None


def _lines(own: OwnFile) -> Mapping[str, Sequence[tuple[int, str]]]:
    """The numbered lines of each recipe: its tables, or, before any table, its keys."""
    lines: dict[str, list[tuple[int, str]]] = {}
    owner, in_tables = None, False
    for number, line in enumerate(own.text.splitlines(), 1):
        table = _TABLE.match(line)
        in_tables = in_tables or table is not None
        if begins := table or (not in_tables and _KEY.match(line)):
            owner = next(group for group in begins.groups() if group is not None)
        if owner is not None:
            lines.setdefault(owner, []).append((number, line))
    return lines
