"""An answer stays within its budget of tokens, in both forms, whatever the language of the names."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import httpx2 as httpx
import pytest

from keyapi_mcp.app import App
from keyapi_mcp.commands.schemas import token_counter
from keyapi_mcp.sandbox.app import create_app
from keyapi_mcp.settings import read_settings

REGIONS = ("US", "GB", "TH", "VN", "ID", "JP", "MX", "DE")
QUESTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"page_num": 2},
    {"category_id": "601450", "sales_trend_flag": 1, "min_total_sale_30d_cnt": 50},
)
AVERAGE, MOST = 1_000, 1_200


@pytest.mark.anyio
async def test_a_page_of_ten_is_at_most_a_thousand_tokens_on_average_in_either_form() -> None:
    sandbox = create_app(products=4000, today=lambda: date(2026, 11, 22))
    tokens = token_counter()
    assert tokens is not None
    app = App(
        read_settings(sandbox=True, min_interval_s=0),
        upstream=httpx.ASGITransport(sandbox),
        clock=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC),
    )
    texts, structures = [], []
    async with app.running():
        for region in REGIONS:
            for question in QUESTIONS:
                answer = await app.call("search_products", {"region": region, **question})
                if len(answer.structured()["rows"]) < 10:
                    continue
                # A kept answer also says from when it is.
                for given in (answer, await app.call("search_products", {"region": region, **question})):
                    texts.append(tokens(given.text()))
                    structures.append(tokens(as_clients_show_it(given.structured())))
    assert len(texts) >= 2 * 20
    for sizes in (texts, structures):
        assert sum(sizes) / len(sizes) <= AVERAGE
        assert max(sizes) <= MOST


def as_clients_show_it(structured: dict[str, Any]) -> str:
    """What `JSON.stringify` makes of it."""
    return json.dumps(structured, ensure_ascii=False, separators=(",", ":"))
