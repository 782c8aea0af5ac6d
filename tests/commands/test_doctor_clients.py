"""`doctor` says in words why a client would not start the server."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from keyapi_mcp import __version__
from keyapi_mcp.commands import doctor_clients
from keyapi_mcp.commands.machine import Machine
from support.command import KEYAPI_MCP, keyapi_mcp
from support.user import user

__all__ = ["user"]

on_posix = pytest.mark.skipif(os.name != "posix", reason="scripts and rights of another kind")
KEYED = {"KEYAPI_TOKEN": "sk_live_in_the_entry"}


def said(home: Path, entry: dict[str, Any] | None = None, file: str = ".cursor/mcp.json", **environment: str) -> str:
    """The lines about clients, with this entry in a client's file."""
    if entry is not None:
        path = home / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"mcpServers": {"mine": entry}}))
    base = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    machine = Machine("linux", home, base | {"HOME": str(home)} | environment, Path(sys.executable))
    return "\n".join(finding.line() for finding in doctor_clients.findings(machine))


def test_without_any_entry_the_way_to_one_is_named(tmp_path: Path) -> None:
    assert said(tmp_path, {"command": "npx", "args": ["something-else"]}).startswith("note  no client is told to")


def test_an_entry_that_works_is_said_to_and_its_key_is_not_shown(tmp_path: Path) -> None:
    text = said(tmp_path, {"command": KEYAPI_MCP, "args": ["--log-level", "ERROR"], "env": KEYED})
    assert text == f'ok    Cursor: "mine" in {tmp_path / ".cursor" / "mcp.json"}: starts (version {__version__})'


@pytest.mark.slow
def test_the_interpreter_with_the_module_is_known_too(tmp_path: Path) -> None:
    text = said(tmp_path, {"command": sys.executable, "args": ["-m", "keyapi_mcp", "--sandbox"]})
    assert "starts (version" in text
    assert "sandbox; its answers are synthetic" in text
    assert "FAIL" not in text


WRITTEN_WRONG: list[tuple[dict[str, Any], str]] = [
    ({"command": "keyapi-mcp"}, "its command 'keyapi-mcp' is not absolute"),
    ({"command": "~/bin/keyapi-mcp"}, "is not absolute"),
    ({"command": "/nowhere/keyapi-mcp"}, "its command /nowhere/keyapi-mcp is not there"),
    ({"args": ["-m", "keyapi_mcp"]}, "it has no command"),
    ({"command": "keyapi-mcp", "env": {"KEYAPI_TOKEN_FILE": "my.key"}}, "'my.key' is not absolute"),
    ({"command": "keyapi-mcp"}, "it has no key: put KEYAPI_TOKEN"),
    ({"command": "keyapi-mcp", "env": {"KEYAPI_TOKEN": "sk_live_your_key"}}, "still the example's"),
]
ENDS_AT_ONCE: list[tuple[dict[str, Any], str]] = [
    ({"args": ["--sandboxed"]}, "it ends at once: error: unrecognized"),
    ({"env": {"KEYAPI_MCP_CACHE_ROWS": "many"}}, "it ends at once: KEYAPI_MCP_CACHE_ROWS"),
    ({"env": {"KEYAPI_TOKEN_FILE": "/nowhere/key"}}, "the file cannot be read"),
]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        *WRITTEN_WRONG,
        *(pytest.param({"command": KEYAPI_MCP} | more, words, marks=pytest.mark.slow) for more, words in ENDS_AT_ONCE),
    ],
)
def test_what_would_stop_it_is_said(entry: dict[str, Any], words: str, tmp_path: Path) -> None:
    failed = [line for line in said(tmp_path, entry).splitlines() if line.startswith("FAIL")]
    assert any(words in line for line in failed), failed


def test_a_store_that_cannot_be_read_is_said_with_the_entry(tmp_path: Path) -> None:
    (tmp_path / "keyapi.sqlite").write_text("no database" * 100)
    text = said(tmp_path, {"command": KEYAPI_MCP, "env": KEYED | {"KEYAPI_MCP_HOME": str(tmp_path)}})
    assert f'FAIL  Cursor: "mine" in {tmp_path / ".cursor" / "mcp.json"}: it ends at once: The store at' in text


