"""find_categories: names to ids over all levels, with what is in the store already, whatever state that is in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from keyapi_mcp.app import App
from keyapi_mcp.commands.schemas import token_counter
from keyapi_mcp.reference import categories
from support.connections import ERAS, Era, Told
from support.kept import Service, open_app, row

pytestmark = pytest.mark.anyio


async def ask(app: App, era: Era = "auto", **arguments: Any) -> Told:
    async with Client(app.server, mode=era) as client:
        return Told.of(await client.call_tool("find_categories", arguments))


def listed(told: Told) -> list[dict[str, Any]]:
    """The rows of an answer, the same in both of its forms."""
    assert not told.is_error, told.text
    assert told.structured is not None
    columns, rows = told.structured["columns"], told.structured["rows"]
    if rows:
        assert told.text.split("\n")[1 : len(rows) + 2] == ["|".join(map(str, line)) for line in (columns, *rows)]
    assert told.structured["scope"] == told.text.split("\n")[0]
    return [dict(zip(columns, cells, strict=True)) for cells in rows]


@pytest.mark.parametrize("era", ERAS)
async def test_a_name_leads_to_an_id_its_parameter_and_its_path_for_nothing(era: Era) -> None:
    service = Service()
    async with open_app(service) as app:
        told = await ask(app, era, text="lip treatments", region="us")
        assert listed(told)[0] == {
            "parameter": "category_l3_id",
            "id": "601595",
            "path": "Beauty & Personal Care > Skincare > Lip Treatments",
        }
        assert "Next: search_products with region=US, category_l3_id=601595 (Lip Treatments)." in told.text
        assert "Credits: 0 for this call" in told.text
        assert told.structured is not None
        assert told.structured["credits"] == {"call": 0, "today": 0, "left": 200}
        assert service.requests == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Beauty & Personal Care", "601450"),
        ("beauty and personal care", "601450"),
        ("care personal beauty", "601450"),
        ("601450", "601450"),
        (" 848648 ", "848648"),
        ("makup brushes", "852880"),
        ("brushes makeup", "852880"),
        ("treatments, lip", "601595"),
        ("lipstik", "601534"),
        ("Skincare > Lip Treatments", "601595"),
        ("yoga", "603084"),
        ("Other", "600139"),
    ],
)
async def test_typing_mistakes_word_order_paths_and_ids_are_understood(text: str, first: str) -> None:
    async with open_app(Service()) as app:
        found = listed(await ask(app, text=text))
        known = categories.by_id(first)
        assert known is not None, "the list has changed"
        assert found[0]["id"] == first, [one["path"] for one in found]
        assert found[0]["path"] == categories.path(known)


async def test_exact_names_come_before_those_that_are_only_near() -> None:
    async with open_app(Service()) as app:
        for text in ("Dresses", "Socks", "Underwear", "Bags"):
            found = listed(await ask(app, text=text))
            same = [one.name == text for one in categories.everything()].count(True)
            names = [one["path"].rpartition(" > ")[2] for one in found]
            assert names[:same] == [text] * same, names
            assert len({one["id"] for one in found}) == len(found)


async def test_all_directly_below_the_one_category_that_is_named_are_listed() -> None:
    wanted = {one.id for one in categories.everything() if one.parent_id == "601450"}
    async with open_app(Service()) as app:
        for text in ("beauty & personal care", "601450"):
            told = await ask(app, text=text)
            first, *below = listed(told)
            assert first["id"] == "601450"
            assert {one["id"] for one in below} == wanted
            assert {one["parameter"] for one in below} == {"category_l2_id"}
            assert f" · it and all {len(wanted)} directly below it" in told.text.split("\n")[0]
            assert "(Beauty & Personal Care), or a row's own parameter and id; " in told.text


async def test_what_is_below_the_nearest_is_pointed_to() -> None:
    async with open_app(Service()) as app:
        told = await ask(app, text="beauty")
        assert listed(told)[0]["id"] == "601450"
        count = len(categories.children("601450"))
        assert f"find_categories with text=601450 lists all {count} directly below it." in told.text


async def test_the_longest_list_below_a_category_has_room() -> None:
    tokens = token_counter()
    assert tokens is not None
    largest = max(categories.everything(), key=lambda one: len(categories.children(one.id)))
    async with open_app(Service(row(0))) as app:
        await app.call("search_products", {"region": "US"})
        told = await ask(app, text=largest.id)
    assert len(listed(told)) == 1 + len(categories.children(largest.id)) > 30
    assert tokens(told.text) <= 1_000
    assert tokens(json.dumps(told.structured, ensure_ascii=False, separators=(",", ":"))) <= 1_300


async def test_there_are_at_most_twelve() -> None:
    async with open_app(Service()) as app:
        for text in ("accessories", "women", "a b c d e f g h i j", "supplies equipment tools " * 8):
            told = await ask(app, text=text)
            assert len(listed(told)) <= 12
            assert len(told.text) < 2_000
            found = re.search(r"· (?:12 of (\d+)|(\d+)) found, nearest first", told.text)
            assert found is not None
            assert int(found[1] or found[2]) == categories.find(text, 12).of
            assert (found[1] is None) == (categories.find(text, 12).of <= 12)


async def test_products_in_the_store_are_counted_at_every_level_in_the_region_or_in_all() -> None:
    other = {"category_l2_id": "601468", "category_l3_id": "601595"}
    service = Service(row(0), row(1, **other), row(2, **other), row(3, category_l3_id="0"))
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        service.rows = [row(1, **other), row(4)]
        await app.call("search_products", {"region": "GB"})
        spent = len(service.requests)

        async def counted(**arguments: Any) -> dict[str, int]:
            return {one["id"]: one["products_in_store"] for one in listed(await ask(app, **arguments))}

        everywhere = await counted(text="Beauty & Personal Care")
        assert everywhere["601450"] == 6
        assert (await counted(text="Beauty & Personal Care", region="US"))["601450"] == 4
        assert (await counted(text="lip treatments", region="United Kingdom"))["601595"] == 1
        assert (await counted(text="lip treatments"))["601595"] == 3
        assert (await counted(text="makeup & perfume", region="US"))["848648"] == 2
        assert (await counted(text="dog food"))["812296"] == 0
        told = await ask(app, text="lip treatments", region="GB")
        assert " · products in the store: GB" in told.text.split("\n")[0]
        # Nothing of this market is there, so there is nothing to count.
        assert "products_in_store" not in listed(await ask(app, text="lip", region="FR"))[0]
        assert len(service.requests) == spent


async def test_a_store_that_cannot_be_read_is_told_and_the_names_are_found(tmp_path: Path) -> None:
    home = tmp_path / "occupied"
    home.write_text("a file where a directory has to be")
    async with open_app(Service(), home=home) as app:
        told = await ask(app, text="lip treatments")
        found = listed(told)
        assert found[0]["id"] == "601595"
        assert "products_in_store" not in found[0]
        assert told.structured is not None
        (note,) = told.structured["notes"]
        assert note.startswith("Products are not counted. ")
        assert note in told.text
        assert "the books cannot be read" in told.text


async def test_what_is_no_english_name_is_told_the_departments() -> None:
    async with open_app(Service()) as app:
        for text in ("耳机", "xyzzyqq", "!!!", " "):
            told = await ask(app, text=text)
            assert listed(told) == []
            assert "no name comes near; names are English. Level 1 (category_id): " in told.text
            for one in categories.top_level():
                assert f"{one.name} ({one.id})" in told.text


async def test_an_id_that_is_not_known_may_exist_all_the_same() -> None:
    async with open_app(Service()) as app:
        told = await ask(app, text="999999")
        assert listed(told) == []
        assert "this id is not in the list" in told.text
        assert "search_products takes it as it is" in told.text


async def test_what_was_asked_is_quoted_clean_and_short() -> None:
    async with open_app(Service()) as app:
        told = await ask(app, text="lip\n|\x1b[31m<b>\u202e" + "x" * 150)
        scope = told.text.split("\n")[0]
        assert scope.startswith('Categories for "lip /‹b›xxx')
        assert len(scope) < 150


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "text: is required."),
        ({"text": "x" * 201}, "text: "),
        ({"text": "lip", "region": "Atlantis"}, "region: must be a two-letter country code"),
        ({"name": "lip"}, '"name": unknown parameter.'),
        ({"text": "lip", "regions": "US"}, "The nearest is region."),
    ],
)
async def test_a_mistake_is_an_error_that_tells_the_fix(arguments: dict[str, Any], said: str) -> None:
    async with open_app(Service()) as app:
        told = await ask(app, **arguments)
        assert told.is_error
        assert said in told.text
        assert "Credits: none spent." in told.text


async def test_synthetic_counts_are_marked() -> None:
    async with open_app(Service(row(0)), sandbox=True) as app:
        await app.call("search_products", {"region": "US"})
        told = await ask(app, text="lip treatments")
        assert told.text.startswith("SANDBOX (synthetic data) · Categories for ")
