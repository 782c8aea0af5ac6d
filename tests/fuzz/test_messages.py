"""Input that is no message, or hardly one, on every transport: the server stays, and answers the next good request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import httpx2 as httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.connections import environment_for, serving
from support.raw_stdio import INITIALIZED, META, MODERN, RawServer, initialize, raw_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

EXAMPLES: Final = 250
_HEADERS: Final = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": MODERN,
}
_METHODS: Final = """
tools/call tools/list initialize ping resources/read completion/complete server/discover notifications/cancelled
notifications/initialized notifications/progress notifications/roots/list_changed logging/setLevel
subscriptions/listen no/such
"""
_methods: Final = st.sampled_from(_METHODS.split()) | st.text(max_size=10)
_json: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_params: Final = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["search_products", "query_products", "get_usage", "nothing"]) | _json,
        "arguments": st.dictionaries(st.sampled_from(["sql", "region", "product_id", "x"]), _json, max_size=3) | _json,
        "_meta": st.just(META) | _json,
        "protocolVersion": _json,
        "requestId": _json,
        "progressToken": _json,
        "progress": _json,
        "reason": _json,
        "uri": _json,
        "ref": _json,
        "argument": _json,
    },
)
_messages: Final = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | _json,
        # Of its own kind, so that its answer is known from that to the good request.
        "id": st.integers(10**6, 10**7) | st.none() | st.floats(allow_nan=False) | st.lists(st.integers(), max_size=2),
        "method": _methods | _json,
        "params": _params | _json,
        "result": _json,
        "error": _json,
    },
).map(lambda message: json.dumps(message).encode())


def _deep(depth: int, opening: bytes, closing: bytes) -> bytes:
    start = b'{"jsonrpc":"2.0","id":1000000,"method":"tools/call","params":{"name":"search_products","arguments":'
    return start + opening * depth + b"1" + closing * depth + b"}}"


@st.composite
def _torn(draw: st.DrawFn) -> bytes:
    """A message of which a part is missing, or is something else."""
    message = bytearray(draw(_messages))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(message)))
        message[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=3))
    return bytes(message)


_inputs: Final = st.one_of(
    _messages,
    _torn(),
    st.binary(max_size=40),
    _json.map(lambda document: json.dumps(document).encode()),
    st.builds(_deep, st.sampled_from([10, 200, 2_000, 30_000]), st.sampled_from([b"[", b'{"a":']), st.just(b"")),
    st.builds(lambda depth: _deep(depth, b"[", b"]"), st.sampled_from([10, 127, 200, 2_000, 30_000])),
    st.sampled_from([300_000, 1_500_000, 5_000_000]).map(lambda size: b'{"jsonrpc":"' + b"x" * size + b'"}'),
)


Test = TypeVar("Test", bound=Callable[..., None])
# Of messages that are sound but for one field, chance draws too few.
_WRONG: Final = ([1], {"a": 1}, None, True, 1.5, "1")
_FIELDS: Final = {
    "notifications/cancelled": ("requestId", "reason", "_meta"),
    "notifications/progress": ("progressToken", "progress", "total", "message", "_meta"),
    "notifications/initialized": ("_meta",),
    "notifications/roots/list_changed": ("_meta",),
    "notifications/no_such": ("_meta",),
}


def _wrong_notifications() -> Iterator[bytes]:
    for method, fields in _FIELDS.items():
        for params in ({field: value} for field in fields for value in _WRONG):
            yield json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()
        yield json.dumps({"jsonrpc": "2.0", "method": method}).encode()


def _also(name: str, **others: Any) -> Callable[[Test], Test]:
    """Each of them as an example for the argument of this name."""

    def add(test: Test) -> Test:
        for line in _wrong_notifications():
            test = example(**{name: line} | others)(test)
        return test

    return add


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server("--sandbox", KEYAPI_MCP_STORE="memory", KEYAPI_MCP_CREDITS_PER_DAY="off") as opened:
        opened.ask(initialize())
        opened.write(INITIALIZED)
        yield opened
        opened.hang_up()
        assert opened.wait() == 0


_numbers: Final = iter(range(1, 10**6))


@settings(max_examples=EXAMPLES)
@given(line=_inputs)
@_also("line")
def test_whatever_line_comes_on_standard_input_the_next_good_one_is_answered(line: bytes, server: RawServer) -> None:
    server.write(line.replace(b"\n", b" ") + b"\n")
    good = f"good {next(_numbers)}"
    answer = server.ask({"jsonrpc": "2.0", "id": good, "method": "tools/list"})
    while answer.get("id") != good:
        assert answer["jsonrpc"] == "2.0"
        answer = server.read()
    assert len(answer["result"]["tools"]) >= 7
    # The answers are read; what is left in memory is for the errors' text only.
    server.out.clear()


def test_at_the_end_no_defect_was_met(server: RawServer) -> None:
    assert "failed inside" not in server.errors()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Any]]:
    log = tmp_path_factory.mktemp("log") / "log"
    environment: dict[str, Any] = environment_for("http://127.0.0.1:9", log_level="WARNING") | {
        "KEYAPI_MCP_STORE": "memory",
        "KEYAPI_MCP_CREDITS_PER_DAY": "off",
    }
    with (
        log.open("w") as written,
        serving(environment, written, "--sandbox") as (_, url),
        httpx.Client(base_url=url, timeout=20, headers=_HEADERS) as client,
    ):
        yield client, log


def listed(client: httpx.Client) -> None:
    good = {"jsonrpc": "2.0", "id": "good", "method": "tools/list", "params": {"_meta": META}}
    answer = client.post("/mcp", json=good, headers={"mcp-method": "tools/list"})
    assert answer.status_code == 200, answer.text[:300]
    assert '"tools"' in answer.text
    assert client.get("/healthz").json()["status"] == "ok"


@settings(max_examples=EXAMPLES)
@given(body=_inputs, modern=st.booleans())
@_also("body", modern=True)
@_also("body", modern=False)
def test_whatever_body_comes_over_http_the_next_good_one_is_answered(
    body: bytes, modern: bool, web: tuple[httpx.Client, Any]
) -> None:
    client, _ = web
    headers = {} if modern else {"mcp-protocol-version": "2025-11-25"}
    # A stream of events may stay open: its head is enough.
    with client.stream("POST", "/mcp", content=body, headers=headers) as answer:
        assert answer.status_code < 500
    with client.stream("POST", "/messages/?session_id=" + "0" * 32, content=body) as answer:
        assert 400 <= answer.status_code < 500
    listed(client)


def test_at_the_end_no_stack_is_in_the_log(web: tuple[httpx.Client, Any]) -> None:
    client, log = web
    listed(client)
    assert "failed inside" not in log.read_text()
