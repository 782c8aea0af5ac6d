"""The response contract itself: the two forms, and the words for credits."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from keyapi_mcp.credits import Totals
from keyapi_mcp.results.answer import OUTPUT_SCHEMA, Answer, Spending, Table

BOOKS = Totals(today=4, today_unknown=0, this_month=9, left_today=196, left_this_month=2_991)
FREE = Spending(call=0, call_maybe=0, totals=BOOKS, source="kept answer")
BALANCE = "(account balance not visible)."
FREE_LINE = f"Credits: 0 for this call (kept answer); 4 today, 196 left within your limits {BALANCE}"
TABLE = Table(columns=("product_id", "units_7d"), rows=(("1", 5), ("2", None)), text="#|product_id|u7\n1|1|5\n2|2|")


def answer(**changes: Any) -> Answer:
    parts: dict[str, Any] = {
        "scope": "Products · US",
        "table": TABLE,
        "notes": ["Notes: delisted: row 2."],
        "next_step": "page_num=2.",
        "spending": FREE,
    }
    return Answer(**parts | changes)


def test_the_text_is_scope_table_notes_next_step_and_credits() -> None:
    assert answer().text() == (
        f"Products · US\n#|product_id|u7\n1|1|5\n2|2|\nNotes: delisted: row 2.\nNext: page_num=2. {FREE_LINE}"
    )


def test_the_structured_form_has_the_same_parts() -> None:
    assert answer().structured() == {
        "scope": "Products · US",
        "columns": ["product_id", "units_7d"],
        "rows": [["1", 5], ["2", None]],
        "notes": ["Notes: delisted: row 2."],
        "next": "page_num=2.",
        "credits": {"call": 0, "today": 4, "left": 196, "source": "kept answer"},
    }


EMPTY = Table(columns=("product_id",), rows=(), text="#|product_id")


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, ["scope", "columns", "rows", "notes", "next", "credits"]),
        ({"notes": []}, ["scope", "columns", "rows", "next", "credits"]),
        ({"notes": (), "next_step": ""}, ["scope", "columns", "rows", "credits"]),
        ({"table": None}, ["scope", "columns", "rows", "notes", "next", "credits"]),
        ({"table": EMPTY}, ["scope", "columns", "rows", "notes", "next", "credits"]),
    ],
)
def test_empty_parts_are_left_out_and_nothing_but_a_cell_is_null(changes: dict[str, Any], keys: list[str]) -> None:
    told = answer(**changes).structured()
    assert list(told) == keys
    jsonschema.validate(told, OUTPUT_SCHEMA)
    assert "null" not in json.dumps({name: part for name, part in told.items() if name != "rows"})


@pytest.mark.parametrize("table", [None, EMPTY])
def test_a_table_without_rows_is_no_part_of_the_text(table: Table | None) -> None:
    assert answer(table=table, notes=[]).text() == (f"Products · US\nNext: page_num=2. {FREE_LINE}")


def test_without_a_next_step_the_last_line_is_the_credits() -> None:
    text = answer(next_step="").text()
    assert text.split("\n")[-1] == FREE_LINE


@pytest.mark.parametrize(
    ("spending", "words", "told"),
    [
        (
            Spending(1, 0, BOOKS),
            f"Credits: 1 for this call; 4 today, 196 left within your limits {BALANCE}",
            {"call": 1, "today": 4, "left": 196},
        ),
        (FREE, FREE_LINE, {"call": 0, "today": 4, "left": 196, "source": "kept answer"}),
        (
            Spending(1, 2, Totals(5, 3, 5, None, None)),
            f"Credits: 1 + 0–2 (unknown) for this call; 5 today (3 of them unknown), no limit set {BALANCE}",
            {"call": 1, "call_unknown": 2, "today": 5, "today_unknown": 3},
        ),
        (
            Spending(1, 0, Totals(5, 0, 2_999, 195, 1), per_process=True),
            f"Credits: 1 for this call; 5 today, 1 left within your limits of this process {BALANCE}",
            {"call": 1, "today": 5, "left": 1},
        ),
        (Spending(1, 0, None), "Credits: 1 for this call; the books cannot be read.", {"call": 1}),
    ],
)
def test_credits_are_told_for_the_call_and_within_the_limits_with_what_is_not_known(
    spending: Spending, words: str, told: dict[str, Any]
) -> None:
    assert spending.in_words() == words
    assert spending.as_json() == told


def test_the_output_schema_is_valid_small_and_flat() -> None:
    jsonschema.Draft202012Validator.check_schema(OUTPUT_SCHEMA)
    text = json.dumps(OUTPUT_SCHEMA)
    assert len(text) < 600
    for trouble in ("$ref", "anyOf", "oneOf", "allOf", '"null"', '"title"'):
        assert trouble not in text
