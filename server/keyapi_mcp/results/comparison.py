"""The answer that sets products side by side: a row a metric, the best marked, and what separates them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from keyapi_mcp.research.age import contradictions
from keyapi_mcp.research.history import Seen
from keyapi_mcp.research.stage import place
from keyapi_mcp.results.answer import Answer, Cell, Spending, Table
from keyapi_mcp.results.comparison_rows import Row, rows_of
from keyapi_mcp.results.room import beyond_own, fitted, own_tokens
from keyapi_mcp.results.scope import sandbox_prefix
from keyapi_mcp.results.separation import separation
from keyapi_mcp.results.untrusted import shown_name

LETTERS: Final = "ABCDEFGH"
# Of either form.
MOST_TOKENS: Final = 900
# Of all names together, and of one.
_NAMES_TOKENS: Final = 46
_NAME_TOKENS: Final = 14


def comparison(products: Sequence[Seen], *, notes: Sequence[str] = (), spending: Spending, synthetic: bool) -> Answer:
    """The comparison of two to eight products, each called by a letter.

    notes: what there is to say of the ids that were asked for; synthetic: the figures come from the sandbox.
    """
    rows = rows_of(products)
    called = list(zip(LETTERS, products, _names(products), strict=False))
    remarks = [*_remarks(rows), _stages(products), *_warnings(products), *notes]

    def answer(dispensed: int) -> Answer:
        """Without so many of the dispensable rows."""
        dropped = dispensable[:dispensed]
        headings = ", ".join(row.metric.heading for row in dropped)
        return Answer(
            scope=_scope(products, synthetic),
            table=_table(len(products), [row for row in rows if row.known and row not in dropped]),
            notes=[*remarks, *([f"Left out for room: {headings}; a comparison of fewer has them."] if dropped else ())],
            next_step="get_product has each of them whole.",
            spending=spending,
            facts={"products": {letter: [seen.product.product_id, name] for letter, seen, name in called}},
            lines=[f"{letter} = {seen.product.product_id} {name}".rstrip() for letter, seen, name in called],
        )

    dispensable = [row for row in rows if row.known and row.metric.dispensable]
    dispensable.sort(key=lambda row: -row.metric.dispensable)
    most = MOST_TOKENS - sum(beyond_own(name) for _, _, name in called)

    def fits(dispensed: int) -> bool:
        without = answer(dispensed)
        return own_tokens(without.text(), without.structured()) <= most

    return answer(bisect_left(range(len(dispensable)), True, key=fits))


def _names(products: Sequence[Seen]) -> list[str]:
    tokens = min(_NAME_TOKENS, _NAMES_TOKENS / len(products))
    return [fitted(shown_name(seen.product.name), tokens) for seen in products]


def _scope(products: Sequence[Seen], synthetic: bool) -> str:
    regions = dict.fromkeys(seen.region for seen in products)
    days = sorted({seen.day for seen in products})
    when = f"{days[0]} to {days[-1]}" if len(days) > 1 else f"{days[0]}"
    return (
        f"{sandbox_prefix(synthetic)}{len(products)} products compared · {', '.join(regions)}"
        f" · data of {when} (T+1), USD, sales and GMV estimated"
    )


def _table(products: int, rows: Iterable[Row]) -> Table:
    letters = LETTERS[:products]
    structured: list[tuple[Cell, ...]] = []
    lines = ["|".join(("metric", *letters, "max−min"))]
    for row in rows:
        best, apart = row.best, row.difference
        structured.append((row.metric.name, *row.values, None if best is None else letters[best], apart))
        cells = (f"{row.written(place)}{'*' if place == best else ''}" for place in range(len(letters)))
        lines.append("|".join((row.metric.heading, *cells, "" if apart is None else row.metric.written(apart))))
    return Table(("metric", *letters, "best", "max_minus_min"), tuple(structured), "\n".join(lines))


def _remarks(rows: Sequence[Row]) -> Iterator[str]:
    yield from separation(rows, LETTERS)
    yield "* best of its row: only where more is better and every value is known."
    if gaps := _gaps(rows):
        yield "Not judged, unknown: " + "; ".join(f"{', '.join(what)} ({who})" for who, what in gaps.items()) + "."
    if nobody := [row.metric.heading for row in rows if not row.known]:
        yield f"Unknown for all: {', '.join(nobody)}."


def _stages(products: Sequence[Seen]) -> str:
    """Where each is in its life, and whether following it still makes sense."""
    placed = [place(seen.product, seen.day) for seen in products]
    told = (
        f"{letter} {one.stage}{f' ({one.window})' if one.window else ''}"
        for letter, one in zip(LETTERS, placed, strict=False)
    )
    return f"Stage (follow window): {', '.join(told)}."


def _gaps(rows: Sequence[Row]) -> Mapping[str, list[str]]:
    """Whose value is missing → in which rows."""
    gaps: dict[str, list[str]] = {}
    for row in rows:
        if row.known and not row.complete:
            whose = [letter for letter, value in zip(LETTERS, row.values, strict=False) if value is None]
            gaps.setdefault(", ".join(whose), []).append(row.metric.heading)
    return gaps


def _warnings(products: Sequence[Seen]) -> Iterator[str]:
    if delisted := _grouped(products, lambda seen: "Delisted" if seen.product.delisted else ""):
        yield f"{delisted}."
    if odd := _grouped(
        products, lambda seen: "Contradicts itself at the source" if contradictions(seen.product) else ""
    ):
        yield f"{odd}."
    if len({seen.day for seen in products}) > 1:
        days = _grouped(products, lambda seen: str(seen.day))
        yield f"The data days differ, so the windows do not cover the same days: {days}."
    if len({seen.region for seen in products}) > 1:
        yield f"The markets differ: {_grouped(products, lambda seen: seen.region)}."


def _grouped(products: Sequence[Seen], kind: Callable[[Seen], str]) -> str:
    """Each kind that there is, with the letters of its products."""
    groups: dict[str, list[str]] = {}
    for letter, seen in zip(LETTERS, products, strict=False):
        groups.setdefault(kind(seen), []).append(letter)
    return "; ".join(f"{name} {', '.join(letters)}" for name, letters in sorted(groups.items()) if name)
