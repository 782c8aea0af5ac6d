"""Several processes on one file: limits hold for all of them together, a question is paid for once, nobody fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from keyapi_mcp.sandbox.faults import Fault
from keyapi_mcp.store import books, upkeep, watching
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.migrations import steps
from support import store_process
from support.kept import NOW, keep, open_store, product_id, row
from support.raw_stdio import INITIALIZED, RawServer, call, initialize, raw_server
from support.sandbox_server import RunningSandbox, running_sandbox
from support.waiting import until

pytestmark = pytest.mark.slow

ENDLESS: Final = books.Limits(None, None)
KEY: Final = "sk_live_processes"
on_posix = pytest.mark.skipif(os.name != "posix", reason="no forks, and a process that is gone looks like others")


def crowd(action: str, home: Path, many: int, each: int) -> list[str]:
    """What each of so many processes said."""
    command = [sys.executable, str(store_process.__file__), "crowd", action, str(home), str(many), str(each)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1]


def inspected(path: Path) -> tuple[Any, list[str]]:
    """What is counted, and what is wrong with the file."""
    database = Database(path)
    try:
        return (
            database.run_now(lambda connection: books.totals(connection, ENDLESS, store_process.NOW)),
            database.run_now(upkeep.faults),
        )
    finally:
        database.close()


@on_posix
def test_fifty_processes_with_twenty_credits_left_spend_exactly_twenty(tmp_path: Path) -> None:
    told = crowd("spend", tmp_path, 50, 5)
    assert len(told) == 50
    assert sum(map(int, told)) == store_process.CREDITS == 20
    totals, faults = inspected(tmp_path / "keyapi.sqlite")
    assert (totals.today, faults) == (20, [])


@on_posix
def test_many_that_open_a_new_file_at_once_all_find_it_made(tmp_path: Path) -> None:
    # Often enough for all of them to meet at every moment of it.
    assert crowd("make", tmp_path, 30, 4) == [str(len(steps()))] * 30 * 4


@on_posix
def test_many_that_write_at_once_all_succeed(tmp_path: Path) -> None:
    assert crowd("write", tmp_path, 12, 20) == ["20"] * 12
    totals, faults = inspected(tmp_path / "keyapi.sqlite")
    assert (totals.today, totals.today_unknown, faults) == (240, 0, [])


@on_posix
def test_many_that_watch_the_same_products_at_once_add_each_once(tmp_path: Path) -> None:
    told = crowd("watch", tmp_path, 12, 30)
    assert len(told) == 12
    assert sum(map(int, told)) == 30
    database = Database(tmp_path / "keyapi.sqlite")
    try:
        listed = database.run_now(watching.everything, writes=False)
    finally:
        database.close()
    assert {one.product_id for one in listed} == {store_process.watched_id(number) for number in range(30)}
    assert len(listed) == 30


# --- whole servers -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=60) as running:
        yield running


def started(stack: ExitStack, many: int, sandbox: RunningSandbox, **settings: str) -> list[RawServer]:
    environment = {"KEYAPI_TOKEN": KEY, "KEYAPI_API_BASE_URL": sandbox.url, "KEYAPI_MCP_MIN_INTERVAL_S": "0"}
    servers = [stack.enter_context(raw_server(**environment, **settings)) for _ in range(many)]
    for server in servers:
        server.write(initialize(), INITIALIZED)
    for server in servers:
        server.read()
    return servers


def asked_at_once(servers: Sequence[RawServer], *questions: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers of all of them, in the order of the servers; each is asked every question."""
    for server in servers:
        server.write(*[call(number, question) for number, question in enumerate(questions)])
    return [server.read()["result"] for server in servers for _ in questions]


def credits_of(result: dict[str, Any]) -> dict[str, Any]:
    assert not result["isError"], result
    told: dict[str, Any] = result["structuredContent"]["credits"]
    return told


def test_a_question_that_several_servers_ask_at_once_is_paid_for_once(sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("delay", seconds=1.0))
    with ExitStack() as stack:
        servers = started(stack, 3, sandbox)
        results = asked_at_once(servers, {"region": "US"})
        # Those who come later have it from the file, those who have it already from memory.
        results += asked_at_once([*started(stack, 1, sandbox), *servers], {"region": "US"})
    assert len(sandbox.requests) == 1
    told = [credits_of(result) for result in results]
    assert sorted(one["call"] for one in told) == [0] * 6 + [1]
    assert [one.get("source") for one in told].count("kept answer") == 6
    assert len({json.dumps(result["structuredContent"]["rows"]) for result in results}) == 1
    assert {one["today"] for one in told} == {1}


