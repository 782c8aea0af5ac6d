"""Products side by side: the best of each row, how far apart they are, and no verdict where something is unknown."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_mcp.commands.schemas import token_counter
from keyapi_mcp.credits import Totals
from keyapi_mcp.fields import FIGURES, TEXTS
from keyapi_mcp.product import Product
from keyapi_mcp.reference import glossary
from keyapi_mcp.research.history import Seen
from keyapi_mcp.results.answer import Answer, Spending
from keyapi_mcp.results.comparison import comparison
from keyapi_mcp.results.comparison_rows import METRICS
from keyapi_mcp.sandbox.catalogue import Catalogue
from keyapi_mcp.sandbox.rows import row as sandbox_row
from support.products import ANY_VALUE, sound_product

DAY = date(2026, 11, 22)
SPENDING = Spending(0, 0, Totals(12, 0, 340, 188, 2_660), "from the store")
MOST = 900
FIRST_ID = 1729384501234567890


def row(number: int = 0, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "product_id": str(FIRST_ID + number),
        "product_name": f"Lip oil {number}",
        "spu_avg_price": 12.5,
        "product_commission_rate": 0.1,
        "product_rating": 4.5,
        "review_count": 100,
        "total_sale_7d_cnt": 70,
        "total_sale_15d_cnt": 150,
        "total_sale_30d_cnt": 300,
        "total_sale_gmv_30d_amt": 3_750.0,
        "total_video_sale_gmv_30d_amt": 3_000.0,
        "total_live_sale_gmv_30d_amt": 0,
        "total_ifl_video_7d_cnt": 7,
        "total_ifl_live_7d_cnt": 0,
        "total_ifl_video_30d_cnt": 30,
        "total_ifl_live_30d_cnt": 0,
        "first_crawl_dt": 20260101,
    }
    return fields | changes


def seen_of(raw: dict[str, Any], region: str = "US", day: date = DAY) -> Seen:
    return Seen(region, Product(raw), day, datetime(2026, 11, 23, 9, tzinfo=UTC), day, 1)


def compare(*rows: dict[str, Any], **options: Any) -> Answer:
    return comparison([seen_of(one) for one in rows], spending=SPENDING, **{"synthetic": False} | options)


def cells(answer: Answer, metric: str) -> dict[str, Any]:
    """A row of structured content by its columns."""
    structured = answer.structured()
    (found,) = [row for row in structured["rows"] if row[0] == metric]
    return dict(zip(structured["columns"], found, strict=True))


def text_row(answer: Answer, heading: str) -> list[str]:
    (found,) = [line.split("|") for line in answer.text().split("\n") if line.startswith(f"{heading}|")]
    return found[1:]


def notes(answer: Answer, beginning: str) -> list[str]:
    found = [note for note in answer.notes if note.startswith(beginning)]
    assert all(note in answer.text().split("\n") for note in found)
    return found


@cache
def _counter() -> Callable[[str], int]:
    counter = token_counter()
    assert counter is not None
    return counter


def larger_form(answer: Answer) -> int:
    as_json = json.dumps(answer.structured(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return max(_counter()(answer.text()), _counter()(as_json))


# --- what it looks like -------------------------------------------------------------------------------------------


def test_a_comparison_of_two() -> None:
    better = row(
        1,
        spu_avg_price=25,
        total_sale_7d_cnt=140,
        total_sale_15d_cnt=220,
        total_sale_30d_cnt=600,
        total_sale_gmv_30d_amt=15_000,
        total_video_sale_gmv_30d_amt=0,
        total_live_sale_gmv_30d_amt=9_000,
        review_count=102,
        first_crawl_dt=20261101,
    )
    assert (
        compare(row(), better).text()
        == """\
