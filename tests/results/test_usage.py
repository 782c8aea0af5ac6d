"""The answer to what was spent, what is left and what is there, in both forms."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from keyapi_mcp.clock import iso
from keyapi_mcp.credits import DaySpent, Totals, Usage
from keyapi_mcp.results.answer import OUTPUT_SCHEMA, Answer, Spending
from keyapi_mcp.results.usage import usage
from keyapi_mcp.settings import read_settings

TOTALS = Totals(today=4, today_unknown=1, this_month=1_204, left_today=196, left_this_month=1_796)
DAYS = (DaySpent(20261124, 3, 1, 12), DaySpent(20261121, 7, 0, 0))


def answer(
    where: str = "/home/me/keyapi.sqlite",
    settings: dict[str, Any] | None = None,
    synthetic: bool = False,
    **changes: Any,
) -> Answer:
    found: dict[str, Any] = {
        "totals": TOTALS,
        "days": DAYS,
        "products": 1_540,
        "snapshots": 9_800,
        "searches": 160,
        "first_day": 20261101,
        "last_day": 20261123,
        "size": 5_300_000,
    }
    spending = Spending(0, 0, TOTALS, "from the store")
    return usage(Usage(**found | changes), read_settings(**settings or {}), spending, where, synthetic=synthetic)


def test_the_text_says_what_was_spent_what_is_left_and_what_is_there() -> None:
    assert answer().text().split("\n") == [
        "Credits and store · days and months in UTC · counted: paid and possibly paid requests",
        "Counted: 4 today, 1,204 this month. Limits: KEYAPI_MCP_CREDITS_PER_CALL 10, KEYAPI_MCP_CREDITS_PER_DAY 200, "
        "KEYAPI_MCP_CREDITS_PER_MONTH 3,000. Left: 196 today, 1,796 this month.",
        "Kept answers in the last 14 days, each a credit not spent: 12.",
        "Store (/home/me/keyapi.sqlite): 1,540 products, 9,800 snapshots, 160 searches, data days 2026-11-01 to "
        "2026-11-23, 5.3 MB.",
        "day|paid|unknown|kept answers",
        "2026-11-24|3|1|12",
        "2026-11-21|7|0|0",
        "The KeyAPI account's own balance is not visible to this server.",
        "Next: query_products reads everything that is in the store for 0 credits. Credits: 0 for this call (from the "
        "store); 4 today (1 of them unknown), 196 left within your limits (account balance not visible).",
    ]


def test_the_structured_form_says_the_same() -> None:
    told = answer().structured()
    jsonschema.validate(told, OUTPUT_SCHEMA)
    assert told["facts"] == {
        "today": 4,
        "this_month": 1_204,
        "limits": {
            "KEYAPI_MCP_CREDITS_PER_CALL": 10,
            "KEYAPI_MCP_CREDITS_PER_DAY": 200,
            "KEYAPI_MCP_CREDITS_PER_MONTH": 3_000,
        },
        "saved_14d": 12,
        "products": 1_540,
        "snapshots": 9_800,
        "searches": 160,
        "store": "/home/me/keyapi.sqlite",
        "left_today": 196,
        "left_this_month": 1_796,
        "first_day": "2026-11-01",
        "last_day": "2026-11-23",
        "size_bytes": 5_300_000,
    }
    assert told["columns"] == ["day", "paid", "unknown", "kept_answers"]
    assert told["rows"] == [["2026-11-24", 3, 1, 12], ["2026-11-21", 7, 0, 0]]
    assert told["notes"] == ["The KeyAPI account's own balance is not visible to this server."]


def test_limits_that_are_off_are_said_and_nothing_is_left_of_them() -> None:
    off = {"credits_per_call": "off", "credits_per_day": "off", "credits_per_month": "off"}
    told = answer(settings=off, totals=Totals(4, 0, 9, None, None))
    assert "KEYAPI_MCP_CREDITS_PER_DAY off, KEYAPI_MCP_CREDITS_PER_MONTH off." in told.text()
    assert "Left:" not in told.text()
    facts = told.structured()["facts"]
    assert set(facts["limits"].values()) == {"off"}
    assert not {"left_today", "left_this_month"} & facts.keys()


def test_one_limit_alone_is_told_alone() -> None:
    told = answer(settings={"credits_per_month": "off"}, totals=Totals(4, 0, 9, 196, None))
    assert ". Left: 196 today.\n" in told.text()
    assert told.structured()["facts"]["left_today"] == 196


def test_an_empty_store_has_no_span_and_no_days() -> None:
    totals = Totals(0, 0, 0, 200, 3_000)
    told = answer(days=(), products=0, snapshots=0, searches=0, first_day=None, last_day=None, totals=totals)
    assert "Store (/home/me/keyapi.sqlite): 0 products, 0 snapshots, 0 searches, 5.3 MB." in told.text()
    assert "each a credit not spent: 0." in told.text()
    assert "day|paid" not in told.text()
    structured = told.structured()
    assert structured["rows"] == structured["columns"] == []
    assert not {"first_day", "last_day"} & structured["facts"].keys()


def test_a_store_in_memory_has_no_size() -> None:
    told = answer("memory", size=None)
    assert "Store (memory): 1,540 products, 9,800 snapshots, 160 searches, data days" in told.text()
    assert "MB" not in told.text()
    assert "size_bytes" not in told.structured()["facts"]


def test_the_books_of_a_sandbox_are_marked() -> None:
    assert answer(synthetic=True).text().startswith("SANDBOX (synthetic data) · Credits and store · ")


@pytest.mark.parametrize(("number", "day"), [(20261124, "2026-11-24"), (20260101, "2026-01-01")])
def test_a_day_is_written_with_strokes(number: int, day: str) -> None:
    assert iso(number) == day
