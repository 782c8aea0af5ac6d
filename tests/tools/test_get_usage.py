"""get_usage through the whole server: what was spent and saved, over days, failures, restarts and several servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from mcp import Client

from keyapi_mcp.app import App
from keyapi_mcp.errors import KeyApiMcpError
from support.connections import ERAS, Era, Told
from support.kept import Clock, Service, open_app, row

pytestmark = pytest.mark.anyio

SEARCH = {"region": "US"}


async def usage(app: App, era: Era = "auto") -> Told:
    async with Client(app.server, mode=era) as client:
        told = Told.of(await client.call_tool("get_usage", {}))
    assert not told.is_error, told.text
    return told


async def facts(app: App) -> dict[str, Any]:
    told = await usage(app)
    assert told.structured is not None
    found: dict[str, Any] = told.structured["facts"]
    return found


async def days(app: App) -> list[list[Any]]:
    told = await usage(app)
    assert told.structured is not None
    return [list(cells) for cells in told.structured["rows"]]


class Failing(Service):
    """Answers with these statuses first."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(row(0))
        self.statuses = list(statuses)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = super().__call__(request)
        return httpx.Response(self.statuses.pop(0), json={"code": 1, "message": "x"}) if self.statuses else answer


@pytest.mark.parametrize("era", ERAS)
async def test_an_empty_store_is_told_as_such_for_nothing(era: Era) -> None:
    service = Service()
    async with open_app(service) as app:
        told = await usage(app, era)
        assert "Counted: 0 today, 0 this month." in told.text
        assert "0 products, 0 snapshots, 0 searches" in told.text
        assert told.structured is not None
        assert told.structured["rows"] == []
        assert told.structured["credits"]["call"] == 0
        assert service.requests == []


async def test_what_was_paid_and_what_was_saved_is_counted_by_day() -> None:
    clock = Clock()
    service = Service(row(0), row(1))
    async with open_app(service, clock) as app:
        for arguments in (SEARCH, SEARCH, {"region": "GB"}, SEARCH):
            await app.call("search_products", arguments)
        assert len(service.requests) == 2
        assert await days(app) == [["2026-11-23", 2, 0, 2]]
        clock.pass_days(1)
        service.rows = [row(0, total_sale_7d_cnt=99), row(1)]
        for arguments in (SEARCH, SEARCH):
            await app.call("search_products", arguments)
        assert await days(app) == [["2026-11-24", 1, 0, 1], ["2026-11-23", 2, 0, 2]]
        found = await facts(app)
        assert (found["today"], found["this_month"], found["saved_14d"]) == (1, 3, 3)
        assert (found["left_today"], found["left_this_month"]) == (199, 2_997)
        assert (found["products"], found["searches"]) == (4, 3)
        assert (found["first_day"], found["last_day"]) == ("2026-11-22", "2026-11-23")
        assert found["size_bytes"] > 10_000
        assert found["store"].endswith(".sqlite")


async def test_days_longer_ago_than_two_weeks_are_left_out_and_another_month_counts_anew() -> None:
    clock = Clock()
    async with open_app(Service(row(0)), clock) as app:
        for _ in range(3):
            await app.call("search_products", SEARCH)
            clock.pass_days(7)
        clock.pass_days(-7)  # 2026-12-07
        assert [day for day, *_ in await days(app)] == ["2026-12-07", "2026-11-30"]
        found = await facts(app)
        assert (found["today"], found["this_month"]) == (1, 1)


async def test_what_may_have_been_paid_is_told_apart() -> None:
    service = Failing(500, 500, 500, 401)
    async with open_app(service, fresh_s=0) as app:
        for _ in range(2):
            with pytest.raises(KeyApiMcpError):
                await app.call("search_products", SEARCH)
        await app.call("search_products", SEARCH)
        assert len(service.requests) == 5
        # Refused requests are free; of failed ones nobody knows.
        assert await days(app) == [["2026-11-23", 1, 3, 0]]
        told = await usage(app)
        assert "Counted: 4 today" in told.text
        assert "4 today (3 of them unknown)" in told.text


async def test_what_was_saved_survives_the_server_and_is_shared_by_several_on_one_file() -> None:
    service = Service(row(0))
    async with open_app(service) as first, open_app(service) as second:
        await first.call("search_products", SEARCH)
        await second.call("search_products", SEARCH)
        await second.call("search_products", SEARCH)
        await first.call("search_products", SEARCH)
        # Each writes down its own with the next thing that it writes, at the latest at its end.
        assert await days(second) == [["2026-11-23", 1, 0, 2]]
        assert await days(first) == [["2026-11-23", 1, 0, 3]]
        await second.call("search_products", SEARCH)
    assert len(service.requests) == 1
    async with open_app(service) as third:
        assert await days(third) == [["2026-11-23", 1, 0, 4]]
        await third.call("search_products", SEARCH)
    async with open_app(service) as fourth:
        assert await days(fourth) == [["2026-11-23", 1, 0, 5]]
    assert len(service.requests) == 1


async def test_limits_that_are_off_are_said() -> None:
    async with open_app(Service(row(0)), credits_per_day="off", credits_per_month="off") as app:
        told = await usage(app)
        assert "KEYAPI_MCP_CREDITS_PER_CALL 10, KEYAPI_MCP_CREDITS_PER_DAY off" in told.text
        assert "no limit set" in told.text
        assert told.structured is not None
        assert "left" not in told.structured["credits"]


async def test_a_store_in_memory_says_so(tmp_path: Path) -> None:
    async with open_app(Service(row(0)), store="memory") as app:
        await app.call("search_products", SEARCH)
        told = await usage(app)
        assert "Store (memory): 1 products" in told.text
        assert "left within your limits of this process" in told.text
        assert await days(app) == [["2026-11-23", 1, 0, 0]]


async def test_arguments_are_refused_with_a_plain_word() -> None:
    async with open_app(Service()) as app, Client(app.server) as client:
        told = Told.of(await client.call_tool("get_usage", {"days": 30}))
        assert told.is_error
        assert '"days": unknown parameter. There are none.' in told.text
