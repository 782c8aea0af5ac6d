"""Files that the user puts into the data directory: read whole, or refused by name and line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keyapi_mcp.home import BrokenFile, own_file


def broken(path: Path) -> str:
    with pytest.raises(BrokenFile) as refused:
        own_file(path)
    return str(refused.value)


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert own_file(tmp_path / "opportunity.toml") is None


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "opportunity.toml"
    for mark in ("", "\ufeff"):
        path.write_text(f"{mark}[weights]\ndemand = 40\n", encoding="utf-8")
        own = own_file(path)
        assert own is not None
        assert own.document == {"weights": {"demand": 40}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[weights]\ndemand = \n", "opportunity.toml, line 2: Invalid value"),
        ("[weights]\ndemand = 1\ndemand = 2\n", "opportunity.toml, line 3: Cannot overwrite a value"),
        ("a = [1,\n", "opportunity.toml, line 2: "),
        pytest.param(f"a = {'9' * 5_000}\n", "opportunity.toml: has a number of too many digits", id="digits"),
        pytest.param(f"a = {'[' * 5_000}\n", "opportunity.toml: is nested too deeply", id="nested"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "opportunity.toml"
    path.write_text(text)
    assert broken(path).startswith(told)


def test_what_is_no_text_too_large_or_a_directory_is_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "opportunity.toml"
    path.write_bytes(b"\xff\xfe")
    assert broken(path) == "opportunity.toml: is not UTF-8 text"
    path.write_bytes(b"#" * 1_000_001)
    assert broken(path) == "opportunity.toml: is too large to be such a file"
    path.unlink()
    path.mkdir()
    assert broken(path).startswith("opportunity.toml: ")


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices")
def test_a_pipe_or_a_device_in_its_place_is_told_and_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "recipes.toml")
    (tmp_path / "opportunity.toml").symlink_to("/dev/zero")
    assert broken(tmp_path / "recipes.toml") == "recipes.toml: is not a file"
    assert broken(tmp_path / "opportunity.toml") == "opportunity.toml: is not a file"


def test_what_is_told_is_one_short_line_whatever_it_quotes(tmp_path: Path) -> None:
    told = str(BrokenFile(tmp_path / "recipes.toml", 2, "\x1b[31m\n| x\u202e" + "y" * 100_000))
    assert told.startswith(r"recipes.toml, line 2: \x1b[31m\n| x\u202ey")
    assert told.isprintable()
    assert len(told) < 500


def test_a_part_that_cannot_be_used_is_told_with_the_line_it_begins_on(tmp_path: Path) -> None:
    path = tmp_path / "recipes.toml"
    path.write_text('# mine\n[first]\npages = 3\n\n[recipe."second one"]\n"pages" = 0\n')
    own = own_file(path)
    assert own is not None
    assert str(own.broken("first", "no")) == "recipes.toml, line 2: first: no"
    assert str(own.broken("second one", "no")) == "recipes.toml, line 5: second one: no"
    assert str(own.broken("pages", "no")) == "recipes.toml, line 6: pages: no"
    assert str(own.broken("absent", "no")) == "recipes.toml: absent: no"
