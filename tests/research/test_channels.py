"""The channel split: shares of the whole, unclamped where the source contradicts itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from keyapi_mcp.product import Product
from keyapi_mcp.research.channels import channel_split
from support.products import any_product, product, sound_product


def sold(whole: object, video: object, live: object) -> Product:
    return product(total_sale_gmv_30d_amt=whole, total_video_sale_gmv_30d_amt=video, total_live_sale_gmv_30d_amt=live)


def test_what_is_neither_video_nor_live_is_other() -> None:
    split = channel_split(sold(1000, 710, 90))
    assert (split.video, split.live) == pytest.approx((0.71, 0.09))
    assert split.other == pytest.approx(0.2)
    assert not split.inconsistent


def test_all_through_one_channel_leaves_zero_for_the_others() -> None:
    assert channel_split(sold(1000, 1000, 0)) == (1.0, 0.0, 0.0, False)
    assert channel_split(sold(1000, 0, 0)) == (0.0, 0.0, 1.0, False)


@pytest.mark.parametrize("whole", [0, None, "", -5, float("nan")])
def test_without_gmv_there_are_no_shares(whole: object) -> None:
    assert channel_split(sold(whole, 0, 0)) == (None, None, None, False)


@pytest.mark.parametrize(("video", "live", "shown"), [(500, None, (0.5, None)), (None, 500, (None, 0.5))])
def test_with_one_channel_unknown_the_rest_is_unknown_too(
    video: object, live: object, shown: tuple[float | None, float | None]
) -> None:
    assert channel_split(sold(1000, video, live)) == (*shown, None, False)


def test_up_to_two_percent_over_the_whole_is_rounding() -> None:
    split = channel_split(sold(1000, 700, 319))
    assert (split.other, split.inconsistent) == (0.0, False)


def test_more_than_that_is_a_contradiction_shown_as_it_is() -> None:
    split = channel_split(sold(1000, 700, 321))
    assert (split.video, split.live) == pytest.approx((0.7, 0.321))
    assert split.other is None
    assert split.inconsistent


@pytest.mark.parametrize(("video", "live"), [(1500, None), (None, 1500)])
def test_one_channel_alone_above_the_whole_is_a_contradiction_too(video: object, live: object) -> None:
    assert channel_split(sold(1000, video, live)).inconsistent


@given(any_product("total_sale_gmv_30d_amt", "total_video_sale_gmv_30d_amt", "total_live_sale_gmv_30d_amt"))
def test_no_row_whatever_gives_a_share_that_is_no_number(row: Product) -> None:
    split = channel_split(row)
    for share in split[:3]:
        assert share is None or (math.isfinite(share) and share >= 0)
    if split.other is not None:
        assert not split.inconsistent
        assert split.video is not None
        assert split.live is not None
        assert 1 - 1e-9 <= split.video + split.live + split.other <= 1.02 + 1e-9


@given(sound_product())
def test_the_shares_of_a_sound_row_add_up_to_one(row: Product) -> None:
    split = channel_split(row)
    assert not split.inconsistent
    if row.gmv(30):
        assert sum(share for share in split[:3] if share is not None) == pytest.approx(1)
    else:
        assert split[:3] == (None, None, None)
