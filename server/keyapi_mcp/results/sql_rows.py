"""The answer to an SQL question: its rows, cleaned, with what was left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from keyapi_mcp.results.answer import Answer, Cell, Spending, Table
from keyapi_mcp.results.scope import sandbox_prefix
from keyapi_mcp.results.untrusted import clean

LONGEST_CELL: Final = 300
_LONGEST_NAME: Final = 60
# From here on cents are all that is worth telling.
_LARGE: Final = 1_000.0
# What may begin a line as it is: codes, ids, numbers. Words of strangers could pass for a line of the answer's own.
_PLAIN: Final = re.compile(r"-?\w{0,40}(?:[.+-]\w{1,40})*", re.ASCII)


def sql_rows(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    more: bool = False,
    cut: bool = False,
    dropped: int = 0,
    limit: int,
    most: int,
    nothing: str = "",
    spending: Spending,
    synthetic: bool,
) -> Answer:
    """more: there are further rows; cut: the number of characters was the limit, not that of rows; dropped: columns
    left out at the end; limit, most: the rows that were asked for, and that may be; nothing: why there may be no row.
    """
    names = tuple(clean(name)[:_LONGEST_NAME] or "?" for name in columns)
    cells = tuple(tuple(_cell(value) for value in row) for row in rows)
    return Answer(
        scope=f"{sandbox_prefix(synthetic)}SQL over the local store · {len(cells)} row{'' if len(cells) == 1 else 's'}"
        " · sales and GMV estimated, USD; NULL = unknown",
        table=Table(names, cells, _text(names, cells)),
        notes=_notes(names, cells, more=more, cut=cut, dropped=dropped, limit=limit, most=most),
        next_step=nothing
        if not cells
        else "get_product shows one of these products whole."
        if "product_id" in names
        else "",
        spending=spending,
    )


def _text(names: Sequence[str], cells: Sequence[Sequence[Cell]]) -> str:
    """One line a row; numbered where the first column holds words."""
    lines = ["|".join("" if value is None else str(value) for value in row) for row in (names, *cells)]
    if all(_PLAIN.fullmatch(line.partition("|")[0]) for line in lines[1:]):
        return "\n".join(lines)
    return "\n".join(f"{number or '#'}|{line}" for number, line in enumerate(lines))


def _notes(
    names: Sequence[str], cells: Sequence[Sequence[Cell]], *, more: bool, cut: bool, dropped: int, limit: int, most: int
) -> list[str]:
    notes = []
    if taken := [name for name in names if len(name) > 2 and name[0] == name[-1] == '"']:
        notes.append(f"{', '.join(taken[:5])}: no such column; SQLite takes double quotes as text then.")
    if dropped:
        shown = len(cells[0]) if cells else 0
        notes.append(f"{dropped} of {shown + dropped} columns had no room; name the columns that matter.")
    if more:
        ways = "select fewer columns, aggregate" if cut else f"raise limit (at most {most}), aggregate"
        if limit >= most and not cut:
            ways = "aggregate"
        notes.append(
            f"There are more rows than these {len(cells)} ({'room' if cut else 'limit'}): {ways}, narrow with WHERE, "
            f"or read on with ORDER BY … LIMIT {limit} OFFSET {len(cells)}."
        )
    texts = [value for row in cells for value in row if isinstance(value, str)]
    if any(len(text) == LONGEST_CELL and text.endswith("…") for text in texts):
        notes.append(f"Texts are cut at {LONGEST_CELL} characters (…); substr(x, {LONGEST_CELL}) reads on.")
    return notes


def _cell(value: Any) -> Cell:
    if isinstance(value, str):
        text = clean(value)
        return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
    if isinstance(value, float):
        value = round(value, 2) if abs(value) >= _LARGE else float(f"{value:.6g}")
        # Numbers of derived columns are all stored as decimals.
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    # Whole numbers beyond 2^53 would lose their last digits in many clients.
    return str(value) if isinstance(value, int) and abs(value) > 2**53 else value
