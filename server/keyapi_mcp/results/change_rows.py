"""The table of what changed, a row a product, in both forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from keyapi_mcp.research.change_list import Change
from keyapi_mcp.research.changes import Move
from keyapi_mcp.results.answer import Cell, Table
from keyapi_mcp.results.moves import gathered, in_words
from keyapi_mcp.results.numbers import exact

# Figures whose change says enough, and those of which it is also said what they are or were.
_CHANGES: Final = ("units_30d", "gmv_30d_usd", "creators")
_MOVES: Final = (
    *("price_usd", "price_change", "units_30d_change", "gmv_30d_change", "creators_change"),
    *("commission_was", "commission", "stage_was", "stage", "delisted"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A product with what is said of it. change: `None` for a watched one that was never seen; name, note: cleaned,
    note the user's own.
    """

    product_id: str
    change: Change | None
    name: str = ""
    note: str = ""

    @property
    def days(self) -> tuple[date | None, date | None]:
        return (self.change.since, self.change.day) if self.change else (None, None)

    @property
    def severity(self) -> str:
        """Empty where nobody can tell."""
        return self.change.severity.word if self.change and self.change.since else ""

    def in_words(self) -> str:
        change = self.change
        if change is None:
            return "no search has shown it yet"
        if change.idle:
            return "not seen since then"
        if change.since is None:
            return "no earlier day to compare with"
        return "; ".join(in_words(move, digits=0) for move in gathered(change.moved)) or "did not move"


def change_table(rows: Sequence[Row]) -> Table:
    """Days only where they differ from row to row, notes and figures only where a row has them."""
    with_days, with_notes = common_days(rows) is None, any(row.note for row in rows)
    columns = ["product_id", "product", *["note"] * with_notes, "region", "severity", *["since_day", "day"] * with_days]
    headings = ["#", "product_id", "product", *["note"] * with_notes, "region", "severity", "what moved"]
    lines = ["|".join([*headings, *["from → to"] * with_days])]
    cells: list[list[Cell]] = []
    figures: list[tuple[Cell, ...]] = []
    for number, row in enumerate(rows, 1):
        region = row.change.region if row.change else ""
        since, day = row.days
        note = [row.note] * with_notes
        words = [str(number), row.product_id, row.name, *note, region, row.severity, row.in_words()]
        lines.append("|".join([*words, *[_span(since, day)] * with_days]))
        days = [one and one.isoformat() for one in (since, day)] * with_days
        texts = (row.product_id, row.name, *note, region, row.severity, *days)
        cells.append([text or None for text in texts])
        figures.append(_figures(row.change.moved if row.change else ()))
    used = [
        place for place, column in enumerate(zip(*figures, strict=True)) if any(cell is not None for cell in column)
    ]
    names = (*columns, *[_MOVES[place] for place in used])
    whole = tuple((*head, *[of[place] for place in used]) for head, of in zip(cells, figures, strict=True))
    return Table(names, whole, "\n".join(lines))


def common_days(rows: Sequence[Row]) -> tuple[date, date] | None:
    """The two days, if they are the same in all rows."""
    pairs = {row.days for row in rows}
    if len(pairs) == 1:
        ((since, day),) = pairs
        if since is not None and day is not None:
            return since, day
    return None


def _span(since: date | None, day: date | None) -> str:
    return f"{since} → {day}" if since else str(day or "")


def _figures(moved: Sequence[Move]) -> tuple[Cell, ...]:
    """What moved, under its column; null for what did not."""
    by_name = {move.name: move for move in moved}
    price, commission = by_name.get("price_usd"), by_name.get("commission")
    stage, delisted = by_name.get("stage"), by_name.get("delisted")
    return (
        price and exact(price.now),
        _change(by_name, "price_usd"),
        *[_change(by_name, name) for name in _CHANGES],
        commission and exact(commission.before, 3),
        commission and exact(commission.now, 3),
        stage and str(stage.before),
        stage and str(stage.now),
        delisted and bool(delisted.now),
    )


def _change(by_name: Mapping[str, Move], name: str) -> Cell:
    """As a fraction; in words where there is none."""
    move = by_name.get(name)
    if move is None or move.change is not None:
        return move and exact(move.change, 3)
    was, now = ("unknown" if value is None else f"{value:.15g}" for value in (move.before, move.now))
    return f"{was} → {now}"
