"""What a judge says: one row for each judge, transport and era, with what did not pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a judge looked at. detail: why it failed, on one line; known: it is on record that it does."""

    name: str
    passed: bool
    detail: str = ""
    known: bool = False

    @property
    def good(self) -> bool:
        return self.passed or self.known


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. note: what the reader should know, such as what was not asked and why."""

    judge: str
    transport: str
    era: str
    checks: tuple[Check, ...] = field(default=())
    note: str = ""

    @property
    def passed(self) -> int:
        return sum(check.passed for check in self.checks)

    @property
    def good(self) -> bool:
        """A judge that looked at nothing has not passed."""
        return bool(self.checks) and all(check.good for check in self.checks)


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| Judge | Transport | Era | Passed | Note |", "|---|---|---|---|---|"]
    for row in rows:
        passed = f"{row.passed}/{len(row.checks)}"
        lines.append(f"| {row.judge} | {row.transport} | {row.era} | {passed} | {row.note} |")
    return "\n".join(lines)


def failures(rows: Iterable[Row]) -> list[str]:
    """A line for everything that did not pass and is not known not to."""
    lines = []
    for row in rows:
        where = f"{row.judge}, {row.transport}, {row.era}"
        if not row.checks:
            lines.append(f"{where}: nothing was checked")
        lines += [f"{where}: {check.name}: {check.detail or 'failed'}"[:600] for check in row.checks if not check.good]
    return lines


def said(expected: Sequence[str], lines: Iterable[dict[str, object]]) -> list[Check]:
    """A client's own lines as checks, in the order that was expected; what it did not say has failed."""
    found = {str(line["check"]): line for line in lines if "check" in line}
    checks = []
    for name in expected:
        line = found.pop(name, None)
        passed = line is not None and line.get("ok") is True
        checks.append(Check(name, passed, "" if passed else str((line or {}).get("detail", "the client did not say"))))
    checks += [Check(name, False, f"unexpected: {line.get('detail', '')}") for name, line in found.items()]
    return checks
