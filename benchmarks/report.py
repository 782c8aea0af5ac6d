"""Figures, tables and the summary, as text for people or Markdown for docs/measured.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# The sides of most tables.
OURS, BARE, LEAN = "this server", "bare tool, raw JSON", "bare tool, raw JSON once"
_HEADINGS: Final = ("figure", "this server", "compared with", "ratio", "to reach", "reached")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the summary. `reached` is `None` where nothing was to reach, or nothing could be measured."""

    what: str
    ours: str
    peer: str
    ratio: str = ""
    target: str = ""
    reached: bool | None = None

    def cells(self) -> tuple[str, ...]:
        said = {True: "yes", False: "**no**", None: ""}[self.reached]
        return (self.what, self.ours, self.peer, self.ratio, self.target, said)


@dataclass(frozen=True, slots=True)
class Part:
    """What one part measured: a table, remarks on how to read it, and its lines of the summary."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str] = ()
    figures: Sequence[Figure] = field(default=())

    def __str__(self) -> str:
        return "\n".join([self.title, table(self.headings, self.rows), *(f"  {remark}" for remark in self.remarks)])


def at_most(ratio: float, limit: float) -> tuple[str, str, bool]:
    """Ratio, target and whether it is reached, for something that should be small."""
    return f"{ratio:.2f}", f"≤ {limit:g} ×", ratio <= limit


def at_least(ratio: float, limit: float) -> tuple[str, str, bool]:
    """The same for something that should be large."""
    return f"{ratio:.2f}", f"≥ {limit:g} ×", ratio >= limit


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under each other: the first to the left, the others to the right."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    texts = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join(["  " + text for text in (texts[0], "-" * (sum(widths) + 2 * len(widths) - 2), *texts[1:])])


def summary(figures: Sequence[Figure]) -> str:
    """The summary for a terminal."""
    return table(_HEADINGS, [[cell.replace("**", "") for cell in figure.cells()] for figure in figures])


def markdown(figures: Sequence[Figure], machine: str) -> str:
    """The summary for docs/measured.md, between its markers."""
    return marked("benchmarks", [_HEADINGS, *(figure.cells() for figure in figures)], machine)


def marked(name: str, lines: Sequence[Sequence[str]], machine: str) -> str:
    """A Markdown table, headings first, and the machine, between the markers of this name."""
    ruled = [lines[0], ("---",) * len(lines[0]), *lines[1:]]
    rows = [f"| {' | '.join(line)} |" for line in ruled]
    return "\n".join([f"<!-- {name} -->", *rows, "", machine, f"<!-- /{name} -->"])


def around_markers(file: Path, name: str) -> tuple[str, str]:
    """What stands before and after the markers. Raises ValueError where the file has not each once, in order."""
    first, last = f"<!-- {name} -->", f"<!-- /{name} -->"
    content = file.read_text(encoding="utf-8")
    before, start, rest = content.partition(first)
    _, end, after = rest.partition(last)
    if not start or not end or first in rest or last in before + after:
        raise ValueError(f"{file} must have {first} and, after it, {last}, once each")
    return before, after


def write_into(file: Path, name: str, text: str) -> None:
    """Replace the markers of this name and what stands between them."""
    before, after = around_markers(file, name)
    file.write_text(before + text + after, encoding="utf-8")
