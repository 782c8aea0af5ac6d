"""Progress is a courtesy: it is told where somebody reads, and nothing depends on it."""

from __future__ import annotations

import io
import sys

import pytest

from keyapi_mcp.commands.progress import progress


class _Broken(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_what_cannot_be_told_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", _Broken())
    progress("pages", 1, 3)


def test_lines_are_plain_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress("pages", 1, 3)
    assert capsys.readouterr().err == "pages: 1 of 3\n"
