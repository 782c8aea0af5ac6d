"""The sandbox as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2 as httpx
import pytest

from sandbox.contract import PATH

ASKED = {"region": "US", "page_num": "1", "page_size": "3"}
KEY = {"authorization": "Bearer sk_test"}
COMMAND = [sys.executable, "-m", "keyapi_mcp.sandbox", "--products", "100"]


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A sandbox and its address."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            yield child, f"http://127.0.0.1:{json.loads(child.stdout.readline())['port']}"
        finally:
            child.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_its_port_serves_and_ends_well_on_a_signal(number: signal.Signals) -> None:
    with process("--date", "2026-11-22") as (child, url):
        answer = httpx.get(url + PATH, params=ASKED, headers=KEY, trust_env=False)
        assert len(answer.json()["data"]) == 3
        child.send_signal(number)
        out, err = child.communicate(timeout=30)
        assert (child.returncode, out) == (0, "")
        assert err.count("\n") == 1
        assert url in err


def test_a_signal_right_after_the_port_is_told_is_not_lost() -> None:
    with process() as (child, _):
        child.terminate()
        assert child.wait(timeout=30) == 0


def test_two_processes_with_one_seed_and_date_serve_the_same_rows() -> None:
    answers = []
    for _ in range(2):
        with process("--date", "2026-11-22", "--seed", "5") as (_child, url):
            answers.append(httpx.get(url + PATH, params=ASKED, headers=KEY, trust_env=False).json()["data"])
    assert answers[0] == answers[1]


def test_the_switches_exist_only_when_asked_for() -> None:
    for arguments, status in (((), 404), (("--faults",), 200)):
        with process(*arguments) as (_child, url):
            assert httpx.get(f"{url}/_sandbox/requests", trust_env=False).status_code == status


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"cannot listen on port {port}" in done.stderr
    assert done.stderr.count("\n") == 1
