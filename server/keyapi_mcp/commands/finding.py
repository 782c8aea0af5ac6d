"""One line of `doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """good: True fine, None worth knowing, False in the way."""

    good: bool | None
    text: str

    def line(self) -> str:
        return f"{'ok  ' if self.good else 'note' if self.good is None else 'FAIL'}  {self.text}"
