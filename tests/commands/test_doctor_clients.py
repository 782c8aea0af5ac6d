"""`doctor` says in words why a client would not start the server."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keyapi_mcp import __version__
from keyapi_mcp.clients.places import CLIENTS
from keyapi_mcp.commands import doctor_clients, doctor_trial
from keyapi_mcp.commands.doctor_clients import Served
from keyapi_mcp.commands.finding import Finding
from keyapi_mcp.commands.machine import Machine
from support.command import KEYAPI_MCP, keyapi_mcp
from support.user import user

__all__ = ["user"]

on_posix = pytest.mark.skipif(os.name != "posix", reason="scripts and rights of another kind")
KEYED = {"KEYAPI_TOKEN": "sk_live_in_the_entry"}


def machine_of(home: Path, folder: Path | None = None, **environment: str) -> Machine:
    base = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return Machine("linux", home, base | {"HOME": str(home)} | environment, Path(sys.executable), folder)


def looked(
    home: Path, entry: dict[str, Any] | None, file: str, folder: Path | None, **environment: str
) -> tuple[str, Served]:
    """The lines about clients, with this entry in a client's file; and what the rest of doctor is told."""
    if entry is not None:
        path = home / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"mcpServers": {"mine": entry}}))
    served = Served()

    def findings() -> Iterator[Finding]:
        nonlocal served
        served = yield from doctor_clients.findings(machine_of(home, folder, **environment))

    return "\n".join([finding.line() for finding in findings()]), served


