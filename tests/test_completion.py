"""Completion of what is typed into a prompt's form or a resource's address."""

from __future__ import annotations

import pytest
from mcp import Client, MCPError
from mcp_types import INVALID_PARAMS, PromptReference, ResourceTemplateReference

from keyapi_mcp import completion
from keyapi_mcp.reference import categories, regions
from support.connections import ERAS, Era
from support.kept import Service, connected, open_app, product_id, row

pytestmark = pytest.mark.anyio

TEMPLATE = ResourceTemplateReference(uri="keyapi://product/{region}/{product_id}")
each_era = pytest.mark.parametrize("era", ERAS)


async def completed(client: Client, name: str, value: str, **others: str) -> tuple[list[str], int | None, bool | None]:
    found = (await client.complete(TEMPLATE, {"name": name, "value": value}, others or None)).completion
    return found.values, found.total, found.has_more


@each_era
@pytest.mark.parametrize(
    ("value", "codes"),
    [
        ("", list(regions.KNOWN)),
        ("u", ["US", "GB"]),
        ("US", ["US"]),
        ("th", ["TH"]),
        ("united k", ["GB"]),
        ("UK", ["GB"]),
        ("ger", ["DE"]),
        ("X", []),
        ("Atlantis", []),
    ],
)
async def test_regions_are_completed_by_code_and_by_name(value: str, codes: list[str], era: Era) -> None:
    async with connected(era=era) as client:
        assert await completed(client, "region", value) == (codes, len(codes), False)


@each_era
async def test_product_ids_are_completed_from_the_store_best_sellers_first(era: Era) -> None:
    async with connected(*map(row, range(10)), era=era) as client:
        best_first = [product_id(number) for number in range(9, -1, -1)]
        assert await completed(client, "product_id", "1729") == (best_first, 10, False)
        assert await completed(client, "product_id", "", region="us") == (best_first, 10, False)
        assert await completed(client, "product_id", product_id(3)) == ([product_id(3)], 1, False)
        for value, others in (
            ("18", {}),
            ("1729", {"region": "GB"}),
            ("1729", {"region": "Atlantis"}),
            ("17%", {}),
            ("lip", {}),
            ("' OR 1=1 --", {}),
        ):
            assert await completed(client, "product_id", value, **others) == ([], 0, False), value


async def test_at_most_a_hundred_values_come_and_it_is_told_that_there_are_more() -> None:
    service = Service()
    async with open_app(service) as app, Client(app.server) as client:
        for page in range(1, 13):
            service.rows = [row(number) for number in range(10 * page, 10 * page + 10)]
            await app.call("search_products", {"region": "US", "page_num": page})
        values, total, more = await completed(client, "product_id", "1")
        assert (len(values), total, more) == (100, 120, True)
        assert values[0] == product_id(129)


async def test_values_that_are_there_already_are_not_counted_as_more() -> None:
    async with connected(row(1), row(2)) as client:
        ref = PromptReference(name="compare_shortlist")
        found = (await client.complete(ref, {"name": "product_ids", "value": f"{product_id(1)},17"})).completion
        assert (found.values, found.total, found.has_more) == ([f"{product_id(1)}, {product_id(2)}"], 1, False)


@each_era
@pytest.mark.parametrize(
    ("ref", "name"),
    [
        (ResourceTemplateReference(uri="keyapi://schema"), "region"),
        (ResourceTemplateReference(uri="keyapi://product/US/{product_id}"), "product_id"),
        (PromptReference(name="anything"), "region"),
        (PromptReference(name="check_niche"), "product_id"),
        (TEMPLATE, "category"),
        (TEMPLATE, ""),
        (TEMPLATE, "region}/{product_id"),
    ],
)
async def test_what_has_no_such_argument_is_an_error(
    ref: ResourceTemplateReference | PromptReference, name: str, era: Era
) -> None:
    async with connected(era=era) as client:
        with pytest.raises(MCPError) as refused:
            await client.complete(ref, {"name": name, "value": ""})
        assert refused.value.code == INVALID_PARAMS


async def test_categories_are_completed_by_names_that_are_understood_as_arguments() -> None:
    async with open_app(Service()) as app:
        store = app._running_services().store

        async def complete(argument: str, begun: str) -> list[str]:
            values, total = await completion.complete(argument, begun, {}, store, ())
            assert len(values) == min(total, completion.MOST_COMPLETIONS)
            return values

        departments = [one.name for one in categories.top_level()]
        assert await complete("category", "") == await complete("category_id", "") == departments
        assert (await complete("category", "beau"))[0] == "Beauty & Personal Care"
        assert (await complete("category", "lipstik"))[0] == "Lipstick & Lip Gloss"
        assert await complete("category_id", "lipstik") == []
        assert await complete("other", "lip") == []
        for argument, level in (("category_id", 1), ("category_l2_id", 2), ("category_l3_id", 3)):
            for begun in ("", "s", "dress", "women"):
                for value in await complete(argument, begun):
                    understood = categories.resolve(value, level)
                    assert understood.id is not None, value
                    assert (understood.level, understood.moved) == (level, False), value
