"""How far a command is: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io

import pytest

from keyapi_mcp.commands.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, *steps: tuple[int, int]) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    for done, whole in steps:
        progress("breaking-out, pages", done, whole)
    return stream.getvalue()


def test_on_a_terminal_one_line_is_written_over_and_ended_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    text = told(Terminal(), monkeypatch, (1, 4), (4, 4))
    assert text == (
        "\r" + "█" * 6 + "·" * 18 + " breaking-out, pages: 1 of 4\r" + "█" * 24 + " breaking-out, pages: 4 of 4\n"
    )


def test_elsewhere_each_step_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    text = told(io.StringIO(), monkeypatch, (1, 2), (2, 2))
    assert text == "breaking-out, pages: 1 of 2\nbreaking-out, pages: 2 of 2\n"


def test_of_nothing_all_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(Terminal(), monkeypatch, (0, 0)).startswith("\r" + "█" * 24)