def said(
    home: Path,
    entry: dict[str, Any] | None = None,
    file: str = ".cursor/mcp.json",
    folder: Path | None = None,
    **environment: str,
) -> str:
    return looked(home, entry, file, folder, **environment)[0]


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
    ({"command": "keyapi-mcp", "env": {"KEYAPI_TOKEN_FILE": "my.key"}}, "its KEYAPI_TOKEN_FILE is not absolute"),
    ({"command": "keyapi-mcp"}, "it has no key: put KEYAPI_TOKEN"),
    ({"command": "keyapi-mcp", "env": {"KEYAPI_TOKEN": "sk_live_your_key"}}, "still the example's"),
    ({"command": KEYAPI_MCP, "args": "--sandbox"}, 'its "args" has to be a list of texts'),
    ({"command": KEYAPI_MCP, "args": ["--log-level", 1]}, 'its "args" has to be a list of texts'),
    ({"command": KEYAPI_MCP, "env": ["KEYAPI_TOKEN"]}, 'its "env" has to be an object'),
    ({"command": "uvx", "args": ["keyapi-mcp"], "env": KEYED}, "uvx fetches keyapi-mcp by its name"),
    ({"command": "/usr/bin/env", "args": ["uvx", "keyapi-mcp"], "env": KEYED}, "it would be given the key"),
    ({"command": "uvx", "args": "keyapi-mcp", "env": KEYED}, 'its "args" has to be a list of texts'),
]
ENDS_AT_ONCE: list[tuple[dict[str, Any], str]] = [
    ({"args": ["--sandboxed"]}, "it ends at once: error: unrecognized"),
    ({"env": {"KEYAPI_MCP_CACHE_ROWS": "many"}}, "it ends at once: KEYAPI_MCP_CACHE_ROWS"),
    ({"args": ["serve"], "env": KEYED}, "its args start the command 'serve', which does not speak with a client"),
    ({"args": ["collect", "breaking-out", "--region", "US"], "env": KEYED}, "its args start the command 'collect'"),
    ({"args": ["sevre"], "env": KEYED}, "it ends at once: error: argument COMMAND: invalid choice: 'sevre'"),
    ({"env": {"KEYAPI_TOKEN_FILE": "/nowhere/key"}}, "the file that KEYAPI_TOKEN_FILE names is not there"),
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


STRAY = "sk_live_SECRETSECRET1"
STRAYS: list[dict[str, Any]] = [
    {"command": "keyapi-mcp", "env": {"KEYAPI_TOKEN_FILE": STRAY}},
    {"command": f"KEYAPI_TOKEN={STRAY} keyapi-mcp"},
    {"command": "KEYAPI_TOKEN=my-own-password keyapi-mcp"},
    {"command": "keyapi-mcp my-own-password", "env": {"KEYAPI_TOKEN": "my-own-password"}},
    {"command": "keyapi-mcp", "env": {"KEYAPI_TOKEN_FILE": "my-own-password"}},
]


@pytest.mark.parametrize("entry", [*STRAYS, pytest.param({"command": KEYAPI_MCP, "args": [STRAY]}, id="args")])
def test_a_key_in_a_wrong_place_is_not_shown(entry: dict[str, Any], tmp_path: Path) -> None:
    text = said(tmp_path, entry)
    assert "FAIL" in text
    assert STRAY not in text
    assert "my-own-password" not in text


def test_names_in_a_client_s_file_steer_no_terminal_and_forge_no_line(tmp_path: Path) -> None:
    path = tmp_path / ".cursor" / "mcp.json"
    path.parent.mkdir()
    entries = {"\x1b[31m\nok    fake\u202e": {"command": "keyapi-mcp\x1b[2J\u2028"}}
    path.write_text(json.dumps({"mcpServers": entries}))
    lines = said(tmp_path).split("\n")
    assert len(lines) == 2, lines
    assert all(line.isprintable() and line.startswith("FAIL  Cursor: ") for line in lines), lines


def test_a_store_that_cannot_be_read_is_said_with_the_entry(tmp_path: Path) -> None:
    (tmp_path / "keyapi.sqlite").write_text("no database" * 100)
    text = said(tmp_path, {"command": KEYAPI_MCP, "env": KEYED | {"KEYAPI_MCP_HOME": str(tmp_path)}})
    assert f'FAIL  Cursor: "mine" in {tmp_path / ".cursor" / "mcp.json"}: it ends at once: The store at' in text


def test_a_value_that_is_no_text_is_noted(tmp_path: Path) -> None:
    env = KEYED | {"KEYAPI_MCP_CREDITS_PER_DAY": 50}
    text = said(tmp_path, {"command": "/gone/keyapi-mcp", "env": env})
    assert "KEYAPI_MCP_CREDITS_PER_DAY in its env is no text in quotes" in text
    assert "KEYAPI_TOKEN in its env" not in text


ADVICE = re.compile(r"keyapi-mcp (install .*?) writes it anew")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "name"),
    [(".cursor/mcp.json", "keyapi"), (".cursor/mcp.json", "my shop"), ("here/.cursor/mcp.json", "mine")],
)
def test_what_doctor_advises_mends_the_entry_and_keeps_its_key(file: str, name: str, user: Path) -> None:
    path, folder = user / file, user / "here"
    path.parent.mkdir(parents=True)
    folder.mkdir(exist_ok=True)
    path.write_text(json.dumps({"mcpServers": {name: {"command": "/gone/keyapi-mcp", "env": KEYED}}}))
    (advice,) = ADVICE.findall(said(user, folder=folder))
    assert keyapi_mcp(*shlex.split(advice)).returncode == 0
    assert f'ok    Cursor: "{name}" in {path}: starts' in (text := said(user, folder=folder))
    assert "FAIL" not in text


def test_for_an_entry_of_one_folder_of_claude_code_the_place_to_mend_is_named(tmp_path: Path) -> None:
    entry = {"command": "/gone/keyapi-mcp", "env": KEYED}
    (tmp_path / ".claude.json").write_text(json.dumps({"projects": {"/my/shop": {"mcpServers": {"keyapi": entry}}}}))
    text = said(tmp_path)
    assert f'Claude Code: "keyapi" of /my/shop in {tmp_path / ".claude.json"}: its command /gone' in text
    assert 'mend it by hand, in that file under "projects", "/my/shop"' in text
    assert "keyapi-mcp install" not in text


@pytest.mark.parametrize("file", [client.in_folder for client in CLIENTS.values() if client.in_folder])
def test_the_working_directory_s_files_are_looked_at_too(file: str, tmp_path: Path) -> None:
    (tmp_path / "here" / file).parent.mkdir(parents=True)
    servers = {"mine": {"command": "keyapi-mcp"}}
    (tmp_path / "here" / file).write_text(json.dumps({"mcpServers": servers, "servers": servers}))
    text = said(tmp_path, folder=tmp_path / "here")
    assert f'"mine" in {tmp_path / "here" / file}: its command' in text
    assert f"--config {tmp_path / 'here' / file} writes it anew" in text
    assert "no client" not in text