2 products compared · US · data of 2026-11-22 (T+1), USD, sales and GMV estimated
A = 1729384501234567890 Lip oil 0
B = 1729384501234567891 Lip oil 1
metric|A|B|max−min
price $|12.50|25.00|12.50
u7|70|140*|70
u30|300|600*|300
gmv30 $|3750|15000*|11250
growth %|0|100*|100
momentum|1|1|0
creators30|30|30|0
inflow|1|1|0
gmv/creator $|125|500*|375
video %|80|0|80
live %|0|60|60
comm %|10|10|0
$/sale|1.25|2.50*|1.25
pool/creator $|12.50|50.00*|37.50
rating|4.5|4.5|0
reviews|100|102*|2
seen d|325|21|304
Furthest apart: gmv30 $ B 15000, A 3750 (4.0×); gmv/creator $ B 500, A 125 (4.0×); \
pool/creator $ B 50.00, A 12.50 (4.0×).
Growth 7 d: B +100 %, A 0 %.
Half or more of GMV 30 d from: video A; live B.
Alike within 10 %: creators30, reviews.
* best of its row: only where more is better and every value is known.
Stage (follow window): A Unclear, B Unclear.
Next: get_product has each of them whole. Credits: 0 for this call (from the store); 12 today, 188 left within \
your limits (account balance not visible)."""
    )


def test_the_structured_form_says_the_same() -> None:
    answer = compare(
        row(), row(1, total_sale_30d_cnt=600, off_mark=2), notes=["Something about an id."], synthetic=True
    )
    structured = answer.structured()
    assert structured["scope"].startswith("SANDBOX (synthetic data) · 2 products compared")
    assert structured["facts"] == {
        "products": {"A": [str(FIRST_ID), "Lip oil 0"], "B": [str(FIRST_ID + 1), "Lip oil 1"]}
    }
    assert structured["columns"] == ["metric", "A", "B", "best", "max_minus_min"]
    assert cells(answer, "units_30d") == {"metric": "units_30d", "A": 300, "B": 600, "best": "B", "max_minus_min": 300}
    assert structured["notes"] == list(answer.notes)
    assert "Something about an id." in structured["notes"]
    assert "Delisted B." in structured["notes"]
    shown = [line for line in answer.text().split("\n") if line.count("|") == 3]
    assert len(shown) == 1 + len(structured["rows"]) == 1 + len(METRICS)


def test_metrics_have_the_names_of_the_glossary() -> None:
    for metric in METRICS:
        assert glossary.explain(metric.name) is not None, metric.name


# --- the best -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "changes"),
    [
        ("units_7d", {"total_sale_7d_cnt": 80}),
        ("units_30d", {"total_sale_30d_cnt": 301}),
        ("gmv_30d_usd", {"total_sale_gmv_30d_amt": 3_751}),
        ("growth_7d", {"total_sale_15d_cnt": 140}),
        ("momentum", {"total_sale_7d_cnt": 80}),
        ("creator_inflow", {"total_ifl_video_7d_cnt": 9}),
        ("gmv_per_creator_usd", {"total_ifl_video_30d_cnt": 20}),
        ("commission", {"product_commission_rate": 0.11}),
        ("usd_per_sale", {"product_commission_rate": 0.11}),
        ("pool_per_creator_usd", {"product_commission_rate": 0.2}),
        ("rating", {"product_rating": 4.6}),
        ("reviews", {"review_count": 101}),
    ],
)
def test_where_more_is_better_the_one_that_has_most_is_best(metric: str, changes: dict[str, Any]) -> None:
    answer = compare(row(), row(1, **changes), row(2))
    assert cells(answer, metric)["best"] == "B"
    heading = next(one.heading for one in METRICS if one.name == metric)
    marked = [cell.endswith("*") for cell in text_row(answer, heading)]
    assert marked == [False, True, False, False]


@pytest.mark.parametrize(
    ("metric", "changes"),
    [
        ("price_usd", {"spu_avg_price": 5}),
        ("creators_active_30d", {"total_ifl_video_30d_cnt": 300}),
        ("video_share", {"total_video_sale_gmv_30d_amt": 10}),
        ("live_share", {"total_live_sale_gmv_30d_amt": 500}),
        ("seen_days", {"first_crawl_dt": 20250101}),
    ],
)
def test_where_neither_more_nor_less_is_better_none_is_best(metric: str, changes: dict[str, Any]) -> None:
    answer = compare(row(), row(1, **changes))
    assert cells(answer, metric)["best"] is None
    assert cells(answer, metric)["max_minus_min"] > 0


def test_a_tie_has_no_best() -> None:
    answer = compare(row(), row(1), row(2, total_sale_30d_cnt=200))
    assert cells(answer, "units_30d") == {
        "metric": "units_30d",
        "A": 300,
        "B": 300,
        "C": 200,
        "best": None,
        "max_minus_min": 100,
    }


def test_what_looks_the_same_is_a_tie() -> None:
    """A growth of 0.1234 against 0.1236 says nothing."""
    answer = compare(row(total_sale_gmv_30d_amt=3_750.1), row(1, total_sale_gmv_30d_amt=3_750.3))
    assert cells(answer, "gmv_30d_usd")["best"] is None
    assert cells(answer, "gmv_30d_usd")["max_minus_min"] == 0


@settings(max_examples=50)
@given(st.lists(sound_product(), min_size=2, max_size=4))
def test_of_two_cells_that_look_the_same_none_is_the_best(products: list[Product]) -> None:
    seen = [Seen("US", one, DAY, datetime(2026, 11, 23, tzinfo=UTC), DAY, 1) for one in products]
    table = comparison(seen, spending=SPENDING, synthetic=False).table
    assert table is not None
    for line in table.text.split("\n")[1:]:
        cells = line.split("|")[1:-1]
        marked = [cell.removesuffix("*") for cell in cells if cell.endswith("*")]
        assert len(marked) <= 1
        assert [cell.removesuffix("*") for cell in cells].count(marked[0]) == 1 if marked else True, line


def test_the_stage_of_each_is_told_with_its_follow_window() -> None:
    growing = row(1, total_sale_7d_cnt=140, total_sale_15d_cnt=220, total_ifl_video_7d_cnt=12, total_ifl_cnt=40)
    falling = row(2, total_sale_7d_cnt=35)
    assert notes(compare(growing, falling), "Stage") == [
        "Stage (follow window): A Growth (open), B Declining (closed)."
    ]


def test_no_verdict_where_a_value_is_missing() -> None:
    answer = compare(row(), row(1, product_commission_rate=0, product_rating=0), row(2, total_sale_15d_cnt=None))
    for metric, best, missing in (("commission", 0.1, "B"), ("usd_per_sale", 1.25, "B"), ("growth_7d", 0, "C")):
        found = cells(answer, metric)
        assert found[missing] is found["best"] is found["max_minus_min"] is None
        assert found["A"] == best
    assert notes(answer, "Not judged") == [
        "Not judged, unknown: growth % (C); comm %, $/sale, pool/creator $, rating (B)."
    ]
    assert not notes(answer, "Growth 7 d")
    assert text_row(answer, "comm %") == ["10", "", "10", ""]


def test_what_nobody_has_is_named_and_has_no_row() -> None:
    answer = compare(row(product_commission_rate=0), row(1, product_commission_rate=0))
    assert notes(answer, "Unknown for all") == ["Unknown for all: comm %, $/sale, pool/creator $."]
    assert "commission" not in [one[0] for one in answer.structured()["rows"]]


# --- what separates them ------------------------------------------------------------------------------------------


def furthest(*rows: dict[str, Any]) -> str:
    found = notes(compare(*rows), "Furthest apart")
    return found[0] if found else ""


def test_of_each_subject_the_widest_is_named_the_furthest_first_and_three_at_most() -> None:
    wide = {"review_count": 5_000, "spu_avg_price": 25, "total_sale_30d_cnt": 900, "total_sale_gmv_30d_amt": 37_500}
    told = furthest(row(), row(1, **wide), row(2))
    assert told.startswith("Furthest apart: reviews B 5000, A 100 (50×); gmv30 $ B 37500, A 3750 (10×); gmv/c")
    assert told.count("×") == 3
    assert "u30" not in told


def test_less_than_half_as_much_again_is_not_far_apart() -> None:
    assert furthest(row(), row(1, review_count=149)) == ""
    assert furthest(row(), row(1, review_count=150)) == "Furthest apart: reviews B 150, A 100 (1.5×)."


def test_none_against_some_is_furthest_and_has_no_ratio() -> None:
    none = {name: 0 for name in row() if name.startswith("total_sale")}
    told = furthest(row(), row(1, **none), row(2, review_count=900))
    assert told.startswith("Furthest apart: u7 A 70, B 0; reviews C 900, A 100 (9.0×).")
    assert furthest(row(review_count=0), row(1, review_count=0)) == ""


def test_growth_is_told_from_twenty_points_on() -> None:
    def told(before: int) -> list[str]:
        return notes(compare(row(), row(1, total_sale_15d_cnt=70 + before)), "Growth 7 d")

    assert told(68) == []
    assert told(160) == ["Growth 7 d: A 0 %, B -50 %."]


def test_channels_are_told_where_they_differ() -> None:
    live = {"total_video_sale_gmv_30d_amt": 0, "total_live_sale_gmv_30d_amt": 2_000}
    neither = {"total_video_sale_gmv_30d_amt": 1_000}
    unknown = {"total_video_sale_gmv_30d_amt": None}
    answer = compare(row(), row(1, **live), row(2, **neither), row(3, **unknown), row(4))
    assert notes(answer, "Half or more") == ["Half or more of GMV 30 d from: video A, E; live B; neither C."]
    assert notes(compare(row(), row(1)), "Half or more") == []


def test_nothing_is_recommended() -> None:
    words = compare(row(), row(1, total_sale_30d_cnt=900, review_count=900)).text().lower()
    for pushing in ("recommend", "should", "choose", "winner", "better choice", "promising"):
        assert pushing not in words


# --- warnings -----------------------------------------------------------------------------------------------------


def test_differing_days_and_markets_are_warned_of() -> None:
    answer = comparison(
        [seen_of(row()), seen_of(row(1), region="TH", day=date(2026, 11, 19)), seen_of(row(2))],
        spending=SPENDING,
        synthetic=False,
    )
    assert answer.scope.startswith("3 products compared · US, TH · data of 2026-11-19 to 2026-11-22 (T+1)")
    assert notes(answer, "The data days differ") == [
        "The data days differ, so the windows do not cover the same days: 2026-11-19 B; 2026-11-22 A, C."
    ]
    assert notes(answer, "The markets differ") == ["The markets differ: TH B; US A, C."]


def test_delisted_and_contradicting_products_are_named() -> None:
    answer = compare(row(off_mark=3), row(1), row(2, total_sale_7d_cnt=999), row(3, off_mark=2))
    assert notes(answer, "Delisted") == ["Delisted A, D."]
    assert notes(answer, "Contradicts") == ["Contradicts itself at the source C."]


def test_products_that_are_alike_need_no_warning() -> None:
    told = "\n".join(compare(row(), row(1)).notes)
    for warning in ("differ", "Delisted", "Contradicts", "Unknown", "Not judged", "Left out", "Furthest"):
        assert warning not in told


# --- whatever there is --------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.lists(sound_product(), min_size=2, max_size=8))
def test_the_best_is_the_only_maximum(products: list[Product]) -> None:
    answer = comparison(
        [Seen("US", one, DAY, datetime(2026, 11, 23, tzinfo=UTC), DAY, 1) for one in products],
        spending=SPENDING,
        synthetic=False,
    )
    letters = answer.structured()["columns"][1:-2]
    for name, *values, best, apart in answer.structured()["rows"]:
        assert len(values) == len(products)
        if best is not None:
            chosen = values[letters.index(best)]
            assert [value for value in values if value >= chosen] == [chosen], name
        if None in values:
            assert apart is None
        else:
            assert apart == pytest.approx(max(values) - min(values), abs=0.011), name


@settings(max_examples=50)
@given(
    st.lists(
        st.fixed_dictionaries(
            {}, optional={column.field: ANY_VALUE for column in (*FIGURES, *TEXTS)} | {"product_name": st.text()}
        ),
        min_size=2,
        max_size=8,
    )
)
def test_whatever_rows_hold_both_forms_are_sound(rows: list[dict[str, Any]]) -> None:
    answer = compare(*({"product_id": str(FIRST_ID + number)} | raw for number, raw in enumerate(rows)))
    assert larger_form(answer)  # which refuses NaN and infinities
    for word in ("nan", "inf ", "None"):
        assert word not in answer.table.text if answer.table else True
    assert all(isinstance(one, str) and one for pair in answer.facts["products"].values() for one in pair[:1])


# --- tokens -------------------------------------------------------------------------------------------------------


@cache
def best_sellers(region: str) -> list[dict[str, Any]]:
    found = sorted(Catalogue(4_000).on(region, DAY), key=lambda one: -one.fields["total_sale_gmv_30d_amt"])
    return [sandbox_row(one) for one in found[:24]]


def rows_of(answer: Answer) -> list[str]:
    return [str(one[0]) for one in answer.structured()["rows"]]


@pytest.mark.parametrize("region", ["US", "GB", "TH", "VN", "ID", "JP", "MX", "DE"])
def test_eight_products_are_at_most_900_tokens_in_either_form_whatever_the_language(region: str) -> None:
    for first in (0, 8, 16):
        answer = compare(*best_sellers(region)[first : first + 8], synthetic=True)
        assert larger_form(answer) <= MOST
        assert all(name for _, name in answer.facts["products"].values())
        # The rows that decide most are never left out.
        assert {"price_usd", "units_30d", "gmv_30d_usd", "growth_7d", "usd_per_sale"} <= set(rows_of(answer))


@pytest.mark.parametrize("region", ["US", "TH", "JP"])
def test_five_products_have_every_row_and_eight_say_which_are_left_out(region: str) -> None:
    rows = best_sellers(region)
    whole, full = compare(*rows[:5]), compare(*rows[:8])
    assert rows_of(whole) == [metric.name for metric in METRICS]
    assert not notes(whole, "Left out")
    (left_out,) = notes(full, "Left out for room")
    missing = [metric for metric in METRICS if metric.name not in rows_of(full)]
    assert missing
    assert all(metric.heading in left_out for metric in missing)
    assert left_out.endswith("; a comparison of fewer has them.")


_draw = random.Random(3)
NASTY: dict[str, Sequence[int]] = {
    "letters": range(0x61, 0x7B),
    "letters of both cases": [*range(0x41, 0x5B), *range(0x61, 0x7B)],
    "rare Latin": range(0x180, 0x250),
    "Thai": range(0xE01, 0xE3B),
    "Han": range(0x4E00, 0xA000),
    "Hangul": range(0xAC00, 0xD7A4),
    "emoji": range(0x1F300, 0x1F600),
    "Gothic": range(0x10330, 0x1034B),
    "quotes": [0x22, 0x27, 0x7B, 0x7D, 0x2C],
}


@pytest.mark.parametrize("kind", NASTY)
@pytest.mark.parametrize("count", [8, 6, 3])
def test_no_name_can_take_a_comparison_beyond_its_tokens(kind: str, count: int) -> None:
    """Not even with every warning there is."""

    def write(length: int) -> str:
        return "".join(chr(_draw.choice(NASTY[kind])) for _ in range(length))

    products = [
        seen_of(
            raw | {"product_name": write(800), "off_mark": 2 * (number % 2), "total_sale_15d_cnt": number or None},
            region=("US", "TH", "VN")[number % 3],
            day=date(2026, 11, 19 + number % 3),
        )
        for number, raw in enumerate(best_sellers("VN")[:count])
    ]
    told = f"Not in the store, so left out: {FIRST_ID}; search_products brings products in."
    answer = comparison(products, notes=[told], spending=SPENDING, synthetic=True)
    assert larger_form(answer) <= MOST
