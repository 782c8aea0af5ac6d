"""The HTTP server before clients that mean no good: tokens, sessions, paths, bodies and preflights, on a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from unittest import mock
from uuid import UUID

import httpx2 as httpx
import pytest
import uvicorn
from pydantic import SecretStr

from keyapi_mcp.app import App
from keyapi_mcp.settings import read_settings
from keyapi_mcp.transports import guard, http
from support.raw_stdio import INITIALIZED, initialize

TOKEN = "a-long-and-random-text"
RIGHT = {"authorization": f"Bearer {TOKEN}"}
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
LISTING = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
BODY_SECONDS = 1.0


@pytest.fixture(scope="module")
def server() -> Iterator[httpx.Client]:
    """In a thread of this process, with a token, little time for bodies and small ones; a client that sends none."""
    app = App(read_settings(sandbox=True, store="memory"))
    settings = read_settings(
        sandbox=True, auth_token=TOKEN, max_request_bytes=20_000, allowed_origins="https://app.example.com"
    )
    with mock.patch.object(http, "_BODY_S", BODY_SECONDS):
        served = http.http_app(app.server, settings, host="127.0.0.1", resources=app.running)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(served, lifespan="on", log_config=None, access_log=False, ws="none")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            yield client
    finally:
        running.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


def connected(server: httpx.Client) -> socket.socket:
    return socket.create_connection((server.base_url.host, server.base_url.port), timeout=30)


def sent(server: httpx.Client, *parts: str) -> str:
    """What the server says to these bytes until it closes the connection."""
    with connected(server) as connection:
        said = b""
        # A server that closes while there is more to read resets the connection.
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part.encode())
            while more := connection.recv(65_536):
                said += more
    return said.decode()


def first_said(server: httpx.Client, *parts: str) -> str:
    """The beginning of what the server says to these bytes, whether or not it waits for more of them."""
    with connected(server) as connection:
        for part in parts:
            connection.sendall(part.encode())
        return connection.recv(65_536).decode()


def request(server: httpx.Client, line: str, *headers: str) -> str:
    head = [line, f"Host: 127.0.0.1:{server.base_url.port}", "Connection: close", *headers]
    return sent(server, "\r\n".join(head) + "\r\n\r\n")


def status(answer: str) -> int:
    return int(answer.split(" ", 2)[1])


# --- the token --------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize("verdict", [True, False])
@pytest.mark.parametrize(
    "header", [None, f"Bearer {TOKEN}", "Bearer a-long-and-random-texu", "Bearer b", "Bearer é", TOKEN]
)
async def test_the_token_is_judged_by_the_comparison_in_constant_time_alone(header: str | None, verdict: bool) -> None:
    reached = []

    async def app(*_: Any) -> None:
        reached.append(True)

    async def nothing(*_: Any) -> None:
        pass

    headers = [] if header is None else [(b"authorization", header.encode())]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": headers}
    with mock.patch("keyapi_mcp.transports.guard.hmac.compare_digest", return_value=verdict) as compare:
        await guard.Bearer(app, SecretStr(TOKEN))(scope, nothing, nothing)  # type: ignore[arg-type]
    assert compare.call_count == 1
    assert compare.call_args.args[1] == f"Bearer {TOKEN}".encode()
    assert bool(reached) is verdict


@pytest.mark.parametrize("header", ["", "Authorization: Bearer wrong\r\n"])
def test_without_the_token_no_body_is_waited_for(header: str, server: httpx.Client) -> None:
    head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\n{header}Content-Length: 10000\r\n\r\n"
    answer = first_said(server, head)
    assert status(answer) == 401
    assert 'www-authenticate: bearer error="invalid_token"' in answer.lower()


# --- sessions ---------------------------------------------------------------------------------------------------------


def opened(server: httpx.Client) -> str:
    answer = server.post("/mcp", json=initialize(), headers=HEADERS | RIGHT)
    assert answer.status_code == 200
    return answer.headers["mcp-session-id"]


def test_a_session_is_of_no_use_with_another_token_and_goes_on_with_its_own(server: httpx.Client) -> None:
    session = {"mcp-session-id": opened(server)}
    server.post("/mcp", json=INITIALIZED, headers=HEADERS | RIGHT | session)
    for other in ({}, {"authorization": "Bearer another-token"}):
        for method in ("GET", "POST", "DELETE"):
            answer = server.request(method, "/mcp", json=LISTING, headers=HEADERS | other | session)
            assert answer.status_code == 401, method
            assert "tools" not in answer.text
    answer = server.post("/mcp", json=LISTING, headers=HEADERS | RIGHT | session)
    assert answer.status_code == 200
    assert "search_products" in answer.text


def test_a_session_that_was_ended_or_never_was_is_not_found(server: httpx.Client) -> None:
    session = {"mcp-session-id": opened(server)}
    assert server.delete("/mcp", headers=HEADERS | RIGHT | session).status_code == 200
    for name in (session["mcp-session-id"], session["mcp-session-id"][:-1], "0", "x" * 5_000, "../1"):
        answer = server.post("/mcp", json=LISTING, headers=HEADERS | RIGHT | {"mcp-session-id": name})
        assert answer.status_code == 404, name


def test_names_of_sessions_cannot_be_guessed(server: httpx.Client) -> None:
    names = [opened(server) for _ in range(16)]
    for _ in range(2):
        with server.stream("GET", "/sse", headers=RIGHT) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: endpoint"
            names.append(next(lines).partition("session_id=")[2])
    assert len(set(names)) == len(names)
    # Version 4: 122 bits from the system's random numbers.
    assert {UUID(name).version for name in names} == {4}
    drawn = [position for position in range(32) if position not in (12, 16)]
    assert all(len({name[position] for name in names}) > 2 for position in drawn)


# --- paths and methods ------------------------------------------------------------------------------------------------

TRICKS = (
    *("/mcp", "//mcp", "///mcp", "/mcp/", "/mcp//", "/%6dcp", "/mcp%2f", "/%2fmcp", "/./mcp", "/%2e/mcp", "/mcp/."),
    *("/healthz/../mcp", "/healthz/%2e%2e/mcp", "/healthz%2f..%2fmcp", "/healthz/", "//healthz", "/healthz%00"),
    *("/healthz;/mcp", "/healthz%3f/mcp", "/HEALTHZ", "/healthz/mcp", "/messages", "/messages//", "/messages/healthz"),
    *("/sse/", "//sse", "/sse/healthz", "/", "/..", "/%2e%2e/%2e%2e/etc/passwd", "http://127.0.0.1/mcp", "/\\mcp"),
)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", TRICKS)
def test_no_way_to_write_a_path_leads_around_the_token(path: str, method: str, server: httpx.Client) -> None:
    answer = request(server, f"{method} {path} HTTP/1.1", "Content-Length: 0")
    assert status(answer) in (400, 401)


@pytest.mark.parametrize("path", TRICKS)
def test_with_the_token_no_path_leads_to_a_file_or_to_another_server(path: str, server: httpx.Client) -> None:
    # A session that does not exist: /mcp itself answers that it is not found.
    session = "Mcp-Session-Id: 0"
    answer = request(server, f"DELETE {path} HTTP/1.1", f"Authorization: Bearer {TOKEN}", session)
    assert status(answer) in (307, 400, 404, 405)
    assert "root:" not in answer
    for line in answer.lower().splitlines():
        if line.startswith("location:"):
            assert line.startswith(f"location: http://127.0.0.1:{server.base_url.port}/")


def test_health_has_no_door_to_anything_else(server: httpx.Client) -> None:
    answer = request(server, "GET /healthz?path=/mcp HTTP/1.1", "X-Original-URL: /mcp", "X-Rewrite-URL: /mcp")
    assert status(answer) == 200
    assert '{"status":"ok","version":' in answer
    assert status(request(server, "POST /healthz HTTP/1.1", "X-HTTP-Method-Override: GET", "Content-Length: 0")) == 405


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "CONNECT", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("path", ["/mcp", "/sse", "/messages/", "/healthz"])
def test_a_method_that_has_no_meaning_is_refused(path: str, method: str, server: httpx.Client) -> None:
    answer = request(server, f"{method} {path} HTTP/1.1", f"Authorization: Bearer {TOKEN}", "Content-Length: 0")
    assert status(answer) in (400, 404, 405)


# --- Host and Origin --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        "POST /mcp HTTP/1.0\r\n",
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        "POST /mcp HTTP/1.1\r\nHost: localhost@evil.example\r\n",
        "POST /mcp HTTP/1.1\r\nHost: localhost.\r\n",
        "POST /mcp HTTP/1.1\r\nHost: 127.1\r\n",
        "POST http://localhost/mcp HTTP/1.1\r\nHost: evil.example\r\n",
        "POST /mcp HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\n",
    ],
)
def test_no_other_way_to_name_a_host_gets_around_the_list(head: str, server: httpx.Client) -> None:
    answer = sent(server, f"{head}Authorization: Bearer {TOKEN}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert status(answer) in (400, 421)


PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


def test_a_preflight_is_answered_without_the_token_for_allowed_pages_only(server: httpx.Client) -> None:
    answer = server.options("/mcp", headers=PREFLIGHT | {"origin": "https://app.example.com"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    assert answer.headers["access-control-allow-methods"] == "GET, POST, DELETE"
    assert "access-control-allow-credentials" not in answer.headers
    for origin in ("https://evil.example", "null", "https://app.example.com.evil.example", "http://app.example.com"):
        answer = server.options("/mcp", headers=PREFLIGHT | {"origin": origin})
        assert answer.status_code == 403, origin
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_preflight_for_another_method_is_refused(server: httpx.Client) -> None:
    asked = PREFLIGHT | {"origin": "https://app.example.com", "access-control-request-method": "PUT"}
    assert server.options("/mcp", headers=asked).status_code == 400


def test_a_refusal_can_be_read_by_an_allowed_page(server: httpx.Client) -> None:
    answer = server.post("/mcp", json=LISTING, headers=HEADERS | {"origin": "https://app.example.com"})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "WWW-Authenticate" in answer.headers["access-control-expose-headers"]


# --- bodies -----------------------------------------------------------------------------------------------------------


def begun(server: httpx.Client, path: str, *headers: str) -> str:
    """The head of a request whose body is still to come."""
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{server.base_url.port}", f"Authorization: Bearer {TOKEN}"]
    lines += [f"{name}: {value}" for name, value in HEADERS.items()]
    return "\r\n".join([*lines, *headers]) + "\r\n\r\n"


@pytest.mark.parametrize("path", ["/mcp", "/messages/?session_id=0"])
@pytest.mark.parametrize("length", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_in_time_is_refused_and_the_connection_ends(
    path: str, length: str, server: httpx.Client
) -> None:
    start = "9\r\n" if length.endswith("chunked") else ""
    answer = sent(server, begun(server, path, length), f'{start}{{"json')
    assert status(answer) == 408
    assert "connection: close" in answer.lower()
    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/mcp", "/messages/?session_id=0"])
def test_a_body_without_a_length_is_refused_once_it_is_too_large(path: str, server: httpx.Client) -> None:
    chunk = f"{10_000:x}\r\n{' ' * 10_000}\r\n"
    answer = first_said(server, begun(server, path, "Transfer-Encoding: chunked"), chunk, chunk, "1\r\n \r\n")
    assert status(answer) == 413


@pytest.mark.parametrize("header", ["X-Long: " + "x" * 200_000, "\r\n".join(f"X-{n}: {'x' * 900}" for n in range(300))])
def test_headers_without_end_are_refused(header: str, server: httpx.Client) -> None:
    answer = request(server, "GET /healthz HTTP/1.1", header)
    assert answer == "" or status(answer) in (400, 431)


def test_two_lengths_for_one_body_are_refused(server: httpx.Client) -> None:
    for lengths in (
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: +5",),
    ):
        answer = sent(server, begun(server, "/mcp", "Connection: close", *lengths), "0\r\n\r\n")
        assert status(answer) == 400, lengths
