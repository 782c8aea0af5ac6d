"""Statistics of a sample, by hand and against plain arithmetic over random samples."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.product import Product
from keyapi_mcp.research.sample import bands, describe

DAY = date(2026, 11, 22)


def product(number: int, **fields: Any) -> Product:
    return Product({"product_id": str(number), **fields})


SAMPLE = [
    product(
        1,
        seller_id="7",
        spu_avg_price=4,
        total_sale_30d_cnt=100,
        total_sale_gmv_30d_amt=400,
        total_video_sale_gmv_30d_amt=300,
        total_live_sale_gmv_30d_amt=0,
        product_commission_rate=0.1,
        total_ifl_cnt=10,
        first_crawl_dt=20261110,
    ),
    product(
        2,
        seller_id="7",
        spu_avg_price=12,
        total_sale_30d_cnt=50,
        total_sale_gmv_30d_amt=600,
        total_video_sale_gmv_30d_amt=0,
        total_live_sale_gmv_30d_amt=300,
        product_commission_rate=0.2,
        total_ifl_cnt=100,
        first_crawl_dt=20260901,
        off_mark=3,
    ),
    product(3, seller_id="8", spu_avg_price=200, total_sale_30d_cnt=5, total_sale_gmv_30d_amt=1000, total_ifl_cnt=101),
    product(4),
]


def test_totals_are_sums_of_what_is_known() -> None:
    found = describe(SAMPLE, DAY)
    assert (found.products, found.units_30d, found.gmv_30d) == (4, 155, 2000)
    assert found.delisted == 0.25


def test_price_bands_hold_each_priced_product_once_with_its_share() -> None:
    found = {(band.low, band.high): band for band in describe(SAMPLE, DAY).prices}
    assert [band.products for band in found.values()] == [1, 0, 1, 0, 0, 1]
    assert found[(0, 5)].gmv_share == pytest.approx(0.2)
    assert found[(100, None)].median_gmv == 1000
    assert found[(5, 10)].median_gmv is None


def test_concentration_is_by_product_and_by_seller() -> None:
    found = describe(SAMPLE, DAY)
    assert found.by_product is not None
    assert found.by_seller is not None
    assert found.by_product.top_1 == pytest.approx(0.5)
    assert found.by_seller.top_1 == pytest.approx(0.5)
    assert (found.by_product.holders, found.by_seller.holders) == (3, 2)
    assert found.by_seller.hhi == pytest.approx(5000)


def test_new_products_channels_commission_and_creators() -> None:
    found = describe(SAMPLE, DAY)
    assert found.new_gmv_share == {30: pytest.approx(0.2), 90: pytest.approx(0.5)}
    assert found.channels == pytest.approx((0.3, 0.3, 0.4))
    assert found.commission == pytest.approx((0.125, 0.15, 0.175))
    assert found.creators == {"low": 1, "medium": 1, "high": 1}
    assert found.stages == {"Unclear": 4}


def test_an_empty_sample_has_nothing_and_raises_nothing() -> None:
    found = describe([], DAY)
    assert (found.products, found.gmv_30d, found.by_product, found.channels, found.commission) == (
        0,
        0,
        None,
        None,
        None,
    )
    assert found.new_gmv_share == {}


def test_a_row_whose_channels_exceed_the_whole_does_not_shift_the_mix() -> None:
    odd = product(5, total_sale_gmv_30d_amt=100, total_video_sale_gmv_30d_amt=900, total_live_sale_gmv_30d_amt=0)
    assert describe([*SAMPLE, odd], DAY).channels == pytest.approx((0.3, 0.3, 0.4))


rows = st.fixed_dictionaries(
    {
        "spu_avg_price": st.none() | st.floats(0, 1000),
        "total_sale_30d_cnt": st.none() | st.integers(0, 10**6),
        "total_sale_gmv_30d_amt": st.none() | st.floats(0, 10**6),
        "total_video_sale_gmv_30d_amt": st.none() | st.floats(0, 10**6),
        "total_live_sale_gmv_30d_amt": st.none() | st.floats(0, 10**6),
        "product_commission_rate": st.none() | st.floats(0, 1),
        "total_ifl_cnt": st.none() | st.integers(0, 1000),
        "first_crawl_dt": st.none() | st.sampled_from([20261122, 20261001, 20240101, 20990101]),
        "seller_id": st.none() | st.sampled_from(["1", "2", "3"]),
        "off_mark": st.none() | st.integers(0, 3),
    }
)


@given(st.lists(rows, max_size=30))
def test_shares_stay_shares_and_parts_stay_parts(raw: list[dict[str, Any]]) -> None:
    found = describe([product(number, **row) for number, row in enumerate(raw)], DAY)
    assert found.products == len(raw)
    assert sum(band.products for band in found.prices) <= len(raw)
    assert sum(band.gmv_share or 0 for band in found.prices) <= 1 + 1e-9
    assert sum(found.stages.values()) == len(raw)
    assert 0 <= found.delisted <= 1
    assert all(0 <= share <= 1 + 1e-9 for share in found.new_gmv_share.values())
    if found.channels is not None:
        assert all(0 <= share <= 1.02 + 1e-9 for share in found.channels)
    if found.commission is not None:
        assert list(found.commission) == sorted(found.commission)
    for held in (found.by_product, found.by_seller):
        if held is not None:
            assert 0 < held.top_1 <= held.top_3 <= held.top_10 <= 1 + 1e-9
            assert 0 < held.hhi <= 10_000 + 1e-6


def test_bands_ascend() -> None:
    for edges in bands().values():
        assert edges == sorted(edges)
