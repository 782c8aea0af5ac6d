"""What a client sees is the same over memory, stdio, SSE and streamable HTTP, in both protocol eras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from keyapi_mcp import __version__
from keyapi_mcp.app import INSTRUCTIONS
from keyapi_mcp.sandbox.faults import Fault
from support.connections import Connection, Everywhere, Told

FOLDER = Path(__file__).parents[2] / "tool_schemas"
LISTED = [entry["file"] for entry in json.loads((FOLDER / "index.json").read_text("utf-8"))["tools"]]
SCHEMAS = [json.loads((FOLDER / name).read_text("utf-8")) for name in LISTED]
ASKED = {"region": "US", "category_id": "Beauty & Personal Care", "min_total_sale_30d_cnt": "100"}


def ids(told: Told) -> list[str]:
    """The product ids of an answer, the same in both of its forms."""
    assert told.structured is not None
    column = told.structured["columns"].index("product_id")
    structured = [row[column] for row in told.structured["rows"]]
    in_text = [line.split("|")[1] for line in told.text.splitlines() if line.count("|") > 10][1:]
    assert in_text == structured
    return structured


def test_the_tools_are_listed_as_their_schema_files_say(servers: Everywhere) -> None:
    async def listed(connection: Connection) -> Any:
        return (await connection.client.list_tools()).tools

    for connection, tools in servers.each(listed):
        seen = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]
        assert seen == SCHEMAS, connection.name


def test_name_version_instructions_and_only_the_capabilities_there_are(servers: Everywhere) -> None:
    async def introduced(connection: Connection) -> Any:
        client = connection.client
        return client.server_info, client.instructions, client.server_capabilities

    for connection, (info, instructions, capabilities) in servers.each(introduced):
        assert (info.name, info.version) == ("keyapi-mcp", __version__), connection.name
        assert instructions == INSTRUCTIONS, connection.name
        given = capabilities.model_dump(exclude_none=True)
        assert set(given) == {"tools", "resources", "prompts", "completions"}, connection.name


def test_each_era_is_the_one_asked_for(servers: Everywhere) -> None:
    async def version(connection: Connection) -> str:
        return connection.client.protocol_version

    for connection, spoken in servers.each(version):
        assert spoken == ("2025-11-25" if connection.name.endswith("legacy") else "2026-07-28"), connection.name


def test_a_question_costs_one_request_and_is_answered_in_both_forms(servers: Everywhere) -> None:
    for connection, told in servers.each(lambda one: one.call({**ASKED, "page_num": 1})):
        assert not told.is_error, connection.name
        assert len(ids(told)) == 10, connection.name
        assert all(len(one) == 19 and one.isdigit() for one in ids(told)), connection.name
        assert told.structured is not None
        assert told.structured["scope"] == told.text.splitlines()[0]
        assert told.structured["credits"]["call"] == 1, connection.name
        assert "Credits: 1 for this call" in told.text, connection.name
        (request,) = connection.sandbox.requests
        assert request["params"] == {
            "region": "US",
            "category_id": "601450",
            "min_total_sale_30d_cnt": "100",
            "product_sort_field": "7",
            "sort_type": "1",
            "page_num": "1",
            "page_size": "10",
        }, connection.name


def test_the_same_question_again_costs_nothing_and_says_from_when_it_is(servers: Everywhere) -> None:
    first = {connection.name: ids(told) for connection, told in servers.each(lambda one: one.call(ASKED))}
    for connection, told in servers.each(lambda one: one.call(dict(reversed(ASKED.items())))):
        assert connection.sandbox.requests == [], connection.name
        assert ids(told) == first[connection.name]
        assert "Credits: 0 for this call (kept answer)" in told.text, connection.name
        assert " UTC (" in told.text.splitlines()[0], connection.name


def test_many_at_once_share_one_request_and_one_credit(servers: Everywhere) -> None:
    async def crowd(connection: Connection) -> list[Told]:
        answers: list[Told] = []

        async def one() -> None:
            answers.append(await connection.call({"region": "GB", "sales_trend_flag": 1}))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(one)
        return answers

    for connection, answers in servers.each(crowd):
        assert len(connection.sandbox.requests) == 1, connection.name
        assert sum("Credits: 1 for this call" in told.text for told in answers) == 1, connection.name
        assert len({tuple(ids(told)) for told in answers}) == 1, connection.name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"region": "US", "keyword": "lip oil"}, "no keyword search"),
        ({"region": "US", "page_size": 50}, "page_size: at most 10"),
        ({"region": "US", "page_num": 0}, "page_num: pages start at 1"),
        ({"region": "US", "min_product_commission_rate": 12}, "for 12 % send 0.12"),
        ({"region": "US", "min_spu_avg_price": 20, "max_spu_avg_price": 10}, "exchange them"),
        ({"region": "US", "min_first_crawl_dt": "2026-02-30"}, "is no day of the calendar"),
        ({"region": "US", "sales_flag": True}, "sales_flag: true is no value of"),
        ({"region": "US", "min_total_sale_30d": 5}, "The nearest is min_total_sale_30d_cnt"),
        ({"region": "United Kingdon"}, "two-letter country code"),
        ({"region": "US", "category_id": "Makeupp"}, "category_l2_id 848648"),
        ({}, "region: is required"),
    ],
)
def test_a_mistake_is_an_error_that_tells_the_fix_and_sends_nothing(
    arguments: dict[str, Any], said: str, servers: Everywhere
) -> None:
    for connection, told in servers.each(lambda one: one.call(arguments)):
        assert told.is_error, connection.name
        assert said in told.text, connection.name
        assert "Credits: none spent." in told.text, connection.name
        assert told.structured is None, connection.name
        assert connection.sandbox.requests == [], connection.name


def test_an_unknown_tool_is_an_error_that_names_those_there_are(servers: Everywhere) -> None:
    for connection, told in servers.each(lambda one: one.call({}, tool="find_products")):
        assert told.is_error, connection.name
        assert "the tools are: search_products, " in told.text, connection.name


def test_nothing_past_the_end_is_an_empty_result_and_no_error(servers: Everywhere) -> None:
    for connection, told in servers.each(lambda one: one.call({"region": "US", "page_num": 9_000})):
        assert not told.is_error, connection.name
        assert ids(told) == [], connection.name
        assert "the list ends before it" in told.text, connection.name


def test_no_match_says_what_was_searched_and_what_to_relax(servers: Everywhere) -> None:
    asked = {"region": "US", "min_total_sale_30d_cnt": 10**9, "free_shipping": 1}
    for connection, told in servers.each(lambda one: one.call(asked)):
        assert not told.is_error, connection.name
        assert "no product matches all of: units 30 d ≥ 1,000,000,000; free shipping: yes" in told.text


def test_a_cancelled_call_is_still_paid_once_and_the_connection_stays_usable(servers: Everywhere) -> None:
    asked = {"region": "MX"}

    async def cancelled(connection: Connection) -> Told:
        connection.sandbox.faults.push(Fault("delay", seconds=1))
        with anyio.move_on_after(0.3) as scope:
            await connection.client.call_tool("search_products", asked)
        assert scope.cancelled_caught
        return await connection.call(asked)

    for connection, told in servers.each(cancelled):
        assert len(ids(told)) == 10, connection.name
        assert len(connection.sandbox.requests) == 1, connection.name