def script(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@on_posix
def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    # Answers as an old interpreter would: its version when asked for it, and a complaint about all else.
    old = script(
        tmp_path / "python3.9", '#!/bin/sh\ncase "$1" in -c) echo 3 9;; *) echo SyntaxError >&2; exit 1;; esac\n'
    )
    text = said(tmp_path, {"command": old, "args": ["-m", "keyapi_mcp"], "env": KEYED})
    assert f"its Python, {old}, is 3.9; keyapi-mcp needs 3.11 or newer" in text


@on_posix
def test_a_script_whose_python_is_gone_is_named(tmp_path: Path) -> None:
    command = script(tmp_path / "keyapi-mcp", "#!/gone/venv/bin/python\n")
    assert "its Python, /gone/venv/bin/python, is not there any more" in said(
        tmp_path, {"command": command, "env": KEYED}
    )


@pytest.mark.slow
@on_posix
def test_a_python_without_the_package_is_named(tmp_path: Path) -> None:
    lines = f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n'
    bare = script(tmp_path / "python3", lines)
    text = said(tmp_path, {"command": bare, "args": ["-m", "keyapi_mcp"], "env": KEYED})
    assert f"its Python, {bare}, has no keyapi-mcp installed" in text


@on_posix
def test_another_version_is_noted(tmp_path: Path) -> None:
    command = script(tmp_path / "keyapi-mcp", "#!/bin/sh\necho keyapi-mcp 0.0.1\n")
    assert "note  Cursor" in said(tmp_path, {"command": command, "env": KEYED})
    assert "that is version 0.0.1" in said(tmp_path, {"command": command, "env": KEYED})


@on_posix
def test_a_command_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_clients, "_SECONDS", 0.2)
    command = script(tmp_path / "keyapi-mcp", "#!/bin/sh\nexec sleep 30\n")
    assert "it does not answer within" in said(tmp_path, {"command": command, "env": KEYED})


@pytest.mark.slow
@on_posix
def test_a_key_file_that_others_can_read_is_noted(tmp_path: Path) -> None:
    key = tmp_path / "my.key"
    key.write_text("sk_live_in_a_file")
    key.chmod(0o644)
    text = said(tmp_path, {"command": KEYAPI_MCP, "env": {"KEYAPI_TOKEN_FILE": str(key)}})
    assert f"others on this machine can read {key}" in text
    assert "FAIL" not in text


@pytest.mark.slow
def test_a_key_of_the_shell_may_or_may_not_reach_the_client(tmp_path: Path) -> None:
    text = said(tmp_path, {"command": KEYAPI_MCP}, KEYAPI_TOKEN="sk_live_of_the_shell")
    assert "note" in text
    assert "where the client does not pass on your shell's variables" in text
    assert "FAIL" not in text


@pytest.mark.slow
def test_what_the_client_fills_in_is_not_judged(tmp_path: Path) -> None:
    text = said(tmp_path, {"command": KEYAPI_MCP, "env": {"KEYAPI_TOKEN": "${env:MY_KEY}"}})
    assert "FAIL" not in text


def test_something_else_that_starts_it_is_not_run(tmp_path: Path) -> None:
    launcher = tmp_path / "launcher"
    launcher.write_text("")
    text = said(tmp_path, {"command": str(launcher), "args": ["keyapi-mcp"], "env": KEYED})
    assert "started through launcher, which was not tried" in text


def test_a_broken_file_is_said_with_the_place_of_the_fault(tmp_path: Path) -> None:
    (tmp_path / ".claude.json").write_text('{\n "mcpServers": {,}\n}')
    assert "not valid JSON: a text in quotes is missing or not closed (line 2, column 17)" in said(tmp_path)


def test_claude_code_s_entries_for_one_folder_are_found(tmp_path: Path) -> None:
    entry = {"command": "keyapi-mcp"}
    (tmp_path / ".claude.json").write_text(json.dumps({"projects": {"/elsewhere": {"mcpServers": {"here": entry}}}}))
    assert 'Claude Code: "here"' in said(tmp_path)


@pytest.mark.parametrize(
    "content", ['{"mcpServers": [], "projects": []}', '{"mcpServers": {"a": 1}, "projects": {"/": 2}}']
)
def test_odd_content_is_passed_over(content: str, tmp_path: Path) -> None:
    (tmp_path / ".claude.json").write_text(content)
    assert said(tmp_path).startswith("note  no client")


@pytest.mark.slow
def test_the_command_says_it_and_its_exit_code_does(user: Path) -> None:
    assert keyapi_mcp("doctor", "--sandbox").returncode == 0
    (user / ".claude.json").write_text(json.dumps({"mcpServers": {"k": {"command": "keyapi-mcp"}}}))
    done = keyapi_mcp("doctor", "--sandbox")
    assert done.returncode == 1
    assert "keyapi-mcp install --client claude-code writes it anew" in done.stdout


def test_the_oldest_python_is_the_project_s() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    assert f'requires-python = ">={".".join(map(str, doctor_clients.OLDEST_PYTHON))}"' in project
