"""A client's file is replaced whole or not at all, with a copy of what was there."""

from __future__ import annotations

import os
import stat
from datetime import datetime
from pathlib import Path
from unittest import mock

import pytest

from keyapi_mcp.clients.entry import Refused
from keyapi_mcp.clients.files import read_text, write_text

NOW = datetime(2026, 11, 25, 9, 30, 1)
on_posix = pytest.mark.skipif(os.name != "posix", reason="rights and links of another kind")


def test_line_ends_and_a_byte_order_mark_are_kept(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_bytes(b"\xef\xbb\xbf{\r\n}\r\n")
    text = read_text(tmp_path / "c.json")
    assert text == "\ufeff{\r\n}\r\n"
    write_text(tmp_path / "c.json", text, text + "\n", NOW)
    assert (tmp_path / "c.json").read_bytes() == b"\xef\xbb\xbf{\r\n}\r\n\n"


def test_a_new_file_and_its_folders_are_made(tmp_path: Path) -> None:
    assert read_text(tmp_path / "a" / "c.json") is None
    assert write_text(tmp_path / "a" / "c.json", None, "{}", NOW) is None
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["c.json"]


def test_the_former_file_is_beside_it_under_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("1")
    assert write_text(path, "1", "2", NOW) == tmp_path / "c.json.bak-20261125-093001"
    assert write_text(path, "2", "3", NOW) == tmp_path / "c.json.bak-20261125-093001-2"
    contents = {one.name: one.read_text() for one in tmp_path.iterdir()}
    assert contents == {"c.json": "3", "c.json.bak-20261125-093001": "1", "c.json.bak-20261125-093001-2": "2"}


@on_posix
def test_rights_are_kept_and_the_copy_and_a_new_file_are_private(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("1")
    path.chmod(0o640)
    backup = write_text(path, "1", "2", NOW)
    assert backup is not None
    write_text(tmp_path / "new.json", None, "{}", NOW)
    rights = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    assert rights == {"c.json": 0o640, backup.name: 0o600, "new.json": 0o600}


@on_posix
def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "c.json").write_text("1")
    (tmp_path / "c.json").symlink_to(tmp_path / "real" / "c.json")
    write_text(tmp_path / "c.json", "1", "2", NOW)
    assert (tmp_path / "c.json").is_symlink()
    assert (tmp_path / "real" / "c.json").read_text() == "2"


def test_what_a_client_has_written_meanwhile_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("theirs")
    with pytest.raises(Refused, match="has just changed it"):
        write_text(path, "before", "after", NOW)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("c.json", "theirs")]


def test_a_disk_that_fails_at_the_end_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("1")
    full = OSError(28, "No space left on device")
    with mock.patch.object(Path, "replace", side_effect=full), pytest.raises(Refused, match="No space left"):
        write_text(path, "1", "2", NOW)
    assert path.read_text() == "1"
    assert not list(tmp_path.glob("*.new-*"))


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_bytes("{}".encode("utf-16"))
    with pytest.raises(Refused, match="not UTF-8"):
        read_text(tmp_path / "c.json")


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="it is not a file"):
        read_text(tmp_path)


@on_posix
def test_a_pipe_in_its_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c.json")
    with pytest.raises(Refused, match="it is not a file"):
        read_text(tmp_path / "c.json")
