"""Each finding where its rule holds, none where it does not or too little supports it, and the numbers it gives."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from keyapi_mcp.product import Product
from keyapi_mcp.research.findings import findings
from keyapi_mcp.research.market import Concentration
from keyapi_mcp.research.sample import PriceBand, Sample, describe

DAY = date(2026, 11, 22)
EVEN = Concentration(top_1=0.05, top_3=0.12, top_10=0.4, hhi=300, holders=50)
# Nothing but the three findings that every large sample has.
QUIET = Sample(
    products=50,
    units_30d=1000,
    gmv_30d=10_000,
    prices=(PriceBand(0, 5, 20, 0.3, 100), PriceBand(5, 10, 30, 0.7, 200)),
    by_product=EVEN,
    by_seller=EVEN,
    new_gmv_share={30: 0.05, 90: 0.15},
    dated=50,
    channels=(0.5, 0.1, 0.4),
    split=50,
    commission=(0.10, 0.12, 0.15),
    paying=50,
    creators={"low": 15, "medium": 20, "high": 15},
    stages={"Steady": 14, "Growth": 14, "Unclear": 22},
    delisted=0.0,
    known=dict.fromkeys(("gmv", "price", "seller", "first_seen", "channels"), 1.0),
)


def test_a_large_even_sample_has_three_with_their_numbers() -> None:
    assert findings(QUIET) == (
        "Open by product: the three largest of 50 hold 12 % of the sample's GMV (contested: 30–50 %), HHI 300 (low).",
        "Largest price band by GMV: $5–10, 70 % of it, from 60 % of the products (30 of 50).",
        "No channel has 60 % of GMV: video 50 %, live 10 %, other 40 %.",
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"by_product": EVEN._replace(top_3=0.30, hhi=1000)}, "Contested by product: .* 30 % .* HHI 1,000 (moderate)"),
        ({"by_product": EVEN._replace(top_3=0.51, hhi=1801)}, "Closed by product: .* 51 % .* HHI 1,801 (high)"),
        ({"channels": (0.6, 0.1, 0.3)}, "One channel carries the sample: video, 60 % of GMV (50 products)."),
        ({"by_seller": EVEN._replace(top_1=0.2)}, "Sellers: the largest of 50 has 20 % of GMV"),
        ({"by_seller": EVEN._replace(hhi=1000)}, "Sellers: .* HHI 1,000 (moderate)"),
        ({"new_gmv_share": {90: 0.25}}, "Newcomers sell: products first seen in the last 90 days have 25 % of GMV."),
        ({"new_gmv_share": {90: 0.04}}, "Established products sell: .* 90 days have 4 % of GMV."),
        ({"stages": {"Unclear": 35, "Declining": 15}}, "The most common stage is Declining: 15 of 50 products (30 %)."),
        ({"creators": {"low": 20, "medium": 30, "high": 0}}, "Creators: 20 of 50 products (40 %) have under 30 (low)."),
        ({"creators": {"low": 0, "medium": 5, "high": 45}}, "Creators: 45 of 50 products (90 %) have over 100 (high)."),
        ({"creators": {"low": 45, "medium": 0, "high": 0}}, "Creators: 45 of 45 products (100 %) have under 30"),
        ({"delisted": 0.1}, "Delisted: 5 of the 50 products read (10 %)."),
        ({"commission": (0.05, 0.08, 0.1)}, "Commission differs: of the 50 of 50 .* 5 % .* 10 % or more, median 8 %."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_stands_out_is_found_from_its_threshold_on(changes: dict[str, Any], expected: str) -> None:
    pattern = ".*".join(re.escape(part) for part in expected.split(".*"))
    told = findings(replace(QUIET, **changes))
    assert any(re.match(pattern, sentence) for sentence in told), told


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"by_product": EVEN._replace(top_3=0.29)}, "Contested"),
        ({"channels": (0.59, 0.1, 0.31)}, "One channel"),
        ({"by_seller": EVEN._replace(top_1=0.19, hhi=999)}, "Sellers"),
        ({"new_gmv_share": {90: 0.24}}, "Newcomers"),
        ({"new_gmv_share": {90: 0.05}}, "Established"),
        ({"stages": {"Unclear": 36, "Declining": 14}}, "stage"),
        ({"creators": {"low": 19, "medium": 12, "high": 19}}, "Creators"),
        ({"delisted": 0.08}, "Delisted"),
        ({"commission": (0.08, 0.1, 0.15)}, "Commission"),
        # Too few products with what it speaks of.
        ({"by_product": EVEN._replace(holders=9)}, "by product"),
        ({"split": 9, "channels": (0.9, 0.1, 0.0)}, "channel"),
        ({"dated": 19, "new_gmv_share": {90: 0.9}}, "Newcomers"),
        ({"paying": 9, "commission": (0.01, 0.1, 0.5)}, "Commission"),
        ({"creators": {"low": 9, "medium": 0, "high": 0}}, "Creators"),
        ({"creators": {"low": 44, "medium": 0, "high": 0}}, "Creators"),
        ({"stages": {"Unclear": 41, "Viral": 9}}, "stage"),
        ({"prices": (PriceBand(0, 5, 2, 0.7, 1.0), PriceBand(5, 10, 30, 0.3, 1.0))}, "price band"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)
def test_below_its_threshold_or_without_support_it_says_nothing(changes: dict[str, Any], word: str) -> None:
    assert not any(word in sentence for sentence in findings(replace(QUIET, **changes)))


def _products(count: int = 50, **fields: Any) -> list[dict[str, Any]]:
    """Products that support a finding of every kind that looks at GMV."""
    usual = {
        "spu_avg_price": 12,
        "total_sale_gmv_30d_amt": 1000,
        "total_video_sale_gmv_30d_amt": 900,
        "total_live_sale_gmv_30d_amt": 0,
        "first_crawl_dt": 20261101,
        "seller_id": "7",
        "total_ifl_cnt": 5,
    }
    return [usual | fields | {"product_id": str(number)} for number in range(count)]


@pytest.mark.parametrize(
    ("field", "start"),
    [
        ("seller_id", "Sellers: the largest of 1 has 100 % of GMV"),
        ("first_crawl_dt", "Newcomers sell: "),
        ("spu_avg_price", "Largest price band by GMV: $10–20, "),
        ("total_live_sale_gmv_30d_amt", "One channel carries the sample: video, 90 % of GMV"),
        ("total_sale_gmv_30d_amt", "Open by product: "),
    ],
)
def test_what_is_known_of_too_small_a_part_supports_no_finding(field: str, start: str) -> None:
    def told(unknown: int) -> bool:
        products = _products()
        for one in products[:unknown]:
            del one[field]
        return any(
            sentence.startswith(start) for sentence in findings(describe([Product(one) for one in products], DAY))
        )

    assert [told(unknown) for unknown in (0, 5, 6, 40)] == [True, True, False, False]


def test_how_much_is_known_is_asked_of_the_gmv_and_not_of_the_products() -> None:
    products = _products()
    for one in products[20:]:
        one |= {"first_crawl_dt": 0, "total_sale_gmv_30d_amt": 100_000}
    told = findings(describe([Product(one) for one in products], DAY))
    assert not any("sell: " in sentence for sentence in told), told
    for one in products[20:]:
        one["total_sale_gmv_30d_amt"] = 1
    assert any(
        sentence.startswith("Newcomers sell: ")
        for sentence in findings(describe([Product(one) for one in products], DAY))
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"by_product": EVEN._replace(top_3=0.297)}, "Open by product: the three largest of 50 hold 29.7 % "),
        ({"by_product": EVEN._replace(top_3=0.5004)}, "Closed by product: the three largest of 50 hold 50.04 % "),
        ({"by_product": EVEN._replace(top_3=0.1 + 0.2)}, "Contested by product: the three largest of 50 hold 30 % "),
        ({"by_product": EVEN._replace(hhi=999.6)}, ".* HHI 1,000 (moderate)."),
        ({"by_product": EVEN._replace(hhi=1800.4)}, ".* HHI 1,800 (moderate)."),
        ({"channels": (0.597, 0.01, 0.393)}, "No channel has 60 % of GMV: video 59.7 %, live 1 %, other 39 %."),
        ({"channels": (0.6 - 1e-12, 0.0, 0.4)}, "One channel carries the sample: video, 60 % of GMV"),
        ({"new_gmv_share": {90: 0.0497}}, "Established products sell: .* have 4.97 % of GMV."),
    ],
    ids=str,
)
def test_a_share_is_not_rounded_to_the_other_side_of_its_threshold(changes: dict[str, Any], expected: str) -> None:
    pattern = ".*".join(re.escape(part) for part in expected.split(".*"))
    told = findings(replace(QUIET, **changes))
    assert any(re.match(pattern, sentence) for sentence in told), told


def test_products_that_were_left_out_count_as_delisted() -> None:
    assert "Delisted: 10 of the 60 products read (17 %)." in findings(QUIET, delisted=10)


def test_there_are_never_more_than_five_and_the_first_rules_come_first() -> None:
    loud = replace(
        QUIET,
        by_seller=EVEN._replace(top_1=0.5),
        new_gmv_share={90: 0.9},
        stages={"Viral": 50},
        creators={"low": 50, "medium": 0, "high": 0},
        commission=(0.01, 0.1, 0.5),
    )
    told = findings(loud, delisted=50)
    assert len(told) == 5
    assert [sentence.split()[0] for sentence in told] == ["Open", "Largest", "No", "Sellers:", "Newcomers"]


@pytest.mark.parametrize("count", range(10))
def test_a_small_sample_supports_none(count: int) -> None:
    products = [
        Product({"product_id": str(number), "total_sale_gmv_30d_amt": 100, "spu_avg_price": 3, "total_ifl_cnt": 1})
        for number in range(count)
    ]
    assert findings(describe(products, DAY)) == ()


def test_no_sentence_gives_advice() -> None:
    loud = replace(QUIET, channels=(0.9, 0.0, 0.1), by_seller=EVEN._replace(top_1=0.5), new_gmv_share={90: 0.9})
    for sentence in (*findings(QUIET), *findings(loud, delisted=50)):
        assert re.search(r"\d", sentence)
        assert not re.search(r"\b(should|consider|avoid|buy|choose|recommend|opportunity)\b", sentence, re.IGNORECASE)
