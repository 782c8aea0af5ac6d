"""Data of a sandbox is marked in every answer, also when it is only the base URL that leads to one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from keyapi_mcp.app import App
from support.sandbox_server import RunningSandbox, running_sandbox
from support.service import settings_for

pytestmark = pytest.mark.anyio
MARK = "SANDBOX (synthetic data) · "


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(products=60) as running:
        yield running


def questions(ids: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """One to every tool that reads what is kept."""
    return [
        ("search_products", {"region": "US"}),
        ("scan_products", {"region": "US", "pages": 1}),
        ("run_recipe", {"recipe": "creator-hot", "region": "US", "pages": 1}),
        ("get_product", {"product_id": ids[0]}),
        ("compare_products", {"product_ids": ids[:2]}),
        ("find_categories", {"text": "makeup"}),
        ("query_products", {"sql": "SELECT count(*) FROM products"}),
        ("get_usage", {}),
    ]


async def test_every_answer_over_a_sandbox_at_the_base_url_is_marked_also_after_a_restart(
    sandbox: RunningSandbox,
) -> None:
    async with (app := App(settings_for(sandbox.url))).running():
        found = (await app.call("search_products", {"region": "US"})).structured()
        ids = [row[found["columns"].index("product_id")] for row in found["rows"]]
    for _ in range(2):
        async with (app := App(settings_for(sandbox.url))).running():
            for tool, arguments in questions(ids):
                answer = await app.call(tool, arguments)
                assert answer.text().startswith(MARK), tool
                assert answer.structured()["scope"].startswith(MARK), tool
    assert len(sandbox.requests) == 2  # the search's and the recipe's, each once


async def test_a_service_that_is_no_sandbox_is_never_marked() -> None:
    row = {"product_id": "1729384501234567890", "product_name": "Lip oil", "total_sale_30d_cnt": 5}
    rows = [row, row | {"product_id": "1729384501234567891"}]

    def service(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"code": 0, "data": rows, "requestId": "r"})

    app = App(settings_for("https://service.example"), upstream=httpx.MockTransport(service))
    async with app.running():
        await app.call("find_categories", {"text": "makeup"})  # asked before anything is kept
        for tool, arguments in questions([str(one["product_id"]) for one in rows]):
            assert "SANDBOX" not in (await app.call(tool, arguments)).text(), tool
