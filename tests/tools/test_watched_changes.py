"""get_changes of the watch list: all that is watched, and what brings newer figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from support.changing_world import PRODUCTS, as_dicts, expected, fields_of, world
from support.kept import Clock, Service, open_app, product_id, row
from support.recipes import found_by
from support.sandbox_server import DAY, RunningSandbox, running_sandbox

pytestmark = pytest.mark.anyio

UNKNOWN: Final = "1729384501234567890"


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=PRODUCTS) as running:
        yield running


async def test_watched_products_are_all_told_whether_they_moved_or_not(served: RunningSandbox) -> None:
    async with world(served) as it:
        await it.visit(0, 12)
        wanted = expected(it.seen, None)
        still = [key for key in it.seen if key not in wanted]
        chosen = [*sorted(wanted, key=lambda key: key[1])[:6], *still[:4]]
        await it.app.call("watch_products", {"action": "add", "product_ids": [key[1] for key in chosen] + [UNKNOWN]})
        rows = as_dicts(answer := await it.changes(scope="watch"))
        assert [told["product_id"] for told in rows][-1] == UNKNOWN
        assert {(told["region"], told["product_id"]) for told in rows[:-1]} == set(chosen)
        assert [told["severity"] not in (None, "none") for told in rows] == [True] * 6 + [False] * (len(rows) - 6)
        assert answer.facts["known"] == len(chosen)
        assert answer.facts["never_seen"] == 1
        region = as_dicts(here := await it.changes(scope="watch", region="TH"))
        assert {told["region"] for told in region} == {"TH", None}
        away = len([key for key in chosen if key[0] != "TH"])
        assert f"{away} watched were seen in other markets only; without region they are here, too." in here.notes


async def test_what_has_no_newer_figures_names_the_search_that_brings_them_and_the_search_does(
    served: RunningSandbox,
) -> None:
    async with world(served) as it:
        filters = {"min_product_commission_rate": 0.05, "min_spu_avg_price": 5.5, "page_num": 2}
        ids = await it.search("US", **filters)
        await it.app.call("watch_products", {"action": "add", "product_ids": ids})
        assert "No newer figures" not in (await it.changes(scope="watch")).text()
        it.go_to(1)
        answer = await it.changes(scope="watch")
        assert answer.notes[1] == (
            "No newer figures yet; what returned them last, and what asking again costs: rows 1–10: search_products "
            "region=US min_spu_avg_price=5.5 min_product_commission_rate=0.05 page_num=2 (1 credit)."
        )
        words = answer.notes[1].split("search_products ")[1].removesuffix(" (1 credit).").split(" ")
        spent = len(it.sandbox.requests)
        again = await it.search(**dict(word.split("=") for word in words))
        assert len(it.sandbox.requests) == spent + 1
        assert set(again) & set(ids)
        left = sorted(set(ids) - set(again))
        told = (await it.changes(scope="watch")).text()
        assert ("No newer figures" in told) == bool(left)


async def test_a_recipe_is_named_with_its_credits_and_a_pruned_search_by_what_stays(served: RunningSandbox) -> None:
    async with world(served) as it:
        ids = await it.search()
        first, second, third = ids[:3]
        await found_by(it.store, "breaking-out", first, pages=3)
        await found_by(it.store, "breaking-out", UNKNOWN, region="GB", pages=1)
        await it.app.call("watch_products", {"action": "add", "product_ids": [first, second, third, UNKNOWN]})
        it.go_to(2)
        await it.store.database.run(lambda connection: connection.exec_driver_sql("DELETE FROM searches"))
        answer = await it.changes(scope="watch")
        order = [told["product_id"] for told in as_dicts(answer)]
        (note,) = [one for one in answer.notes if one.startswith("No newer figures")]
        assert f"row {order.index(first) + 1}: run_recipe recipe=breaking-out region=US pages=3 (3 credits)" in note
        assert "row 4: run_recipe recipe=breaking-out region=GB pages=1 (1 credit)" in note
        for one in (second, third):
            seen = fields_of("US", one, DAY)["first_crawl_dt"]
            assert f"row {order.index(one) + 1}: search_products region=US category_l" in note
            assert f"min_first_crawl_dt={seen} max_first_crawl_dt={seen} (1 credit a page)" in note


async def test_of_many_searches_some_are_named_and_the_rest_is_pointed_to() -> None:
    service, clock = Service(), Clock()
    async with open_app(service, clock) as app:
        for page in range(1, 7):
            service.rows = [row(page)]
            await app.call("search_products", {"region": "US", "page_num": page})
        ids = [product_id(page) for page in range(1, 7)]
        await app.call("watch_products", {"action": "add", "product_ids": ids})
        clock.pass_days(2)
        notes = (await app.call("get_changes", {"scope": "watch"})).notes
        (calls,) = [one for one in notes if one.startswith("No newer figures")]
        assert calls.count("search_products") == 4
        (rest,) = [one for one in notes if one.startswith("For rows ")]
        assert rest.endswith("get_product names a search each.")