def test_a_file_of_the_working_directory_that_is_the_user_s_own_is_looked_at_once(tmp_path: Path) -> None:
    text = said(tmp_path, {"command": "keyapi-mcp", "env": KEYED}, folder=tmp_path)
    assert text.count("is not absolute") == 1
    assert "--config" not in text


@on_posix
@pytest.mark.parametrize("env", [{}, {"PYTHONPATH": "/elsewhere"}], ids=["another program", "this one set up"])
def test_what_another_s_file_in_the_working_directory_would_start_is_not_run(
    env: dict[str, str], tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    other = script(tmp_path / "keyapi-mcp", f"#!/bin/sh\ntouch {ran}\n")
    entry = {"command": KEYAPI_MCP if env else other, "env": KEYED | env}
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / ".mcp.json").write_text(json.dumps({"mcpServers": {"mine": entry}}))
    text = said(tmp_path, folder=tmp_path / "here")
    assert "not tried: this folder's file starts another program" in text
    assert "starts (version" not in text
    assert not ran.exists()


@on_posix
def test_a_program_is_not_run_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    command = script(tmp_path / "bin" / "keyapi-mcp", "#!/bin/sh\necho keyapi-mcp $(basename $(pwd))\n")
    assert "starts (version bin)" in said(tmp_path, {"command": command, "env": KEYED})


def test_a_command_that_the_client_fills_in_is_not_judged(tmp_path: Path) -> None:
    text = said(tmp_path, {"command": "${userHome}/bin/keyapi-mcp", "env": KEYED})
    assert "the client fills in its command" in text
    assert "FAIL" not in text


def test_another_server_that_works_on_a_folder_of_that_name_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "keyapi-mcp").mkdir()
    text = said(tmp_path, {"command": "npx", "args": ["-y", "files", str(tmp_path / "keyapi-mcp")]})
    assert text.startswith("note  no client is told to")


@on_posix
@pytest.mark.parametrize(
    ("more", "ready", "asks"),
    [
        ({"env": KEYED}, True, True),
        ({"env": {"KEYAPI_TOKEN": "${input:keyapi}"}}, True, True),
        ({"args": ["--sandbox"]}, True, False),
        ({"env": {"KEYAPI_MCP_SANDBOX": "on"}}, True, False),
        ({"env": {"KEYAPI_MCP_OFFLINE": "1"}}, True, False),
        ({}, False, False),
        ({"env": {"KEYAPI_TOKEN_FILE": "/nowhere/key"}}, False, False),
        ({"env": {"KEYAPI_TOKEN": "sk_live_your_key"}}, False, False),
        ({"env": KEYED, "command": "/gone/keyapi-mcp"}, False, False),
    ],
)
def test_it_is_known_whether_an_entry_is_ready_and_asks_the_service(
    more: dict[str, Any], ready: bool, asks: bool, tmp_path: Path
) -> None:
    command = script(tmp_path / "keyapi-mcp", f"#!/bin/sh\necho keyapi-mcp {__version__}\n")
    _, served = looked(tmp_path, {"command": command} | more, ".cursor/mcp.json", None)
    assert served == Served(ready, asks)


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
    monkeypatch.setattr(doctor_trial, "_SECONDS", 0.2)
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


@on_posix
def test_a_pipe_for_the_key_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "my.key")
    command = script(tmp_path / "keyapi-mcp", f"#!/bin/sh\necho keyapi-mcp {__version__}\n")
    text = said(tmp_path, {"command": command, "env": {"KEYAPI_TOKEN_FILE": str(tmp_path / "my.key")}})
    assert "is a pipe or device, which was not read" in text
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
    assert "keyapi-mcp install --client claude-code --name k writes it anew" in done.stdout


def test_the_oldest_python_is_the_project_s() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    assert f'requires-python = ">={".".join(map(str, doctor_trial.OLDEST_PYTHON))}"' in project
