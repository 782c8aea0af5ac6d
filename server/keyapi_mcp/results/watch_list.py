"""The answer to adding and removing watched products: what became of each, and what is watched now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from keyapi_mcp.research.history import Seen
from keyapi_mcp.results.answer import Answer, Spending, Table
from keyapi_mcp.results.room import fitted
from keyapi_mcp.results.scope import sandbox_prefix
from keyapi_mcp.results.untrusted import shown_name

Action = Literal["add", "remove"]
_NAME_TOKENS: Final = 8
# What happened, by action: to those that it changed, and to the others.
_WORDS: Final[Mapping[Action, tuple[str, str]]] = {
    "add": ("new", "watched already"),
    "remove": ("removed", "was not watched"),
}
_COLUMNS: Final = ("product_id", "product", "regions", "last_day", "done")


def watch_answer(
    action: Action,
    ids: Sequence[str],
    changed: frozenset[str],
    watched: int,
    states: Mapping[str, tuple[Seen, ...]],
    *,
    remarks: Sequence[str] = (),
    spending: Spending,
    synthetic: bool,
) -> Answer:
    """changed: those that were added or removed; watched: how many are on the list now; states: what is known of them;
    remarks: what else there is to say.
    """
    done, not_done = _WORDS[action]
    counts = {done: len(changed), not_done: len(ids) - len(changed)}
    words = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    rows = tuple((one, *_known(states.get(one, ())), done if one in changed else not_done) for one in ids)
    text = "\n".join(
        "|".join(cell or "" for cell in row)
        for row in (("product_id", "product", "regions", "last day", "done"), *rows)
    )
    unseen = [one for one in ids if one not in states] if action == "add" else []
    return Answer(
        scope=f"{sandbox_prefix(synthetic)}Watch list in the local store · {words} · "
        f"{watched:,} watched now, each in every market where it is seen",
        table=Table(_COLUMNS, rows, text),
        notes=[*_unseen(unseen), *remarks],
        next_step="get_changes scope=watch says what moved."
        if watched
        else "watch_products action=add watches products.",
        spending=spending,
        facts={"watched": watched, **{name.replace(" ", "_"): count for name, count in counts.items()}},
    )


def _known(seen: Sequence[Seen]) -> tuple[str | None, str | None, str | None]:
    """Name, regions and last data day; `None` where no search has shown it."""
    if not seen:
        return None, None, None
    last = max(seen, key=lambda one: one.day)
    name = fitted(shown_name(last.product.name), _NAME_TOKENS)
    return name or None, " ".join(one.region for one in seen), last.day.isoformat()


def _unseen(ids: Sequence[str]) -> Iterator[str]:
    if ids:
        yield (
            f"No search has shown {'this one' if len(ids) == 1 else f'{len(ids)} of these'} yet: changes are known "
            "from the first search or recipe on that returns it; there is no look-up by id."
        )
