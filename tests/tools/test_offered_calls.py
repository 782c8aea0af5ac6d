"""A call that an answer offers is never one that the server itself refuses, and costs what is said."""

from __future__ import annotations

import re
from typing import Any

import pytest

from keyapi_mcp.errors import InvalidQuery
from support.kept import Clock, open_app
from support.pages import Listing, rows

pytestmark = pytest.mark.anyio

LISTED = rows(150)
SCAN: dict[str, Any] = {"region": "US", "pages": 15}


def offered(words: str) -> dict[str, str]:
    """The arguments that it names."""
    return dict(re.findall(r"(\w+)=([\w-]+)", words))


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (10, "a call with max_credits=10 reads what is missing or old (10 credits a call, 13 in all at most)."),
        (1, "a call with max_credits=1 reads what is missing or old (1 credit a call, 13 in all at most)."),
        ("off", "a call with max_credits=13 reads what is missing or old (13 credits at most)."),
    ],
)
@pytest.mark.parametrize("tool", ["scan_products", "run_recipe"])
async def test_for_0_credits_what_is_missing_is_offered_within_the_limit_of_a_call(
    tool: str, limit: int | str, words: str
) -> None:
    question = SCAN | ({"recipe": "hidden-gem"} if tool == "run_recipe" else {})
    listing = Listing(LISTED)
    async with open_app(listing, credits_per_call=limit) as app:
        for _ in range(2):
            await app.call(tool, question | {"max_credits": 1} | ({"pages": 1} if not listing.asked else {}))
        answer = await app.call(tool, question | {"max_credits": 0})
        assert answer.next_step == words
        asked = len(listing.asked)
        again = await app.call(tool, question | offered(answer.next_step))
        assert again.spending.call == len(listing.asked) - asked == int(offered(words)["max_credits"])


@pytest.mark.parametrize(("pages", "offer"), [(10, {}), (11, {"max_credits": "10"})])
async def test_with_nothing_kept_a_call_that_asks_is_offered_within_the_limit(
    pages: int, offer: dict[str, str]
) -> None:
    async with open_app(Listing(LISTED)) as app:
        question: dict[str, Any] = {"region": "US", "pages": pages}
        with pytest.raises(InvalidQuery) as refused:
            await app.call("scan_products", question | {"max_credits": 0})
        assert refused.value.next_step.startswith(f"with{'' if offer else 'out'} max_credits")
        assert offered(refused.value.next_step) == offer
        assert (await app.call("scan_products", question | offer)).spending.call == 10


async def test_the_same_call_again_is_said_to_cost_no_more_than_it_may() -> None:
    listing = Listing(LISTED)
    async with open_app(listing) as app:
        question = SCAN | {"pages": 5, "max_credits": 2}
        told = [(await app.call("scan_products", question)).next_step for _ in range(3)]
    again = "the same call again reads on and pays only for what is missing"
    assert told[0] == f"{again} (2 credits a call, 3 in all at most)."
    assert told[1] == f"{again} (1 credit at most)."
    assert told[2].startswith("get_product")


async def test_where_no_call_may_ask_the_setting_is_named() -> None:
    listing = Listing(LISTED)
    async with open_app(listing) as app:
        await app.call("scan_products", SCAN | {"pages": 1})
    async with open_app(listing, credits_per_call=0) as app:
        answer = await app.call("scan_products", SCAN | {"max_credits": 0})
        with pytest.raises(InvalidQuery) as refused:
            await app.call("scan_products", {"region": "GB", "max_credits": 0})
    assert refused.value.next_step.startswith("KEYAPI_MCP_CREDITS_PER_CALL allows no call to ask the service; ")
    assert answer.next_step == "KEYAPI_MCP_CREDITS_PER_CALL allows no call to ask the service; raising it does."


async def test_a_recipe_that_found_a_watched_product_is_offered_within_the_limit_of_a_call() -> None:
    listing, clock = Listing(LISTED), Clock()
    async with open_app(listing, clock) as app:
        question = {"recipe": "hidden-gem", "region": "US", "pages": 14, "max_credits": 10}
        for _ in range(2):
            await app.call("run_recipe", question)
        await app.call("watch_products", {"action": "add", "product_ids": [LISTED[0]["product_id"]]})
        clock.pass_days(1)
        (note,) = [
            note
            for note in (await app.call("get_changes", {"scope": "watch"})).notes
            if note.startswith("No newer figures")
        ]
        call = "run_recipe recipe=hidden-gem region=US pages=14 max_credits=10 (10 a call, 14 credits in all)"
        assert note.endswith(f"row 1: {call}.")
        asked = len(listing.asked)
        assert (await app.call("run_recipe", offered(note))).spending.call == len(listing.asked) - asked == 10
