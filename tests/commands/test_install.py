"""`keyapi-mcp install`: one command, and a client knows how to start this program."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from keyapi_mcp.cli import parser
from keyapi_mcp.clients.places import CLIENTS
from keyapi_mcp.commands import install
from keyapi_mcp.commands.machine import Machine
from support.command import KEYAPI_MCP, keyapi_mcp
from support.raw_stdio import INITIALIZED, call, initialize, raw_server
from support.user import user

__all__ = ["user"]

NOW = datetime(2026, 11, 25, 9, 30, 1)
KEY = "sk_live_never_shown_anywhere"


def run(home: Path, client: str = "cursor", system: str = "linux", **options: Any) -> int:
    environment: Mapping[str, str] = options.pop("environment", {})
    machine = Machine(system, home, environment, options.pop("executable", Path(sys.executable)))
    chosen: dict[str, Any] = {
        "name": "keyapi",
        "sandbox": False,
        "key_file": None,
        "config": None,
        "dry_run": False,
        "now": NOW,
    }
    return install.run(machine, CLIENTS[client], **chosen | options)


def written(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("client", list(CLIENTS))
def test_a_client_s_file_starts_this_very_program_and_it_answers(client: str, user: Path) -> None:
    done = keyapi_mcp("install", "--client", client, "--sandbox")
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = CLIENTS[client].places(sys.platform, user, os.environ)
    entry = json.loads(path.read_text("utf-8"))[CLIENTS[client].key]["keyapi"]
    assert entry["command"] == KEYAPI_MCP
    with raw_server(command=[entry["command"], *entry["args"]]) as server:
        server.ask(initialize())
        answer = server.ask(INITIALIZED, call(1, {"region": "US"}))
        assert answer["result"]["content"][0]["text"].startswith("SANDBOX")


def test_a_second_time_nothing_changes_and_nothing_is_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path)
    before = written(tmp_path)
    assert run(tmp_path) == 0
    assert written(tmp_path) == before
    assert "Nothing changes." in capsys.readouterr().out


def test_what_was_there_is_copied_before_it_is_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".cursor").mkdir()
    former = b'{\r\n  "mcpServers": {"keyapi": {"command": "keyapi-mcp"}}\r\n}\r\n'
    (tmp_path / ".cursor" / "mcp.json").write_bytes(former)
    assert run(tmp_path) == 0
    assert written(tmp_path)["mcp.json.bak-20261125-093001"] == former
    out = capsys.readouterr().out
    assert 'The entry "keyapi" is replaced' in out
    assert "mcp.json.bak-20261125-093001" in out


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, dry_run=True) == 0
    out = capsys.readouterr().out
    assert str(tmp_path / ".cursor" / "mcp.json") in out
    assert '"command": ' in out
    assert "Nothing was written (--dry-run)." in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ['{"mcpServers": {', "[]", '{"mcpServers": 5}', "// note\n{}"])
def test_a_file_that_is_broken_is_left_alone_and_the_entry_shown(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".cursor").mkdir()
    (tmp_path / ".cursor" / "mcp.json").write_text(text)
    assert run(tmp_path) == 1
    assert written(tmp_path) == {"mcp.json": text.encode()}
    error = capsys.readouterr().err
    assert "was left as it is" in error
    assert '"command": ' in error


def test_a_broken_file_among_several_leaves_all_alone(tmp_path: Path) -> None:
    file = Path("Claude", "claude_desktop_config.json")
    package = tmp_path / "AppData" / "Local" / "Packages" / "Claude_x" / "LocalCache" / "Roaming" / file
    plain = tmp_path / "AppData" / "Roaming" / file
    for path, text in ((package, "{}"), (plain, "{")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert run(tmp_path, "claude-desktop", "win32") == 1
    assert (package.read_text(), plain.read_text()) == ("{}", "{")
    plain.write_text("{}")
    assert run(tmp_path, "claude-desktop", "win32") == 0
    assert package.read_text() == plain.read_text() != "{}"


@pytest.mark.parametrize(("system", "name"), [("win32", "keyapi-mcp.exe"), ("darwin", "keyapi-mcp")])
def test_the_command_is_the_script_beside_the_interpreter(system: str, name: str, tmp_path: Path) -> None:
    machine = Machine(system, tmp_path, {}, tmp_path / "python")
    assert install.own_command(machine) == (str(tmp_path / "python"), "-m", "keyapi_mcp")
    (tmp_path / name).write_text("")
    assert install.own_command(machine) == (str(tmp_path / name),)


def test_the_key_of_the_environment_is_not_copied_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, environment={"KEYAPI_TOKEN": KEY}) == 0
    out = capsys.readouterr().out
    assert "was not copied" in out
    assert "--key-file" in out
    assert KEY not in out + str(written(tmp_path))


def test_a_key_in_the_entry_stays_and_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = {"command": "/old/keyapi-mcp", "env": {"KEYAPI_TOKEN": KEY, "MORE": "secret"}}
    (tmp_path / "mine.json").write_text(
        json.dumps({"mcpServers": {"keyapi": entry, "other": {"env": {"A": "hidden"}}}})
    )
    assert run(tmp_path, config=tmp_path / "mine.json") == 0
    out = capsys.readouterr().out
    assert "(set, not shown here)" in out
    for secret in (KEY, "secret", "hidden"):
        assert secret not in out
        assert secret in (tmp_path / "mine.json").read_text()


@pytest.mark.parametrize("entry", [{"command": "/old/keyapi-mcp"}, {"url": "https://elsewhere.example"}])
def test_a_key_that_the_copy_still_holds_is_said(
    entry: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"mcpServers": {"keyapi": entry | {"env": {"KEYAPI_TOKEN": KEY}}}}))
    path.chmod(0o644)
    assert run(tmp_path, config=path, key_file=tmp_path / "k") == 0
    assert "The copy still holds the key; delete it when you no longer need it." in capsys.readouterr().out
    (copy,) = tmp_path.glob("mine.json.bak-*")
    assert KEY in copy.read_text()
    assert KEY not in path.read_text()
    if os.name == "posix":
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert run(tmp_path, config=path, sandbox=True) == 0
    assert "still holds" not in capsys.readouterr().out


def test_a_key_that_stands_in_a_wrong_place_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = {"command": "/old/keyapi-mcp", "note": KEY, "env": {"KEYAPI_TOKEN_FILE": KEY}}
    (tmp_path / "mine.json").write_text(json.dumps({"mcpServers": {"keyapi": entry}}))
    assert run(tmp_path, config=tmp_path / "mine.json") == 0
    assert KEY not in capsys.readouterr().out


def test_a_key_file_is_named_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path, key_file=Path("my.key")) == 0
    entry = json.loads((tmp_path / ".cursor" / "mcp.json").read_text())["mcpServers"]["keyapi"]
    assert entry["env"] == {"KEYAPI_TOKEN_FILE": str(tmp_path / "my.key")}
    assert f"The key file {tmp_path / 'my.key'} is not there. Until the key is in it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (f"{KEY}\n".encode("utf-16-be"), "holds something else than a key"),
        (f"KEYAPI_TOKEN={KEY}".encode(), "does not look like a key"),
    ],
)
def test_a_key_file_that_will_not_do_is_pointed_out_without_its_content(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.key").write_bytes(content)
    assert run(tmp_path, key_file=tmp_path / "my.key") == 0
    out = capsys.readouterr().out
    assert words in out
    assert KEY not in out


def test_a_folder_given_for_the_key_file_is_called_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, key_file=tmp_path) == 0
    assert f"The key file {tmp_path} is a folder, not a file." in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="pipes of another kind")
def test_a_pipe_given_for_the_key_file_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "my.key")
    assert run(tmp_path, key_file=tmp_path / "my.key") == 0
    assert "is a pipe or device, which was not read" in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_key_file_that_will_do_needs_no_word(
    encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.key").write_bytes(f"{KEY}\r\n".encode(encoding))
    (tmp_path / "my.key").chmod(0o600)
    assert run(tmp_path, key_file=tmp_path / "my.key") == 0
    assert "key file" not in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="rights of another kind")
def test_a_key_file_that_others_can_read_is_pointed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my.key").write_text(KEY)
    (tmp_path / "my.key").chmod(0o644)
    run(tmp_path, key_file=tmp_path / "my.key")
    assert f"chmod 600 {tmp_path / 'my.key'}" in capsys.readouterr().out
    (tmp_path / "my.key").chmod(0o600)
    run(tmp_path, key_file=tmp_path / "my.key")
    assert "chmod" not in capsys.readouterr().out


def test_another_name_is_another_entry(tmp_path: Path) -> None:
    run(tmp_path)
    run(tmp_path, name="try it", sandbox=True)
    servers = json.loads((tmp_path / ".cursor" / "mcp.json").read_text())["mcpServers"]
    assert list(servers) == ["keyapi", "try it"]


def test_a_client_that_seems_not_to_be_there_is_pointed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, dry_run=True)
    assert "is Cursor installed?" in capsys.readouterr().out


def test_the_readme_has_a_command_for_each_client() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    lines = [line.split("#")[0] for line in readme.splitlines() if line.startswith(".venv/bin/keyapi-mcp install ")]
    assert {parser().parse_args(line.split()[1:]).client for line in lines} == set(CLIENTS)
