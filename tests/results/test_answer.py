"""The response contract itself: the two forms, and the words for credits."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from keyapi_mcp.results.answer import OUTPUT_SCHEMA, Answer, Spending, Table

FREE = Spending(call=0, call_maybe=0, total=4, total_maybe=0, source="kept answer")
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
        "Products · US\n"
        "#|product_id|u7\n"
        "1|1|5\n"
        "2|2|\n"
        "Notes: delisted: row 2.\n"
        "Next: page_num=2. Credits: 0 for this call (kept answer), 4 since start."
    )


def test_the_structured_form_has_the_same_parts() -> None:
    assert answer().structured() == {
        "scope": "Products · US",
        "columns": ["product_id", "units_7d"],
        "rows": [["1", 5], ["2", None]],
        "notes": ["Notes: delisted: row 2."],
        "next": "page_num=2.",
        "credits": {"call": 0, "since_start": 4},
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
    assert answer(table=table, notes=[]).text() == (
        "Products · US\nNext: page_num=2. Credits: 0 for this call (kept answer), 4 since start."
    )


def test_without_a_next_step_the_last_line_is_the_credits() -> None:
    text = answer(next_step="").text()
    assert text.split("\n")[-1] == "Credits: 0 for this call (kept answer), 4 since start."


@pytest.mark.parametrize(
    ("spending", "words", "told"),
    [
        (
            Spending(1, 0, 1, 0),
            "Credits: 1 for this call, 1 since start.",
            {"call": 1, "since_start": 1},
        ),
        (
            Spending(0, 0, 4, 0, "kept answer"),
            "Credits: 0 for this call (kept answer), 4 since start.",
            {"call": 0, "since_start": 4},
        ),
        (
            Spending(0, 0, 4, 0, "shared with an identical call"),
            "Credits: 0 for this call (shared with an identical call), 4 since start.",
            {"call": 0, "since_start": 4},
        ),
        (
            Spending(1, 2, 5, 3),
            "Credits: 1 + 0–2 (unknown) for this call, 5 + 0–3 (unknown) since start.",
            {"call": 1, "since_start": 5, "call_unknown": 2, "since_start_unknown": 3},
        ),
        (
            Spending(1, 0, 5, 1),
            "Credits: 1 for this call, 5 + 0–1 (unknown) since start.",
            {"call": 1, "since_start": 5, "since_start_unknown": 1},
        ),
    ],
)
def test_credits_are_told_for_the_call_and_since_the_start_with_what_is_not_known(
    spending: Spending, words: str, told: dict[str, int]
) -> None:
    assert spending.in_words() == words
    assert spending.as_json() == told


def test_the_output_schema_is_valid_small_and_flat() -> None:
    jsonschema.Draft202012Validator.check_schema(OUTPUT_SCHEMA)
    text = json.dumps(OUTPUT_SCHEMA)
    assert len(text) < 600
    for trouble in ("$ref", "anyOf", "oneOf", "allOf", '"null"', '"title"'):
        assert trouble not in text
