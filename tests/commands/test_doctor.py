"""`keyapi-mcp doctor`: finds what is in the way, shows no secret, and spends nothing unless it is asked to."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keyapi_mcp.clients.places import CLIENTS
from keyapi_mcp.commands import doctor
from keyapi_mcp.sandbox.faults import Fault
from keyapi_mcp.settings import read_settings
from support.command import keyapi_mcp
from support.connections import KEY
from support.kept import keep, open_store, row
from support.sandbox_server import RunningSandbox, running_sandbox
from support.user import user

__all__ = ["user"]

# What clients are told is looked at as well: never the tester's own.
pytestmark = pytest.mark.usefixtures("user")


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(products=200) as running:
        yield running


def test_with_everything_in_place_it_passes_and_spends_nothing(sandbox: RunningSandbox) -> None:
    done = keyapi_mcp("doctor", KEYAPI_TOKEN=KEY, KEYAPI_API_BASE_URL=sandbox.url)
    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout
    assert "connected to 127.0.0.1" in done.stdout
    assert "--spend-one" in done.stdout
    assert KEY not in done.stdout + done.stderr
    assert sandbox.requests == []


def test_spend_one_asks_one_question(sandbox: RunningSandbox) -> None:
    done = keyapi_mcp("doctor", "--spend-one", KEYAPI_TOKEN=KEY, KEYAPI_API_BASE_URL=sandbox.url)
    assert done.returncode == 0, done.stdout
    assert "the service answered. Credits: 1 for this call" in done.stdout
    assert len(sandbox.requests) == 1


def test_a_key_that_the_service_refuses_is_found_with_spend_one(sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("status", status=401))
    done = keyapi_mcp("doctor", "--spend-one", KEYAPI_TOKEN=KEY, KEYAPI_API_BASE_URL=sandbox.url)
    assert done.returncode == 1
    assert "FAIL  the service: The service refused the KeyAPI key (401)" in done.stdout


def test_no_key_and_no_way_are_both_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = keyapi_mcp("doctor", KEYAPI_API_BASE_URL=f"http://127.0.0.1:{port}")
    assert done.returncode == 1
    assert "FAIL  no key: set KEYAPI_TOKEN" in done.stdout
    assert f"FAIL  no connection to 127.0.0.1:{port}" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("client", list(CLIENTS))
def test_after_the_readme_s_installation_it_passes_in_a_shell_without_a_key(
    client: str, sandbox: RunningSandbox, tmp_path: Path, user: Path
) -> None:
    key = tmp_path / "keyapi.key"
    key.write_text(KEY)
    key.chmod(0o600)
    given = () if client == "vscode" else ("--key-file", str(key))  # it asks for the key itself
    assert keyapi_mcp("install", "--client", client, *given).returncode == 0
    done = keyapi_mcp("doctor", KEYAPI_API_BASE_URL=sandbox.url)
    assert done.returncode == 0, done.stdout
    assert f'ok    {CLIENTS[client].title}: "keyapi" in {user}' in done.stdout
    assert "note  no key in this shell; only `call`, `collect` and `serve` need one here" in done.stdout
    assert "connected to 127.0.0.1" in done.stdout
    assert "--spend-one" not in done.stdout
    assert sandbox.requests == []


@pytest.mark.slow
def test_where_only_the_sandbox_is_installed_no_way_to_the_service_is_needed(user: Path) -> None:
    assert keyapi_mcp("install", "--client", "cursor", "--sandbox").returncode == 0
    done = keyapi_mcp("doctor", KEYAPI_API_BASE_URL="https://no-such-host.invalid")
    assert done.returncode == 0, done.stdout
    assert str(user) in done.stdout
    assert "note  the way to the service was not tried" in done.stdout


def test_an_installed_entry_that_does_not_start_is_no_reason_to_do_without_a_key(user: Path) -> None:
    entry = {"command": "/gone/keyapi-mcp", "env": {"KEYAPI_TOKEN": KEY}}
    (user / ".claude.json").write_text(json.dumps({"mcpServers": {"keyapi": entry}}))
    done = keyapi_mcp("doctor", KEYAPI_MCP_STORE="memory", KEYAPI_API_BASE_URL="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "FAIL  no key: set KEYAPI_TOKEN" in done.stdout


def test_what_is_wrong_with_the_key_file_is_said_as_the_server_says_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(" \n")
    done = keyapi_mcp("doctor", KEYAPI_TOKEN_FILE=str(tmp_path / "key"), KEYAPI_API_BASE_URL="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "FAIL  no key: the file that KEYAPI_TOKEN_FILE names is empty" in done.stdout


def test_offline_no_connection_is_made_and_that_is_said() -> None:
    done = keyapi_mcp("doctor", KEYAPI_MCP_OFFLINE="1", KEYAPI_API_BASE_URL="https://127.0.0.1:1")
    assert done.returncode == 0, done.stdout
    assert "note  KEYAPI_MCP_OFFLINE is on: only what is kept is answered; no connection was tried" in done.stdout
    assert "127.0.0.1 is" not in done.stdout


def test_a_limit_of_nothing_is_noted(sandbox: RunningSandbox) -> None:
    settings = {"KEYAPI_TOKEN": KEY, "KEYAPI_API_BASE_URL": sandbox.url}
    done = keyapi_mcp("doctor", KEYAPI_MCP_CREDITS_PER_DAY="0", KEYAPI_MCP_CREDITS_PER_MONTH="off", **settings)
    assert done.returncode == 0
    assert "note  KEYAPI_MCP_CREDITS_PER_DAY is 0: only what is kept is answered, nothing is asked" in done.stdout
    assert "KEYAPI_MCP_CREDITS_PER_MONTH" not in done.stdout


def test_a_name_that_cannot_be_resolved_is_named() -> None:
    done = keyapi_mcp("doctor", KEYAPI_TOKEN=KEY, KEYAPI_API_BASE_URL="https://no-such-host.invalid")
    assert done.returncode == 1
    assert "FAIL  the name no-such-host.invalid cannot be resolved" in done.stdout


def test_a_server_without_tls_behind_https_is_found(sandbox: RunningSandbox) -> None:
    url = sandbox.url.replace("http://", "https://")
    done = keyapi_mcp("doctor", KEYAPI_TOKEN=KEY, KEYAPI_API_BASE_URL=url)
    assert done.returncode == 1
    assert "FAIL  no connection" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_and_a_misspelt_one_are_named() -> None:
    done = keyapi_mcp("doctor", KEYAPI_MCP_MAX_IN_FLIGHT="many", KEYAPI_MCP_MIN_INTERVALL_S="1")
    assert done.returncode == 1
    assert "FAIL  settings: KEYAPI_MCP_MAX_IN_FLIGHT" in done.stdout
    assert "KEYAPI_MCP_MIN_INTERVALL_S is set, but no setting has this name" in done.stdout


def test_something_that_is_no_key_is_noted_but_not_shown(sandbox: RunningSandbox, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("my-password\n")
    done = keyapi_mcp("doctor", KEYAPI_TOKEN_FILE=str(tmp_path / "key"), KEYAPI_API_BASE_URL=sandbox.url)
    assert done.returncode == 0
    assert "does not look like sk_live_" in done.stdout
    assert "my-password" not in done.stdout


def test_in_the_sandbox_nothing_is_needed() -> None:
    done = keyapi_mcp("doctor", "--sandbox")
    assert done.returncode == 0
    assert "no key is used" in done.stdout


def test_the_store_is_named_and_not_made_by_looking(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = {"KEYAPI_TOKEN": KEY, "KEYAPI_API_BASE_URL": sandbox.url, "KEYAPI_MCP_HOME": str(tmp_path / "kept")}
    done = keyapi_mcp("doctor", **settings)
    assert f"ok    store: {tmp_path / 'kept'}" in done.stdout
    assert "made with the first question" in done.stdout
    assert not (tmp_path / "kept").exists()
    assert keyapi_mcp("call", "search_products", "region=US", **settings).returncode == 0
    assert ", 10 products, " in keyapi_mcp("doctor", **settings).stdout


def test_a_store_that_cannot_be_used_is_named(sandbox: RunningSandbox, tmp_path: Path) -> None:
    (tmp_path / "sandbox.sqlite").write_text("not a database, but a text that somebody put here" * 50)
    done = keyapi_mcp("doctor", "--sandbox", KEYAPI_MCP_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "FAIL  store: The store at" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_place_where_no_store_can_be_made_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file in the directory's place")
    done = keyapi_mcp("doctor", "--sandbox")
    assert done.returncode == 1
    assert f"{tmp_path / 'home'} is no directory that can be written. Next: mend it. If that" in done.stdout
    assert done.stdout.count("FAIL") == 1, "nothing is said of an accident that never was"


@pytest.mark.anyio
async def test_a_store_that_may_only_be_read_is_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_store() as store:
        await keep(store, row(1))
    for shut in (tmp_path / "home", tmp_path / "home" / "keyapi.sqlite"):
        with monkeypatch.context() as patched:
            patched.setattr(os, "access", lambda place, _mode, shut=shut: Path(place) != shut)
            said = [finding.line() for finding in doctor._store(read_settings())]
        assert said[0] == f"FAIL  store: {shut} cannot be written, so nothing new can be asked"
        assert ", 1 products, " in said[1]


@pytest.mark.anyio
async def test_a_store_that_another_process_keeps_locked_is_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keyapi_mcp.store.database._BUSY_S", 0.2)
    async with open_store() as store:
        await keep(store, row(1))
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "home").iterdir()}
    with closing(sqlite3.connect(tmp_path / "home" / "keyapi.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (finding,) = doctor._store(read_settings())
    assert finding.good is False
    assert "another process has kept it locked for 0 s. Next: end the other process, or try again." in finding.text
    (finding,) = doctor._store(read_settings())
    assert finding.good
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "home").iterdir()} == before


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="rights of another kind")
def test_a_store_and_a_key_file_that_others_can_read_are_noted(sandbox: RunningSandbox, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    settings = {
        "KEYAPI_TOKEN_FILE": str(tmp_path / "key"),
        "KEYAPI_API_BASE_URL": sandbox.url,
        "KEYAPI_MCP_HOME": str(tmp_path / "kept"),
    }
    assert keyapi_mcp("call", "search_products", "region=US", **settings).returncode == 0
    (store,) = (tmp_path / "kept").glob("*.sqlite")
    for path in (tmp_path / "key", store):
        path.chmod(0o600)
    assert "others on this machine" not in keyapi_mcp("doctor", **settings).stdout
    for path in (tmp_path / "key", store):
        path.chmod(0o644)
    done = keyapi_mcp("doctor", **settings)
    assert done.returncode == 0
    assert f"note  store: others on this machine can read {store}" in done.stdout
    assert "note  others on this machine can read the file that KEYAPI_TOKEN_FILE names" in done.stdout


def test_a_store_in_memory_is_noted() -> None:
    assert "note  store: in memory" in keyapi_mcp("doctor", "--sandbox", KEYAPI_MCP_STORE="memory").stdout


def test_a_broken_file_of_one_s_own_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "opportunity.toml").write_text("[weights]\ndemand = -1\n")
    (tmp_path / "recipes.toml").write_text("[mine]\npages = 0\n")
    done = keyapi_mcp("doctor", "--sandbox", KEYAPI_MCP_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "FAIL  own weights: opportunity.toml, line 2: demand: has to be a number from 0 on." in done.stdout
    assert "FAIL  own recipes: recipes.toml, line " in done.stdout


def test_what_a_file_of_one_s_own_quotes_steers_no_terminal_and_forges_no_line(tmp_path: Path) -> None:
    (tmp_path / "opportunity.toml").write_text('["\\u001b[31mw\\nok    fake"]\na = 1\n')
    (tmp_path / "recipes.toml").write_text(
        '["\\u001b[31mhidden\\u202e"]\npurpose = "x"\n'
        '[mine]\npurpose = "p"\nconditions = [{ metric = "\\u001b[31m\\n| x", above = 1 }]\n'
    )
    done = keyapi_mcp("doctor", "--sandbox", KEYAPI_MCP_HOME=str(tmp_path))
    lines = done.stdout.removesuffix("\n").split("\n")
    assert all(line.isprintable() and line[:6] in ("ok    ", "note  ", "FAIL  ") for line in lines), lines
    assert "fake" in next(line for line in lines if "own weights" in line)
    assert sum("own recipes" in line for line in lines) == 2


def test_what_looks_like_a_key_is_shown_in_no_line(tmp_path: Path) -> None:
    (tmp_path / "recipes.toml").write_text("[sk_live_SECRETSECRET1]\npages = 1\n[mine]\nsk_test_SECRETSECRET2 = 1\n")
    done = keyapi_mcp("doctor", "--sandbox", KEYAPI_MCP_HOME=str(tmp_path))
    assert done.stdout.count("(key)") == 2
    assert "SECRETSECRET" not in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="rights of another kind")
def test_a_client_s_file_with_a_key_that_others_can_read_is_noted(user: Path) -> None:
    path = user / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"mcpServers": {"a": {"command": "keyapi-mcp", "env": {"KEYAPI_TOKEN": KEY}}}}))
    path.chmod(0o644)
    done = keyapi_mcp("doctor", "--sandbox")
    assert f"note  Cursor: others on this machine can read {path}, which holds the key" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="rights of another kind")
def test_a_data_directory_that_others_can_look_into_is_noted(tmp_path: Path) -> None:
    for rights, noted in ((0o755, True), (0o750, True), (0o700, False)):
        tmp_path.chmod(rights)
        done = keyapi_mcp("doctor", "--sandbox", KEYAPI_MCP_HOME=str(tmp_path))
        assert done.returncode == 0
        assert (f"note  others on this machine can look into {tmp_path}: chmod 700" in done.stdout) is noted
