"""One line of `doctor`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from keyapi_mcp.printed import masked, one_line


@dataclass(frozen=True, slots=True)
class Finding:
    """good: True fine, None worth knowing, False in the way."""

    good: bool | None
    text: str

    def without(self, secrets: Iterable[str]) -> Finding:
        """These are not shown; what looks like a key never is."""
        return replace(self, text=masked(self.text, secrets))

    def line(self) -> str:
        """Other programs' words and the user's own files come into it, and it is pasted into reports."""
        return f"{'ok  ' if self.good else 'note' if self.good is None else 'FAIL'}  {one_line(masked(self.text))}"
