"""`doctor` notes the clients' files, and copies of them, in which others can read a key."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from keyapi_mcp.commands import doctor_keys
from keyapi_mcp.commands.machine import Machine

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights of another kind")
KEY = "sk_live_in_the_entry"


def said(home: Path) -> list[str]:
    machine = Machine("linux", home, {"HOME": str(home)}, Path(sys.executable))
    return [finding.line() for finding in doctor_keys.findings(machine)]


def put(home: Path, name: str, token: str, rights: int = 0o644) -> Path:
    path = home / ".cursor" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"mcpServers": {"mine": {"command": "x", "env": {"KEYAPI_TOKEN": token}}}}))
    path.chmod(rights)
    return path


def test_a_client_s_file_and_its_copies_are_noted_with_what_to_do(tmp_path: Path) -> None:
    path, copy = put(tmp_path, "mcp.json", KEY), put(tmp_path, "mcp.json.bak-20261125-093001", KEY)
    note = "note  Cursor: others on this machine can read"
    assert said(tmp_path) == [
        f"{note} {path}, which holds the key: chmod 600 {path}",
        f"{note} {copy}, which holds the key: delete that copy when you no longer need it",
    ]


def test_a_copy_is_noted_where_the_file_itself_is_gone(tmp_path: Path) -> None:
    put(tmp_path, "mcp.json.bak-20261125-093001", KEY)
    assert len(said(tmp_path)) == 1


def test_a_file_that_is_broken_is_noted_too(tmp_path: Path) -> None:
    path = put(tmp_path, "mcp.json", KEY)
    path.write_text(path.read_text()[:-2])
    assert len(said(tmp_path)) == 1


@pytest.mark.parametrize(("token", "rights"), [(KEY, 0o600), ("${input:keyapi}", 0o644), ("", 0o644)])
def test_what_nobody_else_reads_or_holds_no_key_is_not(token: str, rights: int, tmp_path: Path) -> None:
    put(tmp_path, "mcp.json", token, rights)
    assert said(tmp_path) == []
