"""The stdio transport as a real process, on the wire."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from keyapi_mcp import __version__
from keyapi_mcp.app import INSTRUCTIONS
from keyapi_mcp.sandbox.faults import KINDS, Fault
from keyapi_mcp.tools import TOOLS
from keyapi_mcp.transports.stdio import lines
from support.connections import KEY, environment_for
from support.raw_stdio import INITIALIZED, META, MODERN, PROBE, call, initialize, raw_server
from support.sandbox_server import running_sandbox
from support.waiting import until

NAMES = [tool.name for tool in TOOLS]
LIST = {"jsonrpc": "2.0", "id": "list", "method": "tools/list"}


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_every_version_with_a_handshake_is_spoken(version: str) -> None:
    with raw_server() as server:
        result = server.ask(initialize(version))["result"]
        assert result["protocolVersion"] == version
        assert result["serverInfo"]["version"] == __version__
        assert result["instructions"] == INSTRUCTIONS
        assert set(result["capabilities"]) == {"tools", "resources", "prompts", "completions"}
        assert [tool["name"] for tool in server.ask(INITIALIZED, LIST)["result"]["tools"]] == NAMES


def test_a_client_that_probes_and_then_chooses_the_handshake_is_served() -> None:
    with raw_server() as server:
        assert server.ask(PROBE)["result"]["supportedVersions"] == [MODERN]
        assert server.ask(initialize())["result"]["protocolVersion"] == "2025-11-25"
        assert [tool["name"] for tool in server.ask(INITIALIZED, LIST)["result"]["tools"]] == NAMES


def test_a_client_that_probes_and_stays_is_served_and_was_told_the_truth() -> None:
    with raw_server() as server:
        told = server.ask(PROBE)["result"]
        assert [tool["name"] for tool in server.ask({**LIST, "params": {"_meta": META}})["result"]["tools"]] == NAMES
        # Once the era is settled, the SDK itself answers the same question.
        assert server.ask({**PROBE, "id": 2})["result"] == told
        assert told["instructions"] == INSTRUCTIONS
        assert told["_meta"]["io.modelcontextprotocol/serverInfo"]["version"] == __version__
        assert set(told["capabilities"]) == {"tools", "resources", "prompts", "completions"}


@pytest.mark.parametrize(
    ("line", "code", "identifier"),
    [
        (b"hello\n", -32700, None),
        (b"\xff\xfe\n", -32700, None),
        (b"[" * 100_000 + b"\n", -32700, None),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]\n', -32600, None),
        (b'{"jsonrpc":"2.0","id":7}\n', -32600, 7),
        (b'{"id":"a","method":"ping"}\n', -32600, "a"),
        (b"5\n", -32600, None),
        (b'"' + b"x" * 5_000_000 + b'"\n', -32600, None),
    ],
    ids=["words", "no utf-8", "deep", "batch", "no method", "no version", "number", "long"],
)
def test_a_line_that_is_no_message_is_answered_and_the_connection_goes_on(
    line: bytes, code: int, identifier: object
) -> None:
    with raw_server() as server:
        answer = server.ask(line)
        assert (answer["error"]["code"], answer["id"]) == (code, identifier)
        assert "result" in server.ask(initialize())


WRONG_TYPES: list[Any] = [[1], {"a": 1}, None, True, 1.5, [[]], {}]


def test_a_notification_with_fields_of_the_wrong_type_is_passed_over() -> None:
    wrong = [
        {"jsonrpc": "2.0", "method": f"notifications/{name}", "params": {field: value}}
        for name, field in (
            ("cancelled", "requestId"),
            ("progress", "progressToken"),
            ("initialized", "_meta"),
            ("roots/list_changed", "_meta"),
        )
        for value in WRONG_TYPES
    ]
    with raw_server() as server:
        server.ask(initialize())
        server.write(INITIALIZED, *wrong)
        assert server.ask(LIST)["id"] == "list"
        server.hang_up()
        assert server.wait() == 0
        assert "Traceback" not in server.errors()


def test_lines_may_come_in_pieces_with_either_ending_and_without_the_last() -> None:
    with raw_server() as server:
        text = json.dumps(initialize()).encode()
        server.write(b"\r\n\n", text[:40])
        server.write(text[40:] + b"\r\n")
        assert "result" in server.read()
        server.write(json.dumps({"jsonrpc": "2.0", "id": 5, "method": "ping"}).encode())
        server.hang_up()
        assert server.read()["id"] == 5
        assert server.wait() == 0


# The ways that Windows goes: no pipe on the event loop, no signals on it.
AS_ON_WINDOWS = """
import asyncio, sys
from keyapi_mcp.transports import pipes
def missing(*_): raise NotImplementedError
asyncio.SelectorEventLoop.add_signal_handler = missing
pipes._is_pipe = lambda descriptor: False
from keyapi_mcp.__main__ import main
sys.exit(main())
"""
WINDOWS = (sys.executable, "-c", AS_ON_WINDOWS)


@pytest.mark.parametrize("command", [(), WINDOWS], ids=["here", "as on Windows"])
def test_a_client_that_ends_its_lines_with_crlf_is_answered_in_lines_of_the_protocol(command: tuple[str, ...]) -> None:
    with raw_server("--sandbox", command=command) as server:
        for message in (initialize(), INITIALIZED, LIST, call(1, {"region": "US"})):
            server.write(json.dumps(message).encode() + b"\r\n")
        assert {server.read()["id"] for _ in range(3)} == {"initialize", "list", 1}
        server.hang_up()
        assert server.wait() == 0
        assert all(line.endswith(b"}\n") and b"\r" not in line for line in server.out)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_as_on_windows_too(number: signal.Signals) -> None:
    with raw_server("--sandbox", command=WINDOWS) as server:
        server.ask(initialize())
        server.process.send_signal(number)
        assert server.wait() == 128 + number
        assert "Traceback" not in server.errors()


@pytest.mark.anyio
async def test_lines_are_the_same_however_the_bytes_are_cut() -> None:
    data = b"one\n\n two \r\nthree\n" + b"4" * 100

    async def cut(size: int) -> Any:
        for position in range(0, len(data), size):
            yield data[position : position + size]

    for size in (1, 2, 3, 7, 1000):
        assert [line async for line in lines(cut(size))] == [b"one", b"two", b"three", b"4" * 100]


def test_a_call_under_way_when_the_client_hangs_up_ends_the_process_cleanly() -> None:
    with running_sandbox(products=100) as sandbox, raw_server(**environment_for(sandbox.url)) as server:
        sandbox.faults.push(Fault("hang"))
        server.ask(initialize())
        server.write(INITIALIZED, call(1, {"region": "US"}))
        until(lambda: sandbox.requests)
        server.hang_up()
        assert server.wait() == 0
        assert "Traceback" not in server.errors()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_signal_ends_it_at_once_with_clean_up(number: signal.Signals, busy: bool) -> None:
    with running_sandbox(products=100) as sandbox, raw_server(**environment_for(sandbox.url)) as server:
        server.ask(initialize())
        if busy:
            sandbox.faults.push(Fault("hang"))
            server.write(INITIALIZED, call(1, {"region": "US"}))
            until(lambda: sandbox.requests)
        server.process.send_signal(number)
        assert server.wait() == 128 + number
        assert "Traceback" not in server.errors()


def test_what_was_asked_before_the_end_of_input_is_answered() -> None:
    with running_sandbox(products=100) as sandbox, raw_server(**environment_for(sandbox.url)) as server:
        server.write(initialize(), INITIALIZED, LIST, call(1, {"region": "US"}), call(2, {"region": "GB"}))
        server.hang_up()
        assert {server.read()["id"] for _ in range(4)} == {"initialize", "list", 1, 2}
        assert server.wait() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_client_that_dies_takes_the_server_with_it() -> None:
    with running_sandbox(products=100) as sandbox:
        script = (
            "import subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-m', 'keyapi_mcp'], stdin=subprocess.PIPE, "
            "stdout=subprocess.PIPE)\n"
            f"child.stdin.write({(json.dumps(initialize()) + chr(10)).encode()!r}); child.stdin.flush()\n"
            "child.stdout.readline(); print(child.pid, flush=True); time.sleep(60)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script], env=os.environ | environment_for(sandbox.url), stdout=subprocess.PIPE
        ) as client:
            assert client.stdout is not None
            pid = int(client.stdout.readline())
            client.kill()
        until(lambda: not runs(pid))


def runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def test_standard_output_holds_nothing_but_the_protocol_and_neither_output_the_key_whatever_fails() -> None:
    settings = {"fresh_s": "0", "read_timeout_s": "1", "total_timeout_s": "6", "max_in_flight": "64"}
    with running_sandbox(products=100) as sandbox, raw_server(**environment_for(sandbox.url, **settings)) as server:
        server.ask(initialize())
        server.write(INITIALIZED)
        for kind in sorted(KINDS):
            sandbox.faults.push(Fault(kind, size=8_000_000))
        for status in (400, 401, 402, 403, 404):
            sandbox.faults.push(Fault("status", status=status, message=f"key {KEY} Bearer {KEY}"))
        calls = len(sandbox.faults) + 3
        for number in range(calls):
            server.write(call(number, {"region": "US", "max_total_views_cnt": 10**12 + number}))
        server.write(call("wrong", {"region": "US", "keyword": KEY}))
        answers = {answer["id"]: answer["result"] for answer in (server.read() for _ in range(calls + 1))}
        assert set(answers) == {*range(calls), "wrong"}
        assert any(answer.get("isError") for answer in answers.values())
        server.hang_up()
        assert server.wait() == 0
        for line in server.out:
            assert json.loads(line)["jsonrpc"] == "2.0"
        # What the caller itself wrote may be quoted back to it; nothing else may hold the key.
        written = b"".join(line for line in server.out if b'"id":"wrong"' not in line) + b"".join(server.err)
        assert KEY.encode() not in written
        assert b"DEBUG" in written, "the log was not at its most talkative"
        assert all(line.count(b" ") > 2 for line in server.err), "a record is one line"


def test_from_a_file_to_a_file_works_too(tmp_path: Path) -> None:
    asked = tmp_path / "in"
    asked.write_text("".join(json.dumps(message) + "\n" for message in (initialize(), INITIALIZED, LIST)))
    with asked.open() as stdin, (tmp_path / "out").open("w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "keyapi_mcp", "--sandbox"], stdin=stdin, stdout=stdout, timeout=20, check=False
        )
    assert done.returncode == 0
    answers = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [answer["id"] for answer in answers] == ["initialize", "list"]


def test_without_a_key_it_starts_lists_and_tells_how_to_get_one() -> None:
    with raw_server() as server:
        server.ask(initialize())
        assert [tool["name"] for tool in server.ask(INITIALIZED, LIST)["result"]["tools"]] == NAMES
        result = server.ask(call(1, {"region": "US"}))["result"]
        assert result["isError"] is True
        text = result["content"][0]["text"]
        for part in ("KEYAPI_TOKEN", "--sandbox", "get a key", "Credits: none spent."):
            assert part in text


def test_a_key_file_that_cannot_be_read_is_told_to_the_model_and_in_the_log() -> None:
    with raw_server(KEYAPI_TOKEN_FILE="/nowhere/key") as server:
        server.ask(initialize())
        assert [tool["name"] for tool in server.ask(INITIALIZED, LIST)["result"]["tools"]] == NAMES
        result = server.ask(call(1, {"region": "US"}))["result"]
        assert result["isError"] is True
        fault = "the file that KEYAPI_TOKEN_FILE names is not there"
        assert fault in result["content"][0]["text"]
        server.hang_up()
        assert server.wait() == 0
        assert fault in server.errors()


@pytest.mark.skipif(os.name != "posix", reason="terminals of another kind")
def test_a_person_who_starts_it_in_a_terminal_is_told_what_it_waits_for(tmp_path: Path) -> None:
    said = tmp_path / "said"
    person, terminal = os.openpty()
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "keyapi_mcp"], stdin=terminal, stdout=subprocess.PIPE, stderr=stderr
        )
    try:
        until(lambda: said.read_bytes().endswith(b"\n"))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        os.close(person)
        os.close(terminal)
    assert (process.returncode, out) == (128 + signal.SIGINT, b"")
    assert said.read_text() == (
        "keyapi-mcp: waiting for an MCP client on standard input. "
        "To tell a client: keyapi-mcp install --help. Ctrl-C ends this.\n"
    )


def test_a_setting_that_cannot_be_used_is_said_before_anything_is_served() -> None:
    with raw_server(KEYAPI_API_BASE_URL="http://api.example", KEYAPI_TOKEN=KEY) as server:
        assert server.wait() == 5
        assert "KEYAPI_API_BASE_URL: must be https://" in server.errors()
        assert server.out == []
        assert KEY not in server.errors()


def test_the_sandbox_wins_over_a_key_and_a_base_url_and_marks_every_answer() -> None:
    with running_sandbox(products=100) as sandbox:
        with raw_server("--sandbox", **environment_for(sandbox.url)) as server:
            server.ask(initialize())
            questions: list[dict[str, Any]] = [{"region": "US"}, {"region": "TH", "page_num": 900}]
            for number, arguments in enumerate(questions):
                result = server.ask(INITIALIZED, call(number, arguments))["result"]
                assert result["content"][0]["text"].startswith("SANDBOX (synthetic data) · ")
                assert result["structuredContent"]["scope"].startswith("SANDBOX (synthetic data) · ")
        assert sandbox.requests == []
