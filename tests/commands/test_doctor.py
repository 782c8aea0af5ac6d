"""`keyapi-mcp doctor`: finds what is in the way, shows no secret, and spends nothing unless it is asked to."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyapi_mcp.sandbox.faults import Fault
from support.command import keyapi_mcp
from support.connections import KEY
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
