"""The product table: the agreed columns, computed cells, and nothing where nothing is known."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.product import Page, Product
from keyapi_mcp.results.product_table import ProductTable, product_table
from support.products import ANY_VALUE, product

DATA = Path(__file__).parents[1] / "data"
FETCHED = datetime(2026, 11, 23, 9, tzinfo=UTC)

# A row with a value in every column, all by hand: 20 units a day this week against 10 in the eight days before.
FULL: dict[str, Any] = {
    "product_name": "Hydrating Lip Oil",
    "category_id": "601450",
    "spu_avg_price": 12.99,
    "total_sale_7d_cnt": 140,
    "total_sale_15d_cnt": 220,
    "total_sale_30d_cnt": 12_345,
    "total_sale_gmv_30d_amt": 160_000.4,
    "total_ifl_cnt": 214,
    "total_ifl_video_7d_cnt": 10,
    "total_ifl_live_7d_cnt": 4,
    "total_ifl_video_30d_cnt": 20,
    "total_ifl_live_30d_cnt": 10,
    "total_video_cnt": 880,
    "total_video_sale_gmv_30d_amt": 113_600,
    "total_live_sale_gmv_30d_amt": 14_400,
    "product_commission_rate": 0.125,
    "product_rating": 4.7,
    "review_count": 3_210,
    "first_crawl_dt": 20261001,
    "off_mark": 3,
    "is_s_shop": 1,
    "free_shipping": 1,
    "sales_trend_flag": 1,
}


def page(*products: Product) -> Page:
    return Page(products=products, rows=len(products), fetched_at=FETCHED)


def table(*products: Product, with_category: bool = False) -> ProductTable:
    return product_table(page(*products), with_category=with_category)


def cells(built: ProductTable, row: int = 0) -> dict[str, str]:
    """Heading → cell of the text form."""
    lines = built.table.text.split("\n")
    return dict(zip(lines[0].split("|"), lines[1 + row].split("|"), strict=True))


def values(built: ProductTable, row: int = 0) -> dict[str, object]:
    """Column → value of the structured form."""
    return dict(zip(built.table.columns, built.table.rows[row], strict=True))


HEADINGS = (
    "#|product_id|product|price $|u7|u30|gmv30 $|growth %|creators|stage|videos|vid/live/oth %|comm %|$/sale"
    "|rating|reviews|seen d|flags"
)
COLUMNS = (
    "product_id product price_usd units_7d units_30d gmv_30d_usd growth_7d creators stage videos "
    "video_share live_share other_share commission usd_per_sale rating reviews seen_days flags"
)


def test_the_columns_are_the_agreed_ones_in_their_order() -> None:
    built = table(product())
    assert built.table.text.split("\n")[0] == HEADINGS
    assert " ".join(built.table.columns) == COLUMNS


def test_a_category_column_stands_beside_the_name_only_where_no_category_was_asked_for() -> None:
    built = table(product(**FULL), with_category=True)
    assert built.table.text.split("\n")[0] == HEADINGS.replace("|product|", "|product|category|")
    assert " ".join(built.table.columns) == COLUMNS.replace("product price", "product category price")
    assert cells(built)["category"] == values(built)["category"] == "Beauty & Personal Care"
    without = table(product(**FULL))
    assert "category" not in cells(without)
    assert "category" not in values(without)


@pytest.mark.parametrize(
    ("identifier", "shown"), [("601450", "Beauty & Personal Care"), ("99999999", "99999999"), ("0", ""), (None, "")]
)
def test_a_category_is_told_by_name_else_by_id_else_not_at_all(identifier: object, shown: str) -> None:
    built = table(product(category_id=identifier), with_category=True)
    assert cells(built)["category"] == shown
    assert values(built)["category"] == (shown or None)


def test_every_cell_is_as_computed_by_hand() -> None:
    assert cells(table(product(**FULL))) == {
        "#": "1",
        "product_id": "1729384501234567890",
        "product": "Hydrating Lip Oil",
        "price $": "12.99",
        "u7": "140",
        "u30": "12.3k",
        "gmv30 $": "160k",
        "growth %": "+100",
        "creators": "214",
        "stage": "Growth",
        "videos": "880",
        "vid/live/oth %": "71/9/20",
        "comm %": "12.5",
        "$/sale": "1.62",
        "rating": "4.7",
        "reviews": "3.2k",
        "seen d": "52",
        "flags": "delisted managed freeship rising",
    }


def test_the_structured_form_has_the_same_in_base_units_and_unrounded_for_reading() -> None:
    assert values(table(product(**FULL))) == {
        "product_id": "1729384501234567890",
        "product": "Hydrating Lip Oil",
        "price_usd": 12.99,
        "units_7d": 140,
        "units_30d": 12_345,
        "gmv_30d_usd": 160_000,
        "growth_7d": 1,
        "creators": 214,
        "stage": "Growth",
        "videos": 880,
        "video_share": 0.71,
        "live_share": 0.09,
        "other_share": 0.2,
        "commission": 0.125,
        "usd_per_sale": 1.62,
        "rating": 4.7,
        "reviews": 3210,
        "seen_days": 52,
        "flags": "delisted managed freeship rising",
    }


def test_what_is_missing_is_an_empty_cell_and_null_and_never_zero() -> None:
    built = table(product(), with_category=True)
    shown, told = cells(built), values(built)
    assert {heading: cell for heading, cell in shown.items() if cell} == {
        "#": "1",
        "product_id": "1729384501234567890",
        "stage": "Unclear",
    }
    assert {column: value for column, value in told.items() if value is not None} == {
        "product_id": "1729384501234567890",
        "stage": "Unclear",
    }


def test_a_zero_of_the_source_is_shown_as_zero() -> None:
    built = table(product(total_sale_7d_cnt=0, total_sale_30d_cnt=0, total_sale_gmv_30d_amt=0, total_ifl_cnt=0))
    shown, told = cells(built), values(built)
    assert [shown[heading] for heading in ("u7", "u30", "gmv30 $", "creators")] == ["0"] * 4
    assert [told[column] for column in ("units_7d", "units_30d", "gmv_30d_usd", "creators")] == [0] * 4
    assert (shown["vid/live/oth %"], told["video_share"]) == ("", None)


def test_one_known_channel_is_shown_and_the_others_stay_empty() -> None:
    built = table(product(total_sale_gmv_30d_amt=1000, total_video_sale_gmv_30d_amt=710))
    assert cells(built)["vid/live/oth %"] == "71//"
    told = values(built)
    assert (told["video_share"], told["live_share"], told["other_share"]) == (0.71, None, None)


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({}, ""),
        ({"off_mark": 1}, ""),
        ({"off_mark": 2}, "delisted"),
        ({"is_s_shop": 1}, "managed"),
        ({"free_shipping": 1}, "freeship"),
        ({"sales_trend_flag": 0}, ""),
        ({"sales_trend_flag": 1}, "rising"),
        ({"sales_trend_flag": 2}, "falling"),
        ({"total_sale_7d_cnt": 9, "total_sale_30d_cnt": 1}, "inconsistent"),
        ({"off_mark": 3, "sales_trend_flag": 2}, "delisted falling"),
    ],
)
def test_flags_are_one_text_and_absent_where_none_holds(fields: dict[str, Any], flags: str) -> None:
    built = table(product(**fields))
    assert cells(built)["flags"] == flags
    assert values(built)["flags"] == (flags or None)


def test_rows_keep_the_services_order_and_are_numbered() -> None:
    built = table(*(Product({"product_id": str(number)}) for number in (30, 10, 20)))
    assert [(cells(built, row)["#"], cells(built, row)["product_id"]) for row in range(3)] == [
        ("1", "30"),
        ("2", "10"),
        ("3", "20"),
    ]
    assert [values(built, row)["product_id"] for row in range(3)] == ["30", "10", "20"]


def test_a_name_is_cleaned_and_cut_so_that_it_stays_in_its_cell() -> None:
    built = table(product(product_name="Lip|oil\n<b>[x](https://evil.example)</b> " + "with many words " * 50))
    name = cells(built)["product"]
    assert values(built)["product"] == name
    assert name.startswith("Lip/oil ‹b›(x)(https")
    assert name.endswith("…")
    assert len(name) < 80


def test_days_since_first_seen_are_counted_to_the_data_day_not_to_today() -> None:
    assert values(table(product(first_crawl_dt=20261121)))["seen_days"] == 1


def test_the_documented_example_is_a_delisted_product_of_which_little_is_known() -> None:
    (raw,) = json.loads((DATA / "response_example.json").read_text("utf-8"))["data"]
    built = table(Product(raw), with_category=True)
    shown = cells(built)
    assert shown == {
        "#": "1",
        "product_id": "1729873073559015752",
        "product": shown["product"],
        "category": "Fashion Accessories",
        "price $": "1.99",
        "u7": "0",
        "u30": "0",
        "gmv30 $": "0",
        "growth %": "",
        "creators": "0",
        "stage": "Unclear",
        "videos": "0",
        "vid/live/oth %": "",
        "comm %": "",
        "$/sale": "",
        "rating": "",
        "reviews": "0",
        "seen d": "703",
        "flags": "delisted falling",
    }
    assert shown["product"].startswith("Halloween Personality Cartoon Couple")
    told = values(built)
    assert [column for column, value in told.items() if value is None] == [
        "growth_7d",
        "video_share",
        "live_share",
        "other_share",
        "commission",
        "usd_per_sale",
        "rating",
    ]


def test_a_kept_page_is_computed_once_for_each_of_its_two_shapes() -> None:
    kept = page(product(**FULL))
    assert product_table(kept, with_category=True) is product_table(kept, with_category=True)
    assert product_table(kept, with_category=False) is not product_table(kept, with_category=True)
    again = page(product(**FULL))
    assert product_table(again, with_category=True) is not product_table(kept, with_category=True)


# The cells that stand for one value: text heading → structured column.
PAIRS = {
    "category": "category",
    "price $": "price_usd",
    "u7": "units_7d",
    "u30": "units_30d",
    "gmv30 $": "gmv_30d_usd",
    "growth %": "growth_7d",
    "creators": "creators",
    "stage": "stage",
    "videos": "videos",
    "comm %": "commission",
    "$/sale": "usd_per_sale",
    "rating": "rating",
    "reviews": "reviews",
    "seen d": "seen_days",
}
SHOWN_FIELDS = [*FULL, "total_sale_1d_cnt", "total_sale_cnt"]


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(SHOWN_FIELDS, ANY_VALUE | st.text(max_size=30))), max_size=4))
def test_both_forms_have_the_same_rows_and_the_same_gaps_whatever_the_rows_hold(rows: list[dict[str, Any]]) -> None:
    built = table(*(product(**row) for row in rows), with_category=True)
    lines = built.table.text.split("\n")[1:]
    assert len(lines) == len(built.table.rows) == len(rows)
    # No NaN or infinity: strict JSON refuses them.
    json.dumps(built.table.rows, allow_nan=False)
    for number in range(len(rows)):
        shown, told = cells(built, number), values(built, number)
        assert shown["product_id"] == told["product_id"]
        assert shown["product"] == (told["product"] or "")
        assert shown["flags"] == (told["flags"] or "")
        for heading, column in PAIRS.items():
            assert (shown[heading] == "") is (told[column] is None), heading
        shares = [told[column] for column in ("video_share", "live_share", "other_share")]
        assert (shown["vid/live/oth %"] == "") is (shares == [None] * 3)
        for cell in (shown[heading] for heading in (*PAIRS, "vid/live/oth %") if heading != "category"):
            assert "nan" not in cell.lower().split("/")
            assert "inf" not in cell.lower().split("/")
