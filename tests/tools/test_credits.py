"""Credits over random failures, cancellations and restarts: never above a limit, and no page paid for twice.

The bill is the service's: what was answered is paid, and what failed on the way may have been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import parse_qs

import anyio
import httpx2 as httpx
import pytest
import stamina
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from keyapi_mcp.api import limits
from keyapi_mcp.app import App
from keyapi_mcp.errors import KeyApiMcpError, as_text
from support.kept import Clock, open_app, row

# What becomes of one request, and whether its credit may be spent.
OUTCOMES: Final = {
    "answered": True,
    "hangs": True,  # answered after the caller's patience, or never
    "cut": True,
    "server error": True,
    "read time-out": True,
    "rate limited": False,
    "not connected": False,
    "bad gateway page": True,
}
DAY_LIMIT: Final = 12
PAGES: Final = 6


@dataclass
class Service:
    """Six pages of products, each request ending as the plan says. bill: by call, requests that may have cost one."""

    plan: list[str]
    call: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)
    delivered: Counter[int] = field(default_factory=Counter)
    bill: Counter[int] = field(default_factory=Counter)
    arrived: anyio.Event = field(default_factory=anyio.Event)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        page = int(parse_qs(request.url.query.decode())["page_num"][0])
        outcome = self.plan.pop(0) if self.plan else "answered"
        self.asked.append((self.call, page))
        self.bill[self.call] += OUTCOMES[outcome]
        self.arrived.set()
        await anyio.lowlevel.checkpoint()
        if outcome == "hangs":
            await anyio.sleep(0.02)
            raise httpx.ReadTimeout("no byte", request=request)
        if outcome == "cut":
            raise httpx.RemoteProtocolError("cut", request=request)
        if outcome == "read time-out":
            raise httpx.ReadTimeout("no byte", request=request)
        if outcome == "not connected":
            raise httpx.ConnectError("refused", request=request)
        if outcome == "server error":
            return httpx.Response(500, json={"code": 500, "message": "broken"})
        if outcome == "rate limited":
            return httpx.Response(429, json={"code": 429, "message": "slow down"}, headers={"retry-after": "0"})
        if outcome == "bad gateway page":
            return httpx.Response(502, text="<html>bad gateway</html>")
        self.delivered[page] += 1
        rows = [row(10 * page + number) for number in range(10 if page < PAGES else 4)]
        return httpx.Response(200, json={"code": 0, "message": "success", "data": rows, "requestId": f"r{page}"})


@dataclass(frozen=True)
class Call:
    """One scan. cancel_after: cancelled when the service has got so many requests of it; restart: before it; beside:
    credits of another scan of the same pages at the same time."""

    pages: int
    max_credits: int | None
    cancel_after: int | None
    restart: bool
    beside: int | None = None

    @property
    def budgets(self) -> list[int]:
        first = self.pages if self.max_credits is None else self.max_credits
        return [first] if self.beside is None else [first, self.beside]


calls = st.builds(
    Call,
    pages=st.integers(1, 7),
    max_credits=st.none() | st.integers(0, 7),
    cancel_after=st.none() | st.integers(1, 3),
    restart=st.booleans(),
    beside=st.none() | st.integers(0, 7),
)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "_SLOW_INTERVAL_S", 0.001)
    with stamina.set_testing(True, attempts=4):
        yield


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.sampled_from(sorted(OUTCOMES)), max_size=20), made=st.lists(calls, min_size=1, max_size=6))
@example(plan=["answered", "cut", "answered"], made=[Call(5, 3, None, False), Call(5, None, 1, True)] * 3)
@example(plan=["server error"] * 20, made=[Call(7, None, None, False)] * 4)
@example(plan=[], made=[Call(6, 1, None, False, beside=6)])
@example(plan=["server error"], made=[Call(6, 1, None, False, beside=6)])
@example(plan=["answered", "cut", "server error"], made=[Call(6, 3, None, False, beside=5)] * 2)
def test_no_limit_is_exceeded_and_no_page_is_paid_for_twice(plan: list[str], made: list[Call]) -> None:
    service = Service(list(plan))
    with TemporaryDirectory() as home:
        anyio.run(_run, service, made, Path(home))
    for number, call in enumerate(made):
        assert service.bill[number] <= sum(call.budgets)
    assert sum(service.bill.values()) <= DAY_LIMIT
    assert max(service.delivered.values(), default=0) <= 1


async def _run(service: Service, made: list[Call], home: Path) -> None:
    left = list(enumerate(made))
    settings: dict[str, Any] = {"home": home, "credits_per_day": DAY_LIMIT, "total_timeout_s": 5}
    while left:
        async with open_app(service, Clock(), **settings) as app:
            number, call = left.pop(0)
            await _call(app, service, number, call)
            while left and not left[0][1].restart:
                await _call(app, service, *left.pop(0))
            books = (await app._running_services().store.usage()).totals
            # Counted is what may have been spent: never less than the service's bill.
            assert books.today >= sum(service.bill.values())


async def _call(app: App, service: Service, number: int, call: Call) -> None:
    service.call, service.arrived = number, anyio.Event()
    told: list[int] = []

    async def scan(most: int) -> None:
        arguments: dict[str, Any] = {"region": "US", "pages": call.pages}
        if most != call.pages:
            arguments["max_credits"] = most
        try:
            answer = await app.call("scan_products", arguments)
        except KeyApiMcpError as error:
            spent, text = error.maybe_spent, as_text(error)
        else:
            spent, text = answer.spending.call + answer.spending.call_maybe, answer.text()
        told.append(spent)
        assert spent <= most
        # Nobody misses a page for want of credits who has some left.
        assert spent == most or "max_credits was spent" not in text
        assert "left of this call's limit" not in text

    async def change_mind() -> None:
        if call.cancel_after is not None:
            while sum(one == number for one, _ in service.asked) < call.cancel_after:
                await service.arrived.wait()
                service.arrived = anyio.Event()
            scans.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        async with anyio.create_task_group() as scans:
            tasks.start_soon(change_mind)
            for most in call.budgets:
                scans.start_soon(scan, most)
        tasks.cancel_scope.cancel()
    if len(told) == len(call.budgets):
        # What the answers say was spent is no less than the bill for the call.
        assert sum(told) >= service.bill[number]
