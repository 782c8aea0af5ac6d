"""The response contract: what every answer consists of, and its two forms.

Clients disagree on which form the model sees, so each is complete: text (a scope line, one table, notes, next step,
credits) and structured content (`{scope, columns, rows, notes, next, credits}`, numbers in base units).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

Cell = str | float | int | None

# Small on purpose: it is sent with every listing, and says no more than a client needs to check an answer.
OUTPUT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "scope": {"type": "string"},
        "columns": {"type": "array", "items": {"type": "string"}},
        "rows": {"type": "array", "items": {"type": "array"}},
        "notes": {"type": "array", "items": {"type": "string"}},
        "next": {"type": "string"},
        "credits": {"type": "object"},
    },
    "required": ["scope", "columns", "rows", "credits"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Table:
    """One table in both forms, kept together so that they cannot disagree on rows or order."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    text: str


@dataclass(frozen=True, slots=True)
class Spending:
    """What a call cost and what the process has spent, in credits. maybe: requests that may have cost one each."""

    call: int
    call_maybe: int
    total: int
    total_maybe: int
    source: str = ""

    def in_words(self) -> str:
        call = f"{self.call}" + (f" + 0–{self.call_maybe} (unknown)" if self.call_maybe else "")
        total = f"{self.total}" + (f" + 0–{self.total_maybe} (unknown)" if self.total_maybe else "")
        return f"Credits: {call} for this call{self.source and f' ({self.source})'}, {total} since start."

    def as_json(self) -> dict[str, Any]:
        maybe = {"call_unknown": self.call_maybe, "since_start_unknown": self.total_maybe}
        return {"call": self.call, "since_start": self.total} | {name: count for name, count in maybe.items() if count}


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer; `text()` and `structured()` say the same."""

    scope: str
    table: Table | None
    notes: Sequence[str]
    next_step: str
    spending: Spending

    def text(self) -> str:
        parts = [self.scope]
        if self.table is not None and self.table.rows:
            parts.append(self.table.text)
        parts += self.notes
        parts.append(
            f"Next: {self.next_step} {self.spending.in_words()}" if self.next_step else self.spending.in_words()
        )
        return "\n".join(parts)

    def structured(self) -> dict[str, Any]:
        content: dict[str, Any] = {
            "scope": self.scope,
            "columns": list(self.table.columns) if self.table else [],
            "rows": [list(row) for row in self.table.rows] if self.table else [],
        }
        if self.notes:
            content["notes"] = list(self.notes)
        if self.next_step:
            content["next"] = self.next_step
        content["credits"] = self.spending.as_json()
        return content
