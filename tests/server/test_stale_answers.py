"""When the service cannot answer: an older answer to the same question, marked as such; offline: that or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from mcp import Client

from keyapi_mcp.app import App
from keyapi_mcp.errors import KeyApiMcpError, LimitReached, Offline, as_text
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.sandbox.faults import Fault
from support.connections import Told
from support.kept import Clock
from support.loopback import loopback
from support.sandbox_server import RunningSandbox, running_sandbox
from support.service import settings_for, without_waiting

pytestmark = pytest.mark.anyio
ASKED = {"region": "US", "page_size": 3}


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=60) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with without_waiting():
        yield


@asynccontextmanager
async def server(url: str, clock: Clock, **settings: Any) -> AsyncIterator[App]:
    hurried = {"read_timeout_s": 1, "max_body_bytes": 2_000_000}
    app = App(settings_for(url, **hurried | settings), clock=clock)
    async with app.running():
        yield app


async def asked(app: App, question: dict[str, Any] = ASKED) -> Answer:
    return await app.call("search_products", question)


async def failed(app: App, question: dict[str, Any] = ASKED) -> KeyApiMcpError:
    with pytest.raises(KeyApiMcpError) as error:
        await asked(app, question)
    return error.value


FAILURES: list[tuple[str, dict[str, Any], int, str]] = [
    ("status", {"status": 402}, 0, "quota is used up"),
    ("quota_500", {}, 0, "quota is used up"),
    ("status", {"status": 429, "retry_after": "60"}, 0, "limits how often it may be asked (429)"),
    ("status", {"status": 500}, 3, "The service failed (500)"),
    ("status", {"status": 503}, 3, "The service failed (503)"),
    ("code_in_200", {"code": 500}, 3, "The service failed (500)"),
    ("html", {}, 3, "The service failed (502)"),
    ("hang", {}, 1, "sent no complete answer in time"),
    ("cut", {}, 1, "The connection broke"),
    ("reset", {}, 1, "The connection broke"),
    ("html_200", {}, 1, "not its documented JSON"),
    ("huge", {}, 1, "larger than 2,000,000 bytes"),
]


@pytest.mark.parametrize(("kind", "details", "unknown", "named"), FAILURES, ids=str)
@pytest.mark.parametrize("restarted", [False, True], ids=["the same process", "a later one"])
async def test_an_older_answer_is_given_marked_with_its_age_and_the_failure(
    kind: str, details: dict[str, Any], unknown: int, named: str, *, restarted: bool, sandbox: RunningSandbox
) -> None:
    clock = Clock()
    async with server(sandbox.url, clock) as app:
        first = await asked(app)
        if not restarted:
            await check(app, clock, first, sandbox, Fault(kind, times=None, **details), unknown, named)
    if restarted:
        async with server(sandbox.url, clock) as app:
            await check(app, clock, first, sandbox, Fault(kind, times=None, **details), unknown, named)


async def check(
    app: App, clock: Clock, first: Answer, sandbox: RunningSandbox, fault: Fault, unknown: int, named: str
) -> None:
    clock.now += timedelta(hours=25)
    sandbox.reset()
    sandbox.faults.push(fault)
    answer = await asked(app)
    assert len(sandbox.requests) >= 1
    assert answer.scope == first.scope + " · STALE, kept from 2026-11-23 09:00 UTC (25 h ago)"
    assert answer.structured()["rows"] == first.structured()["rows"]
    (note,) = [note for note in answer.notes if note.startswith("Stale: ")]
    assert named in note
    assert note.endswith("This older answer is all there is until then.")
    maybe = f" + 0–{unknown} (unknown)" if unknown else ""
    assert f"Credits: 0{maybe} for this call (kept answer); " in answer.text()
    told = answer.structured()["credits"]
    assert (told["call"], told.get("call_unknown", 0), told["source"]) == (0, unknown, "kept answer")
    assert (told["today"], told.get("today_unknown", 0)) == (unknown, unknown)
    # As a client sees it, it is an answer and no error; and the next call tries again.
    asked_so_far = len(sandbox.requests)
    async with Client(app.server) as client:
        seen = Told.of(await client.call_tool("search_products", ASKED))
    assert not seen.is_error
    assert "STALE, kept from" in seen.text
    assert len(sandbox.requests) > asked_so_far or fault.status == 429
    # Once the service is well again, so is the answer.
    if fault.status != 429:
        sandbox.reset()
        well = await asked(app)
        assert "STALE" not in well.text()
        assert "Credits: 1 for this call" in well.text()


async def test_without_a_network_the_older_answer_is_given() -> None:
    clock = Clock()
    with running_sandbox(products=60) as sandbox:
        async with server(sandbox.url, clock) as app:
            first = await asked(app)
    clock.pass_days(3)
    async with server(sandbox.url, clock) as app:
        answer = await asked(app)
        assert answer.scope == first.scope + " · STALE, kept from 2026-11-23 09:00 UTC (3 d ago)"
        assert any("The service could not be reached: the connection was refused" in note for note in answer.notes)
        assert "Credits: 0 for this call (kept answer); 0 today, 200 left" in answer.text()
        # Of another question nothing is known.
        error = await failed(app, {"region": "GB"})
        assert "could not be reached" in as_text(error)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refusal_that_somebody_has_to_mend_stays_an_error(status: int, sandbox: RunningSandbox) -> None:
    clock = Clock()
    async with server(sandbox.url, clock) as app:
        await asked(app)
        clock.pass_days(1)
        sandbox.faults.push(Fault("status", status=status))
        text = as_text(await failed(app))
        assert f"({status})" in text
        assert "Credits: none spent." in text


@pytest.mark.parametrize(("kind", "details", "unknown", "named"), FAILURES, ids=str)
async def test_with_nothing_older_the_failure_is_an_error_as_before(
    kind: str, details: dict[str, Any], unknown: int, named: str, sandbox: RunningSandbox
) -> None:
    sandbox.faults.push(Fault(kind, times=None, **details))
    async with server(sandbox.url, Clock()) as app:
        text = as_text(await failed(app))
    assert named in text
    assert (f"Credits: 0–{unknown} spent" if unknown else "Credits: none spent.") in text


async def test_a_limit_of_the_user_s_own_is_an_error_even_if_there_is_an_older_answer(sandbox: RunningSandbox) -> None:
    clock = Clock()
    async with server(sandbox.url, clock, credits_per_month=1) as app:
        await asked(app)
        clock.pass_days(1)
        assert isinstance(await failed(app), LimitReached)


async def test_a_failure_whose_retry_no_limit_allows_gives_the_older_answer(sandbox: RunningSandbox) -> None:
    clock = Clock()
    async with server(sandbox.url, clock, credits_per_month=2) as app:
        await asked(app)
        clock.pass_days(1)
        sandbox.faults.push(Fault("status", status=503, times=None))
        answer = await asked(app)
        assert "STALE, kept from" in answer.scope
        assert any("The service failed (503)" in note for note in answer.notes)
        assert "Credits: 0 + 0–1 (unknown) for this call (kept answer)" in answer.text()
    assert len(sandbox.requests) == 2


# --- offline -------------------------------------------------------------------------------------------------------


async def test_offline_answers_come_from_the_store_say_so_and_no_connection_is_opened(
    sandbox: RunningSandbox,
) -> None:
    clock = Clock()
    async with server(sandbox.url, clock) as app:
        first = await asked(app)
    sandbox.requests.clear()
    async with server(sandbox.url, clock, offline=True) as app:
        fresh = await asked(app)
        assert fresh.scope == first.scope + " · kept from 2026-11-23 09:00 UTC (0 min ago)"
        clock.pass_days(40)
        answer = await asked(app)
        assert answer.scope == first.scope + " · STALE, kept from 2026-11-23 09:00 UTC (40 d ago)"
        assert "Stale: asking the service is switched off (KEYAPI_MCP_OFFLINE)." in answer.notes
        assert "Credits: 0 for this call (kept answer); 0 today" in answer.text()
        error = await failed(app, {"region": "GB"})
        assert isinstance(error, Offline)
        assert "KEYAPI_MCP_OFFLINE forbids asking the service" in error.what
        assert "query_products reads everything that is in the store" in error.next_step
        assert app._services is not None
        assert await app._services.store.totals() is not None
    assert sandbox.requests == []


async def test_offline_neither_the_service_nor_a_proxy_is_spoken_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async with loopback() as listening:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, listening.url)
        for url in (listening.url, "https://api.keyapi.ai"):
            async with server(url, Clock(), offline=True) as app:
                assert isinstance(await failed(app), Offline)
                usage = await app.call("get_usage", {})
                assert usage.structured()["facts"]["today"] == 0
        assert listening.connections == 0
        # The same listener hears whoever is not offline.
        async with server(listening.url, Clock()) as app:
            await asked(app)
        assert listening.connections == 1


async def test_offline_without_a_key_the_store_answers_too(sandbox: RunningSandbox) -> None:
    clock = Clock()
    async with server(sandbox.url, clock) as app:
        await asked(app)
    clock.pass_days(1)
    async with server(sandbox.url, clock, offline=True, token=" ") as app:
        assert "STALE" in (await asked(app)).scope
