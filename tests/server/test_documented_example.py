"""The documented response through the whole server: a delisted product without sales, and the answer says just that."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from mcp import Client

from keyapi_mcp.app import App
from keyapi_mcp.settings import read_settings
from support.connections import ERAS, Era, Told

EXAMPLE = (Path(__file__).parents[1] / "data" / "response_example.json").read_bytes()
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


async def ask(era: Era) -> tuple[Told, list[httpx.Request]]:
    requests: list[httpx.Request] = []

    def service(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=EXAMPLE)

    app = App(read_settings(token="sk_live_example"), upstream=httpx.MockTransport(service), clock=lambda: NOW)
    async with app.running(), Client(app.server, mode=era) as client:
        return Told.of(await client.call_tool("search_products", {"region": "US"})), requests


@pytest.mark.anyio
@pytest.mark.parametrize("era", ERAS)
async def test_it_is_delisted_without_sales_and_nothing_is_made_up(era: Era) -> None:
    told, requests = await ask(era)
    assert len(requests) == 1
    assert requests[0].headers["authorization"] == "Bearer sk_live_example"
    assert not told.is_error
    assert not told.text.startswith("SANDBOX")
    assert "Notes: delisted: row 1; no sales in 30 d: row 1." in told.text
    heading, row = (line.split("|") for line in told.text.splitlines() if line.count("|") > 10)
    cells = dict(zip(heading, row, strict=True))
    assert cells["product_id"] == "1729873073559015752"
    assert cells["flags"].split()[0] == "delisted"
    assert cells["u7"] == cells["u30"] == "0"
    for unknown in ("growth %", "vid/live/oth %", "rating"):
        assert cells[unknown] == "", unknown
    assert cells["stage"] == "Unclear"
    assert "ended" not in told.text
    assert "this page was not full: the list ends here." in told.text


@pytest.mark.anyio
async def test_the_structured_form_says_the_same() -> None:
    told, _ = await ask("auto")
    assert told.structured is not None
    row: dict[str, Any] = dict(zip(told.structured["columns"], told.structured["rows"][0], strict=True))
    assert row["product_id"] == "1729873073559015752"
    assert row["units_30d"] == 0
    assert row["growth_7d"] is row["video_share"] is row["rating"] is None
    assert "delisted" in row["flags"]
    assert told.structured["notes"][0] == "Notes: delisted: row 1; no sales in 30 d: row 1."
