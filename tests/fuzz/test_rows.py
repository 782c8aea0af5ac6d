"""Whatever the service sends as a row: it is a product or broken, its figures are finite, and the answer stands."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterator
from typing import Any, Final

import anyio.from_thread
import httpx2 as httpx
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_mcp.app import App
from keyapi_mcp.product import WINDOWS, BrokenRow, Product
from support.kept import Service, open_app, product_id, row
from support.products import ANY_VALUE

FIELDS: Final = (*row(), "product_cover_url", "product_img_url", "desc_detail", "specification", "sku_detail", "new")
_TEXTS: Final = st.text(max_size=30) | st.sampled_from(
    ["|", "a\nb", "\u202e", "<b>", "[x](http://y)", "\x00", "😀" * 9]
)
_json: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS | ANY_VALUE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)
_rows: Final = st.dictionaries(st.sampled_from(FIELDS) | _TEXTS, _json, max_size=8)
# Every way to read a product that needs nothing, and those that need a window.
_PLAIN: Final = [name for name, one in inspect.getmembers(Product) if isinstance(one, property)]
_BY_WINDOW: Final = ("units", "gmv", "videos", "video_units", "video_gmv", "lives", "live_units", "live_gmv", "views")


@given(_json | _rows)
def test_any_json_is_a_product_or_a_broken_row(raw: Any) -> None:
    try:
        product = Product(raw)
    except BrokenRow:
        return
    values = [getattr(product, name) for name in _PLAIN]
    values += [getattr(product, name)(days) for name in _BY_WINDOW for days in (*WINDOWS, None)]
    values += [product.creators_active(days) for days in WINDOWS]
    for value in values:
        if isinstance(value, int | float):
            assert math.isfinite(value)
            assert value >= 0


class Loose(Service):
    """Sends numbers that JSON does not have, too: Python's own reader takes them."""

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        body = {"code": 0, "message": "success", "data": self.rows, "requestId": "r"}
        return httpx.Response(200, content=json.dumps(body).encode())


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with anyio.from_thread.start_blocking_portal() as opened:
        yield opened


@pytest.fixture(scope="module")
def served(portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Service]]:
    service = Loose()
    limits: dict[str, Any] = {"credits_per_day": "off", "credits_per_month": "off"}
    manager = open_app(service, fresh_s=0, home=tmp_path_factory.mktemp("rows"), **limits)
    with portal.wrap_async_context_manager(manager) as app:
        yield app, service


def answered(served: tuple[App, Service], portal: BlockingPortal, rows: list[Any]) -> None:
    """A page of these rows, all tools over it: every answer stands, in both forms."""
    app, service = served
    service.rows = [*rows, row(1)]
    calls = (
        ("search_products", {"region": "US"}),
        ("get_product", {"product_id": product_id(2)}),
        ("compare_products", {"product_ids": [product_id(1), product_id(2)]}),
        ("query_products", {"sql": "SELECT * FROM products ORDER BY gmv_30d_usd DESC LIMIT 5"}),
    )
    for name, arguments in calls:
        answer = portal.call(app.call, name, arguments)
        text = answer.text()
        json.dumps(answer.structured(), allow_nan=False)
        assert all(character.isprintable() or character == "\n" for character in text)
        if name == "search_products":
            table = [line for line in text.split("\n") if line.count("|") > 5]
            assert len({line.count("|") for line in table}) == 1, "a cell was broken out of"
            assert len(table) == 1 + len(answer.structured()["rows"])


_pages: Final = st.lists(_rows.map(lambda one: {**row(2), **one, "product_id": product_id(2)}), min_size=1, max_size=1)


@settings(max_examples=25)
@given(rows=_pages)
def test_a_page_of_any_rows_is_answered_and_kept_by_every_tool(
    rows: list[Any], served: tuple[App, Service], portal: BlockingPortal
) -> None:
    answered(served, portal, rows)


@pytest.mark.slow
@settings(max_examples=200)
@given(rows=_pages)
def test_many_pages_of_any_rows_are_answered_and_kept_by_every_tool(
    rows: list[Any], served: tuple[App, Service], portal: BlockingPortal
) -> None:
    answered(served, portal, rows)
