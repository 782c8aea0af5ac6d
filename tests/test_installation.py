"""What a text tells a person to type runs this very program, and no other of its name."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from keyapi_mcp import __version__, installation
from keyapi_mcp.errors import StoreUnavailable
from support.command import KEYAPI_MCP, keyapi_mcp

on_posix = pytest.mark.skipif(os.name != "posix", reason="links and scripts of another kind")


def test_where_the_name_leads_to_this_program_the_name_is_enough() -> None:
    assert installation.command("store", "check") == "keyapi-mcp store check"


@on_posix
def test_a_link_that_leads_to_it_is_this_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keyapi-mcp").symlink_to(KEYAPI_MCP)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installation.command("doctor") == "keyapi-mcp doctor"


@on_posix
@pytest.mark.parametrize("other", [False, True], ids=["none of the name", "another of the name"])
def test_otherwise_the_whole_path_is_written(other: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if other:
        (tmp_path / "keyapi-mcp").write_text("#!/bin/sh\necho taken\n")
        (tmp_path / "keyapi-mcp").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installation.command("doctor") == f"{shlex.quote(KEYAPI_MCP)} doctor"


@on_posix
def test_what_is_written_can_be_run_from_a_place_with_a_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "my place"
    place.mkdir()
    (place / "python").symlink_to(sys.executable)
    (place / "keyapi-mcp").symlink_to(KEYAPI_MCP)
    monkeypatch.setattr(sys, "executable", str(place / "python"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    written = installation.command("--version")
    assert written == f"'{place}/keyapi-mcp' --version"
    done = subprocess.run(["/bin/sh", "-c", written], capture_output=True, text=True, timeout=40, check=True)
    assert done.stdout == f"keyapi-mcp {__version__}\n"


@pytest.mark.parametrize(("system", "name"), [("win32", "keyapi-mcp.exe"), ("darwin", "keyapi-mcp")])
def test_it_is_started_by_the_script_beside_the_interpreter_or_as_a_module(
    system: str, name: str, tmp_path: Path
) -> None:
    assert installation.words(tmp_path / "python", system) == (str(tmp_path / "python"), "-m", "keyapi_mcp")
    (tmp_path / name).write_text("")
    assert installation.words(tmp_path / "python", system) == (str(tmp_path / name),)


def test_what_a_client_s_entry_sets_and_a_terminal_may_not_have_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYAPI_MCP_SANDBOX", "1")
    command = "`keyapi-mcp store check --accept-lost-ledger`"
    told = "run " + command + " (with KEYAPI_MCP_HOME and KEYAPI_MCP_SANDBOX set as here)"
    assert installation.accept_the_loss("a.sqlite") == told
    monkeypatch.delenv("KEYAPI_MCP_HOME")
    monkeypatch.delenv("KEYAPI_MCP_SANDBOX")
    assert installation.accept_the_loss("a.sqlite") == f"run {command}"


def test_in_a_bundle_no_command_and_no_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(installation.BUNDLE, "1")
    for why in ("it is damaged", "the disk is full", "another process keeps it locked"):
        error = StoreUnavailable("/data/keyapi.sqlite", why)
        assert "KEYAPI_" not in error.next_step
        assert "keyapi-mcp" not in error.next_step


@on_posix
@pytest.mark.slow
def test_commands_name_each_other_as_they_can_be_run(tmp_path: Path) -> None:
    elsewhere = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")}
    own = shlex.quote(KEYAPI_MCP)
    installed = keyapi_mcp("install", "--client", "cursor", "--sandbox", **elsewhere)
    assert f"If it does not start the server: {own} doctor\n" in installed.stdout
    (tmp_path / ".cursor" / "mcp.json").write_text('{"mcpServers": {"k": {"command": "keyapi-mcp"}}}')
    looked = keyapi_mcp("doctor", "--sandbox", **elsewhere)
    assert f"{own} install --client cursor --name k writes it anew" in looked.stdout
