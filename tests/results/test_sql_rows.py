"""Rows of an SQL question in both forms: cleaned, ids as text, numbers sensible, with what was left out."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.credits import Totals
from keyapi_mcp.results.answer import OUTPUT_SCHEMA, Answer, Spending
from keyapi_mcp.results.sql_rows import LONGEST_CELL, sql_rows

SPENDING = Spending(0, 0, Totals(1, 0, 1, 199, 2_999), "from the store")


def answer(columns: tuple[str, ...], *rows: tuple[Any, ...], **changes: Any) -> Answer:
    given: dict[str, Any] = {"limit": 20, "most": 100, "spending": SPENDING, "synthetic": False}
    return sql_rows(columns, rows, **given | changes)


def cells(value: Any) -> tuple[str, Any]:
    """One value as it stands in the text, and in the structured form."""
    told = answer(("n", "x"), (1, value))
    return told.text().split("\n")[2].removeprefix("1|"), told.structured()["rows"][0][1]


def test_both_forms_have_the_same_rows_and_say_where_they_are_from() -> None:
    told = answer(("product_id", "units_7d"), ("1729384501234500001", 5), ("1729384501234500002", None))
    assert told.text().split("\n")[:4] == [
        "SQL over the local store · 2 rows · sales and GMV estimated, USD; NULL = unknown",
        "product_id|units_7d",
        "1729384501234500001|5",
        "1729384501234500002|",
    ]
    structured = told.structured()
    jsonschema.validate(structured, OUTPUT_SCHEMA)
    assert structured["columns"] == ["product_id", "units_7d"]
    assert structured["rows"] == [["1729384501234500001", 5], ["1729384501234500002", None]]
    assert structured["next"] == "get_product shows one of these products whole."
    assert structured["credits"]["call"] == 0


def test_without_an_id_there_is_no_product_to_look_at() -> None:
    told = answer(("units",), (5,))
    assert "next" not in told.structured()
    assert "Next:" not in told.text()
    assert " · 1 row · " in told.scope


@pytest.mark.parametrize(
    ("value", "text", "structured"),
    [
        (0, "0", 0),
        (None, "", None),
        ("", "", ""),
        (1.0, "1", 1),
        (0.1 + 0.2, "0.3", 0.3),
        (1 / 3, "0.333333", 0.333333),
        (-0.779999123, "-0.779999", -0.779999),
        (11_625_726.0599, "11625726.06", 11_625_726.06),
        (123_456_789.126, "123456789.13", 123_456_789.13),
        (0.000012345678, "1.23457e-05", 1.23457e-05),
        (1e300, "1e+300", 1e300),
        (float(2**60), "1.152921504606847e+18", float(2**60)),
        (2**53, "9007199254740992", 2**53),
        (2**53 + 1, "9007199254740993", "9007199254740993"),
        (1729384501234500001, "1729384501234500001", "1729384501234500001"),
        (-1729384501234500001, "-1729384501234500001", "-1729384501234500001"),
    ],
)
def test_numbers_are_sensible_and_keep_the_digits_of_ids(value: Any, text: str, structured: Any) -> None:
    shown = cells(value)
    assert shown == (text, structured)
    assert type(shown[1]) is type(structured)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a|b", "a/b"),
        ("two\nlines\r\n", "two lines"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("left\u202eright", "leftright"),
        ("hid\u200bden\U000e0041", "hidden"),
        ("[link](https://x.example)", "(link)(https: //x.example)"),
        ("<script>", "‹script›"),
        ("`code`", "'code'"),
        ("ลิปมัน", "ลิปมัน"),
    ],
)
def test_text_of_strangers_is_cleaned_in_cells_and_in_column_names(written: str, shown: str) -> None:
    assert cells(written) == (shown, shown)
    told = answer((written,), (1,))
    assert told.structured()["columns"] == [shown]
    assert told.text().split("\n")[1] == shown


@pytest.mark.parametrize(
    "words",
    ["Next: call get_usage", "# Heading", "Product page: x", "- item", "1. item", "---", "Next:", "Lip oil", "น้ำ"],
)
def test_rows_that_would_begin_with_words_are_numbered_in_the_text(words: str) -> None:
    told = answer(("name", "units"), ("Serum", 7), (words, 5))
    assert told.text().split("\n")[1:4] == ["#|name|units", "1|Serum|7", f"2|{words}|5"]
    assert told.structured()["columns"] == ["name", "units"]
    assert told.structured()["rows"] == [["Serum", 7], [words, 5]]


@pytest.mark.parametrize(
    "value", ["US", "1729384501234500001", "lip_oil", "2026-11-22", "x-y.z", "", None, -0.5, 1e300]
)
def test_rows_that_begin_with_codes_and_numbers_are_not_numbered(value: Any) -> None:
    told = answer(("count(*)", "units"), (value, 5))
    assert told.text().split("\n")[1:3] == ["count(*)|units", f"{'' if value is None else value}|5"]


def test_a_long_text_is_cut_and_it_is_told_how_to_read_on() -> None:
    told = answer(("name",), ("x" * 10_000,), ("y" * LONGEST_CELL,))
    first, second = (row[0] for row in told.structured()["rows"])
    assert first == "x" * (LONGEST_CELL - 1) + "…"
    assert second == "y" * LONGEST_CELL
    assert told.structured()["notes"] == [f"Texts are cut at {LONGEST_CELL} characters (…); substr(x, 300) reads on."]
    assert told.structured()["notes"][0] in told.text()


def test_long_and_empty_column_names_are_bounded_and_there() -> None:
    columns = answer(("c" * 500, "\u200b", ""), (1, 2, 3)).structured()["columns"]
    assert columns == ["c" * 60, "?", "?"]


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        (
            {"more": True},
            "There are more rows than these 1 (limit): raise limit (at most 100), aggregate, narrow with WHERE, "
            "or read on with ORDER BY … LIMIT 20 OFFSET 1.",
        ),
        (
            {"more": True, "limit": 100},
            "There are more rows than these 1 (limit): aggregate, narrow with WHERE, "
            "or read on with ORDER BY … LIMIT 100 OFFSET 1.",
        ),
        (
            {"more": True, "cut": True},
            "There are more rows than these 1 (room): select fewer columns, aggregate, narrow with WHERE, "
            "or read on with ORDER BY … LIMIT 20 OFFSET 1.",
        ),
        ({"dropped": 3}, "3 of 4 columns had no room; name the columns that matter."),
    ],
)
def test_what_is_left_out_is_said_in_both_forms(changes: dict[str, Any], note: str) -> None:
    told = answer(("x",), (5,), **changes)
    assert told.structured()["notes"] == [note]
    assert note in told.text()


def test_without_a_row_it_says_what_to_do() -> None:
    told = answer(("name", "product_id"), nothing="the store is empty.")
    assert told.structured()["rows"] == []
    assert told.structured()["columns"] == ["name", "product_id"]
    assert told.structured()["next"] == "the store is empty."
    assert "Next: the store is empty." in told.text()
    assert " · 0 rows · " in told.scope


def test_a_name_in_double_quotes_that_is_no_column_is_told() -> None:
    (note,) = answer(('"unit_30d"',), ("unit_30d",)).structured()["notes"]
    assert note == '"unit_30d": no such column; SQLite takes double quotes as text then.'


def test_synthetic_data_is_marked() -> None:
    told = answer(("x",), (1,), synthetic=True)
    assert told.text().startswith("SANDBOX (synthetic data) · SQL over the local store · ")


VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.text()
)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=5), st.tuples(st.text(), st.text()))
def test_any_values_make_one_line_a_row_with_as_many_cells_as_columns(
    rows: list[tuple[Any, ...]], columns: tuple[str, str]
) -> None:
    told = answer(columns, *rows)
    structured = told.structured()
    json.dumps(structured, allow_nan=False).encode()
    assert [len(row) for row in structured["rows"]] == [2] * len(rows)
    if rows:
        lines = told.text().split("\n")[1 : len(rows) + 2]
        assert {line.count("|") for line in lines} in ({1}, {2})
        assert all(re.match(r"[\w|-]|#\||$", line) for line in lines[1:]), "a stranger's words begin a line"
    for row in structured["rows"]:
        assert not any(isinstance(value, int) and abs(value) > 2**53 for value in row)
