"""Where the file is, who may read it, and that there is none before the first question."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from keyapi_mcp.errors import InvalidSettings, StoreUnavailable
from keyapi_mcp.home import home
from keyapi_mcp.settings import DEFAULT_BASE_URL, Settings, read_settings
from keyapi_mcp.store.location import is_made, store_path
from support.kept import keep, open_store, row
from support.raw_stdio import INITIALIZED, PROBE, call, initialize, raw_server

on_posix = pytest.mark.skipif(os.name != "posix", reason="rights of another kind")


def where(**settings: object) -> Path:
    path = store_path(read_settings(**{"token": "sk_live_where"} | settings))
    assert path is not None
    return path


def test_keyapi_mcp_home_is_where_everything_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYAPI_MCP_HOME", str(tmp_path / "elsewhere"))
    assert where() == tmp_path / "elsewhere" / "keyapi.sqlite"


@on_posix
def test_a_tilde_is_the_user_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KEYAPI_MCP_HOME", "~/kept here")
    assert where() == tmp_path / "kept here" / "keyapi.sqlite"


@on_posix
def test_the_home_of_a_user_that_there_is_not_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYAPI_MCP_HOME", "~no-such-user-here/kept")
    with pytest.raises(InvalidSettings, match="KEYAPI_MCP_HOME: there is no such user"):
        read_settings()


@on_posix
def test_without_it_the_place_is_the_platform_s_own_for_a_user_s_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEYAPI_MCP_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "/data of the user")
    assert home(read_settings()).name == "keyapi-mcp"
    if sys.platform == "linux":
        assert home(read_settings()) == Path("/data of the user/keyapi-mcp")


def test_every_service_has_a_file_of_its_own() -> None:
    files = {
        where(),
        where(sandbox=True),
        where(base_url="http://127.0.0.1:8700"),
        where(base_url="http://127.0.0.1:8701"),
        where(base_url="https://keyapi.example.com"),
        where(base_url="https://keyapi.example.com/v2"),
        where(base_url="https://keyapi.example.com/V2"),
        where(base_url="https://keyapi.example.com:80"),
        where(base_url=f"{DEFAULT_BASE_URL}:8443"),
        where(base_url="http://[::1]"),
    }
    assert len(files) == 10
    assert all(path.parent == home(read_settings()) for path in files)


def test_the_sandbox_wins_over_an_address_that_is_set_here_too() -> None:
    assert where(sandbox=True, base_url="https://keyapi.example.com") == where(sandbox=True)


@pytest.mark.parametrize("end", ["", "/", ":443", ":443/", ".", ".:443", ":"])
@pytest.mark.parametrize("address", [DEFAULT_BASE_URL, "HTTPS://API.KeyAPI.ai"])
def test_the_real_service_has_one_file_however_its_address_is_written(address: str, end: str) -> None:
    assert where(base_url=address + end) == where()


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("http://127.0.0.1/v2", "HTTP://127.0.0.1:80/v2/"),
        ("http://[::1]:8700", "http://[::1]:8700/"),
        ("http://localhost:8700", "http://LOCALHOST.:8700"),
    ],
)
def test_any_other_has_one_too(address: str, other: str) -> None:
    assert where(base_url=address) == where(base_url=other)


def test_in_memory_there_is_no_file() -> None:
    assert store_path(Settings(store="memory")) is None


def test_a_file_that_could_be_made_is_not_made_by_asking(tmp_path: Path) -> None:
    assert not is_made(tmp_path / "a" / "b" / "keyapi.sqlite")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "keyapi.sqlite").touch()
    assert is_made(tmp_path / "keyapi.sqlite")


@pytest.mark.parametrize("below", ["", "further", "further/down"])
@pytest.mark.parametrize("place", ["file", "link to nothing"])
def test_what_is_in_the_directory_s_place_is_named(place: str, below: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    if place == "file":
        home.write_text("")
        home.chmod(0o700)
    else:
        home.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreUnavailable) as refused:
        is_made(home / below / "keyapi.sqlite")
    assert refused.value.why == f"{home} is no directory that can be written"


def test_a_directory_that_may_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # An administrator may write everything.
    monkeypatch.setattr("keyapi_mcp.store.location.os.access", lambda place, _mode: place != tmp_path)
    with pytest.raises(StoreUnavailable) as refused:
        is_made(tmp_path / "home" / "keyapi.sqlite")
    assert refused.value.why == f"{tmp_path} is no directory that can be written"


@on_posix
@pytest.mark.anyio
async def test_directory_file_and_its_companions_are_the_user_s_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with open_store() as store:
            await keep(store, row(1))
            directory = tmp_path / "home"
            rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.iterdir())}
    finally:
        os.umask(before)
    files = dict.fromkeys(("keyapi.sqlite", "keyapi.sqlite-wal", "keyapi.sqlite-shm", "keyapi.begun"), 0o600)
    assert rights == {"home": 0o700, **files}


def test_a_server_that_is_started_listed_and_asked_nonsense_makes_no_file(tmp_path: Path) -> None:
    with raw_server("--sandbox") as server:
        server.ask(PROBE)
        server.ask(initialize())
        server.write(INITIALIZED)
        listed = server.ask({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}})
        assert listed["result"]["tools"]
        refused = server.ask(call(2, {"region": "nowhere"}))
        assert refused["result"]["isError"]
        assert not (tmp_path / "home").exists()
        answered = server.ask(call(3, {"region": "US"}))
        assert not answered["result"]["isError"]
        assert {path.name for path in (tmp_path / "home").iterdir()} >= {"sandbox.sqlite"}


_LISTED_ONLY = """
import sys
import anyio
from keyapi_mcp.app import App
from keyapi_mcp.settings import read_settings
from mcp import Client

async def main():
    app = App(read_settings(token="sk_live_listed"))
    async with app.running(), Client(app.server) as client:
        assert (await client.list_tools()).tools
    print(sorted(name for name in sys.modules if name.partition(".")[0] == "sqlalchemy"))

anyio.run(main)
"""


def test_what_is_only_listed_does_not_pay_for_loading_the_database() -> None:
    done = subprocess.run([sys.executable, "-c", _LISTED_ONLY], capture_output=True, text=True, timeout=40, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