CONTAINER: Final = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def containers_can_be_made() -> bool:
    """Each with process ids of its own; needs rights that not everyone has."""
    try:
        return subprocess.run([*CONTAINER, "true"], capture_output=True, timeout=20, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("first", ["outside", "in a container"])
def test_a_question_is_paid_for_once_by_servers_in_and_outside_of_a_container(
    first: str, sandbox: RunningSandbox
) -> None:
    if not containers_can_be_made():
        pytest.skip("no right to make a PID namespace")
    sandbox.faults.push(Fault("delay", seconds=2.0))
    contained = (*CONTAINER, sys.executable, "-m", "keyapi_mcp")
    environment = {"KEYAPI_TOKEN": KEY, "KEYAPI_API_BASE_URL": sandbox.url}
    with raw_server(**environment) as outside, raw_server(command=contained, **environment) as inside:
        for server in (outside, inside):
            server.ask(initialize())
            server.write(INITIALIZED)
        asking, other = (outside, inside) if first == "outside" else (inside, outside)
        asking.write(call(1, {"region": "US"}))
        until(lambda: len(sandbox.requests) == 1)
        told = credits_of(other.ask(call(1, {"region": "US"}))["result"])
        assert credits_of(asking.read()["result"])["call"] == 1
    assert (told["call"], told["today"], told["source"]) == (0, 1, "kept answer")
    assert len(sandbox.requests) == 1


def test_different_questions_are_different_requests(sandbox: RunningSandbox) -> None:
    with ExitStack() as stack:
        servers = started(stack, 2, sandbox)
        for number, server in enumerate(servers):
            server.write(call(1, {"region": "US", "page_num": number + 1}))
        told = [credits_of(server.read()["result"]) for server in servers]
    assert [one["call"] for one in told] == [1, 1]
    assert len(sandbox.requests) == 2


@on_posix
def test_one_that_is_killed_while_it_asks_holds_up_the_others_for_a_moment_only(sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("hang"))
    with ExitStack() as stack:
        first, other = started(stack, 2, sandbox)
        first.write(call(1, {"region": "US"}))
        until(lambda: len(sandbox.requests) == 1)
        other.write(call(1, {"region": "US"}))
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(30)
        result = other.read()["result"]
    # Its credit may be spent: it stays counted.
    assert credits_of(result) == {"call": 1, "today": 2, "today_unknown": 1, "left": 198}
    assert len(sandbox.requests) == 2


def test_limits_hold_for_all_servers_together(sandbox: RunningSandbox) -> None:
    questions = [{"region": region, "page_num": page} for region in ("US", "GB") for page in (1, 2)]
    # Each server asks other questions, so that none is shared.
    with ExitStack() as stack:
        servers = started(stack, 3, sandbox, KEYAPI_MCP_CREDITS_PER_DAY="5")
        answers: list[dict[str, Any]] = []

        def ask(server: RawServer, size: int) -> None:
            answers.extend(asked_at_once([server], *[question | {"page_size": size} for question in questions]))

        threads = [threading.Thread(target=ask, args=(server, size)) for size, server in enumerate(servers, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(answers) == 12
    refused = [result for result in answers if result["isError"]]
    assert len(refused) == 7
    assert len(sandbox.requests) == 5
    for result in refused:
        assert "none is left of your limit of 5 a day (5 counted). Nothing was sent." in result["content"][0]["text"]


def test_a_whole_page_is_paid_for_and_read_by_the_command_line_beside_a_server(sandbox: RunningSandbox) -> None:
    with ExitStack() as stack:
        (server,) = started(stack, 1, sandbox)
        server.ask(call(1, {"region": "US"}))
        done = subprocess.run(
            [sys.executable, "-m", "keyapi_mcp", "call", "search_products", "region=US"],
            env=os.environ | {"KEYAPI_TOKEN": KEY, "KEYAPI_API_BASE_URL": sandbox.url},
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Credits: 0 for this call (kept answer); 1 today" in done.stdout
    assert len(sandbox.requests) == 1


async def seen_on_two_days(url: str) -> None:
    async with open_store(base_url=url, fresh_s=0) as store:
        for passed, units in ((0, 300), (1, 480)):
            rows = [row(number, total_sale_30d_cnt=units + number) for number in range(30)]
            await keep(store, *rows, at=NOW + timedelta(days=passed))


def test_two_servers_give_the_same_answer_to_what_changed_and_one_sees_what_the_other_watches(
    sandbox: RunningSandbox,
) -> None:
    anyio.run(seen_on_two_days, sandbox.url)
    with ExitStack() as stack:
        servers = started(stack, 2, sandbox)

        def ask(server: RawServer, tool: str, **arguments: Any) -> str:
            result = server.ask(call(1, arguments, tool))["result"]
            assert not result["isError"], result
            return str(result["content"][0]["text"])

        for arguments in ({"scope": "all"}, {"scope": "all", "since": "20261122", "limit": 30}):
            first, other = (ask(server, "get_changes", **arguments) for server in servers)
            assert first == other == ask(servers[0], "get_changes", **arguments)
            assert "30 of 30 moved: 30 high." in first
        ask(servers[0], "watch_products", action="add", product_ids=[product_id(7)])
        assert f"1|{product_id(7)}|Lip oil 7|US|high|" in ask(servers[1], "get_changes", scope="watch")
    assert sandbox.requests == []
