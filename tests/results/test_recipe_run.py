"""The answer of a recipe: all that it keeps can be reached, and the figure of its sort is shown."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from keyapi_mcp.commands.schemas import token_counter
from keyapi_mcp.results.answer import Answer
from support.kept import open_app
from support.pages import Listing, rows

pytestmark = pytest.mark.anyio


async def run(listed: list[dict[str, Any]], recipe: str, pages: int, **settings: Any) -> Answer:
    async with open_app(Listing(listed), credits_per_call="off", **settings) as app:
        return await app.call("run_recipe", {"recipe": recipe, "region": "US", "pages": pages})


def ids(answer: Answer) -> list[str]:
    return [row[0] for row in answer.structured()["rows"]]


def not_shown(answer: Answer) -> str:
    """The note of it; empty where there is none."""
    notes = [note for note in answer.notes if note.startswith("Kept, but not shown: ")]
    assert all(note in answer.text() for note in notes)
    return "".join(notes)


async def test_what_is_kept_beyond_the_rows_is_named_by_id_in_its_order() -> None:
    listed = rows(30)
    for one in listed[5:12]:
        one["total_sale_7d_cnt"] = 1
    answer = await run(listed, "hidden-gem", 3)
    kept = [one["product_id"] for one in listed if one["total_sale_7d_cnt"] > 1]
    assert ids(answer) == kept[:10]
    assert not_shown(answer) == f"Kept, but not shown: {', '.join(kept[10:])}."


@pytest.mark.parametrize("count", [1, 10])
async def test_where_all_kept_are_rows_no_more_is_said(count: int) -> None:
    assert not_shown(await run(rows(count), "hidden-gem", 2)) == ""


async def test_of_very_many_as_many_ids_as_there_is_room_for_are_named_and_the_rest_is_counted() -> None:
    tokens = token_counter()
    assert tokens is not None
    listed = rows(100)
    answer = await run(listed, "hidden-gem", 10)
    note = not_shown(answer)
    named = re.findall(r"\d{19}", note)
    everything = [one["product_id"] for one in listed]
    assert ids(answer) + named == everything[: 10 + len(named)]
    assert len(named) >= 5
    assert note.endswith(
        f" and {90 - len(named)} more; stricter overrides with max_credits=0 narrow them for 0 credits."
    )
    for form in (answer.text(), json.dumps(answer.structured(), ensure_ascii=False, separators=(",", ":"))):
        assert tokens(form) <= 1_000


async def test_what_is_kept_is_named_where_the_best_of_the_sort_stand_in_for_too_few(tmp_path: Any) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "recipes.toml").write_text(
        '[mine]\npurpose = "p"\nleast = 3\nconditions = [{ metric = "units_7d", min = 500 }]\n'
    )
    listed = rows(20)
    for number in (4, 15):
        listed[number]["total_sale_7d_cnt"] = 600
    answer = await run(listed, "mine", 2, home=home)
    assert ids(answer) == [one["product_id"] for one in listed[:10]]
    assert not_shown(answer) == f"Kept, but not shown: {listed[15]['product_id']}."


async def test_the_figure_of_the_sort_is_shown() -> None:
    listed = [one | {"total_sale_cnt": 9_000 - number} for number, one in enumerate(rows(10))]
    answer = await run(listed, "low-price-volume", 1)
    content = answer.structured()
    assert [row[content["columns"].index("units")] for row in content["rows"]] == [
        9_000 - number for number in range(10)
    ]
    assert "|price $|u7|units|u30|" in answer.text()


async def test_a_metric_of_two_conditions_or_of_the_sort_is_one_column(tmp_path: Any) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "recipes.toml").write_text(
        '[mine]\npurpose = "p"\nsort = "lifetime GMV"\n'
        'conditions = [{ metric = "momentum", min = 0 }, { metric = "momentum", max = 99 }, '
        '{ metric = "gmv_usd", min = 0 }]\n'
    )
    listed = [one | {"total_sale_gmv_amt": 5_000} for one in rows(10)]
    content = (await run(listed, "mine", 1, home=home)).structured()
    assert content["columns"].count("momentum") == content["columns"].count("gmv_usd") == 1


async def test_at_the_end_of_the_list_no_more_pages_are_offered() -> None:
    listed = [one | {"off_mark": 2} for one in rows(8)]
    assert (await run(listed, "new-and-rising", 2)).next_step == "all of these are off sale."
