"""The HTTP server as a real process: who may talk to it, what it refuses, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import anyio
import httpx2 as httpx
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from keyapi_mcp import __version__
from keyapi_mcp.app import App
from keyapi_mcp.errors import InvalidSettings
from keyapi_mcp.sandbox.faults import Fault
from keyapi_mcp.settings import read_settings
from keyapi_mcp.transports.http import http_app
from support.connections import KEY, Told, environment_for, serving
from support.raw_stdio import INITIALIZED, call, initialize
from support.sandbox_server import RunningSandbox, running_sandbox
from support.waiting import until

TOKEN = "a-long-and-random-text"
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(products=200) as running:
        yield running


@contextmanager
def http_server(
    sandbox: RunningSandbox, folder: Path, *arguments: str, **settings: str
) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A server and a client for raw requests to it."""
    environment = environment_for(sandbox.url, **settings)
    with (
        (folder / "output").open("w") as written,
        serving(environment, written, *arguments) as (process, url),
        httpx.Client(base_url=url, trust_env=False, timeout=30) as client,
    ):
        yield process, client


@pytest.fixture(scope="module")
def server(sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with http_server(
        sandbox,
        tmp_path_factory.mktemp("open"),
        allowed_hosts="mcp.example.com",
        allowed_origins="https://app.example.com",
        max_request_bytes="20000",
    ) as (_, client):
        yield client


@pytest.fixture(scope="module")
def guarded(sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with http_server(sandbox, tmp_path_factory.mktemp("guarded"), auth_token=TOKEN) as (_, client):
        yield client


def post(client: httpx.Client, message: Any = None, **headers: str) -> httpx.Response:
    return client.post("/mcp", json=message or initialize(), headers=HEADERS | headers)


def test_health_tells_the_version_and_nothing_else(server: httpx.Client) -> None:
    assert server.get("/healthz").json() == {"status": "ok", "version": __version__}


@pytest.mark.parametrize("path", ["/mcp", "/sse", "/messages/", "/healthz"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost:80:80", ""])
def test_a_foreign_host_is_refused_on_every_route(path: str, host: str, server: httpx.Client) -> None:
    answer = server.get(path, headers={"host": host})
    assert answer.status_code == 421
    assert "KEYAPI_MCP_ALLOWED_HOSTS" in answer.text


@pytest.mark.parametrize("path", ["/mcp", "/sse", "/messages/", "/healthz"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
def test_a_foreign_page_is_refused_on_every_route(path: str, origin: str, server: httpx.Client) -> None:
    answer = server.get(path, headers={"origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_hosts_and_origins_of_this_machine_and_configured_ones_are_served(server: httpx.Client) -> None:
    for host in ("127.0.0.1", "localhost:8000", "[::1]:9", "mcp.example.com", "MCP.example.com:8000"):
        assert server.get("/healthz", headers={"host": host}).status_code == 200, host
    for origin in ("http://localhost:6274", "https://app.example.com"):
        answer = server.get("/healthz", headers={"origin": origin})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)


def test_a_browser_may_ask_before_it_sends(server: httpx.Client) -> None:
    asked = {
        "origin": "https://app.example.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,mcp-protocol-version",
    }
    answer = server.options("/mcp", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"


@pytest.mark.parametrize(("method", "path"), [("POST", "/mcp"), ("GET", "/sse"), ("POST", "/messages/?session_id=1")])
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN])
def test_without_the_token_nothing_is_served(method: str, path: str, header: str | None, guarded: httpx.Client) -> None:
    headers = HEADERS | ({} if header is None else {"authorization": header})
    answer = guarded.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN not in answer.text


def test_with_the_token_it_is_and_health_needs_none(guarded: httpx.Client) -> None:
    assert post(guarded, authorization=f"Bearer {TOKEN}").status_code == 200
    assert guarded.get("/healthz").status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["http", "sse"])
async def test_a_client_with_the_token_works_and_never_needs_the_key(way: str, guarded: httpx.Client) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    base = str(guarded.base_url)
    async with httpx.AsyncClient(headers=headers, trust_env=False) as http:
        transport = (
            streamable_http_client(f"{base}/mcp", http_client=http)
            if way == "http"
            else sse_client(f"{base}/sse", headers=headers)
        )
        with anyio.fail_after(20):
            async with Client(transport, mode="legacy") as client:
                told = Told.of(await client.call_tool("search_products", {"region": "US"}))
    assert not told.is_error
    assert KEY not in told.text


def test_a_body_beyond_the_limit_is_refused(server: httpx.Client) -> None:
    assert post(server, call(1, {"region": "U" * 30_000})).status_code == 413


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"jsonrpc":"2.0","id":1}', b"[" * 15_000])
def test_a_body_that_is_no_message_is_a_client_error(body: bytes, server: httpx.Client) -> None:
    answer = server.post("/mcp", content=body, headers=HEADERS)
    assert 400 <= answer.status_code < 500
    assert "Traceback" not in answer.text
    assert post(server).status_code == 200


@pytest.mark.slow
def test_an_idle_connection_outlasts_the_five_seconds_for_which_clients_keep_theirs(server: httpx.Client) -> None:
    with closing(HTTPConnection("127.0.0.1", server.base_url.port, timeout=10)) as connection:
        for _ in range(2):
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
            connection.sock.settimeout(6)
            with pytest.raises(TimeoutError):  # neither more nor the end
                connection.sock.recv(1)


def test_a_session_that_does_not_exist_is_not_found(server: httpx.Client) -> None:
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert post(server, listing, **{"mcp-session-id": "0" * 32}).status_code == 404


def test_two_sessions_do_not_mix(server: httpx.Client) -> None:
    markets = ("US", "GB", "TH", "VN")
    sessions = {}
    for market in markets:
        answer = post(server)
        sessions[market] = {"mcp-session-id": answer.headers["mcp-session-id"]}
        post(server, INITIALIZED, **sessions[market])
    for market in markets:
        answer = post(server, call(1, {"region": market}), **sessions[market])
        (data,) = [line for line in answer.text.splitlines() if line.startswith("data: {")]
        scope = json.loads(data.removeprefix("data: "))["result"]["structuredContent"]["scope"]
        assert f" · {market} · " in scope


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_listening_beyond_this_machine_needs_a_token(host: str) -> None:
    settings = read_settings(sandbox=True)
    app = App(settings)
    with pytest.raises(InvalidSettings, match="spend your credits"):
        http_app(app.server, settings, host=host, resources=app.running)
    http_app(app.server, read_settings(sandbox=True, auth_token=TOKEN), host=host, resources=app.running)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_listening_beyond_this_machine_needs_a_token_that_cannot_be_guessed(host: str) -> None:
    app = App(read_settings(sandbox=True))
    short = read_settings(sandbox=True, auth_token="x" * 19)
    with pytest.raises(InvalidSettings, match=r"KEYAPI_MCP_AUTH_TOKEN is too short .* 20 characters") as refused:
        http_app(app.server, short, host=host, resources=app.running)
    assert "x" * 19 not in str(refused.value)
    http_app(app.server, short, host="127.0.0.1", resources=app.running)
    http_app(app.server, read_settings(sandbox=True, auth_token="x" * 20), host=host, resources=app.running)


@pytest.mark.slow
@pytest.mark.parametrize("token", ["", TOKEN])
def test_that_every_user_of_the_machine_may_ask_is_said_at_the_start(
    token: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    with http_server(sandbox, tmp_path, auth_token=token):
        pass
    said = [line for line in (tmp_path / "output").read_text().splitlines() if "every user and program" in line]
    assert len(said) == (0 if token else 1)
    assert all("KEYAPI_MCP_AUTH_TOKEN" in line for line in said)


def test_the_refusal_to_listen_is_said_in_words_and_an_exit_code() -> None:
    command = [sys.executable, "-m", "keyapi_mcp", "serve", "--sandbox", "--host", "0.0.0.0", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 5
    assert "KEYAPI_MCP_AUTH_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_said_in_words_and_an_exit_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "keyapi_mcp", "serve", "--sandbox", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 5
    assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("transport", "path"), [("http", "/mcp"), ("sse", "/sse")])
def test_it_says_where_it_listens(transport: str, path: str, sandbox: RunningSandbox, tmp_path: Path) -> None:
    with http_server(sandbox, tmp_path, "--transport", transport) as (_, client):
        assert client.get("/healthz").status_code == 200
    assert f"{client.base_url}{path}" in (tmp_path / "output").read_text()


def test_beyond_this_machine_it_says_which_hosts_clients_may_name_and_how_to_add_more(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = {"auth_token": TOKEN, "allowed_hosts": "mybox.lan,192.0.2.2:9000"}
    with http_server(sandbox, tmp_path, "--host", "0.0.0.0", **settings) as (_, client):
        answers = {
            host: client.get("/healthz", headers={"host": host}).status_code
            for host in ("mybox.lan", "mybox.lan:18799", "192.0.2.2:9000", "192.0.2.2:9001", "192.0.2.2", "other.lan")
        }
    assert list(answers.values()) == [200, 200, 200, 421, 421, 421], answers
    (line,) = [line for line in (tmp_path / "output").read_text().splitlines() if "KEYAPI_MCP_ALLOWED_HOSTS" in line]
    assert "localhost, 127.0.0.1, [::1], mybox.lan, 192.0.2.2:9000." in line
    assert TOKEN not in line


@pytest.mark.parametrize("seconds", ["5", "1800"])
def test_a_session_may_be_idle_for_as_long_as_is_set(seconds: str) -> None:
    settings = read_settings(sandbox=True, session_idle_s=seconds)
    app = App(settings)
    http_app(app.server, settings, host="127.0.0.1", resources=app.running)
    assert app.server.session_manager.session_idle_timeout == float(seconds)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_three_seconds_whatever_is_open(number: signal.Signals, tmp_path: Path) -> None:
    with (
        running_sandbox(products=50) as slow,
        http_server(slow, tmp_path) as (process, client),
        ExitStack() as stack,
    ):
        slow.faults.push(Fault("hang", times=None))
        session = {"mcp-session-id": post(client).headers["mcp-session-id"]}
        post(client, INITIALIZED, **session)
        stack.enter_context(client.stream("GET", "/sse"))
        stack.enter_context(client.stream("GET", "/mcp", headers=HEADERS | session))
        stack.enter_context(client.stream("POST", "/mcp", json=call(1, {"region": "US"}), headers=HEADERS | session))
        until(lambda: slow.requests)
        process.send_signal(number)
        assert process.wait(3) == 0
    assert "Traceback" not in (tmp_path / "output").read_text()
