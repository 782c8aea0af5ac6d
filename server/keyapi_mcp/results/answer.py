"""The response contract: what every answer consists of, and its two forms.

Clients disagree on which form the model sees, so each is complete: text (a scope line, one table, notes, next step,
credits) and structured content (`{scope, facts, columns, rows, notes, next, credits}`, numbers in base units).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from keyapi_mcp.credits import Totals
from keyapi_mcp.errors import KeyApiMcpError

Cell = str | float | int | None

# Small on purpose: it is sent with every listing, and says no more than a client needs to check an answer.
OUTPUT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "scope": {"type": "string"},
        "facts": {"type": "object"},
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
    """What a call cost and what counts against the limits, in credits.

    call_maybe: requests of the call that may have cost one each; totals: `None` when the books cannot be read;
    source: where the answer came from, if not from the service for this call; per_process: limits hold for this
    process only, because nothing is kept beyond it.
    """

    call: int
    call_maybe: int
    totals: Totals | None
    source: str = ""
    per_process: bool = False

    def in_words(self) -> str:
        call = f"{self.call}" + (f" + 0–{self.call_maybe} (unknown)" if self.call_maybe else "")
        words = f"Credits: {call} for this call{self.source and f' ({self.source})'}"
        if self.totals is None:
            return f"{words}; the books cannot be read."
        unknown = f" ({self.totals.today_unknown} of them unknown)" if self.totals.today_unknown else ""
        left = self.totals.left
        limits = "no limit set" if left is None else f"{left:,} left within your limits"
        whose = " of this process" if self.per_process else ""
        return f"{words}; {self.totals.today:,} today{unknown}, {limits}{whose} (account balance not visible)."

    def as_json(self) -> dict[str, Any]:
        content: dict[str, Any] = {"call": self.call}
        if self.call_maybe:
            content["call_unknown"] = self.call_maybe
        if self.totals is not None:
            content["today"] = self.totals.today
            if self.totals.today_unknown:
                content["today_unknown"] = self.totals.today_unknown
            if self.totals.left is not None:
                content["left"] = self.totals.left
        if self.source:
            content["source"] = self.source
        return content


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer; `text()` and `structured()` say the same.

    facts: what is no table, by name, for structured content; lines: the same in words, for the text; failure: why it
    is not whole, for who acts on that: notes and next step say it to readers.
    """

    scope: str
    table: Table | None
    notes: Sequence[str]
    next_step: str
    spending: Spending
    facts: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    failure: KeyApiMcpError | None = None

    def text(self) -> str:
        parts = [self.scope, *self.lines]
        if self.table is not None and self.table.rows:
            parts.append(self.table.text)
        parts += self.notes
        parts.append(
            f"Next: {self.next_step} {self.spending.in_words()}" if self.next_step else self.spending.in_words()
        )
        return "\n".join(parts)

    def structured(self) -> dict[str, Any]:
        content: dict[str, Any] = {"scope": self.scope}
        if self.facts:
            content["facts"] = dict(self.facts)
        content |= {
            "columns": list(self.table.columns) if self.table else [],
            "rows": [list(row) for row in self.table.rows] if self.table else [],
        }
        if self.notes:
            content["notes"] = list(self.notes)
        if self.next_step:
            content["next"] = self.next_step
        content["credits"] = self.spending.as_json()
        return content
