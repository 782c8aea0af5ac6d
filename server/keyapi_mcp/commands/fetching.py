"""Commands that fetch a package by its name: ours is on no index, so what they would fetch is somebody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

# The words that make each fetch, in this order, with others in between; and the option that says what to fetch, where
# the name among the other words is only what to run of it.
_FETCHERS: Final = {
    ("uvx",): "--from",
    ("uv", "tool", "run"): "--from",
    ("uv", "run", "--with"): "--with",
    ("pipx", "run"): "--spec",
    ("pip", "install"): "",
    ("npx",): "--package",
    ("npm", "exec"): "--package",
    ("pnpm", "dlx"): "--package",
    ("yarn", "dlx"): "--package",
    ("bunx",): "--package",
    ("bun", "x"): "--package",
}
_NAME: Final = re.compile(r"(@[\w.-]+/)?keyapi[-_.]mcp(\[[\w,.-]*\])?([=<>!~@].*)?", re.IGNORECASE)


def fetcher(command: Sequence[str]) -> str | None:
    """What fetches keyapi-mcp by its name in a command, also through `env` or a shell; `None` where nothing does."""
    words = list(_words(command))
    programs = [re.split(r"[\\/]", word)[-1].lower().removesuffix(".exe").removesuffix(".cmd") for word in words]
    for fetching, option in _FETCHERS.items():
        if _in_order(fetching, programs):
            sources = [value for name, value in pairwise(words) if name == option]
            if any(_NAME.fullmatch(word) for word in sources or words):
                return " ".join(fetching)
    return None


def _words(command: Sequence[str]) -> Iterator[str]:
    """Those of a shell's line too, and an option's value apart from it."""
    for text in command:
        for word in text.split():
            name, equals, value = word.partition("=")
            yield from (name, value) if equals and word.startswith("--") else (word.strip("'\";&"),)


def _in_order(wanted: Sequence[str], words: Sequence[str]) -> bool:
    rest = iter(words)
    return all(word in rest for word in wanted)
