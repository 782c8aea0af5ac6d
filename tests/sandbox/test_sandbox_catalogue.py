"""The synthetic catalogue: the same from the same seed, a day on a day later, and distributed as real rows are."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from functools import cache
from statistics import quantiles
from typing import Any

import pytest

from keyapi_mcp.sandbox.catalogue import Catalogue
from keyapi_mcp.sandbox.rows import row

DAY = date(2026, 11, 22)
REGIONS = ("US", "GB", "TH", "VN", "ID", "MY", "PH", "MX", "JP", "DE")
WINDOWS = (1, 7, 15, 30, 60, 90)
# Field names with their window as `{}`; nothing there means since the launch.
SUMMED = (
    *(f"total_{part}{{}}_cnt" for part in ("sale", "video_sale", "live_sale", "video", "live", "views")),
    *(f"total_{part}{{}}_amt" for part in ("sale_gmv", "video_sale_gmv", "live_sale_gmv")),
)


@cache
def catalogue() -> Catalogue:
    return Catalogue(1800, 1)


@cache
def rows_on(day: date = DAY) -> dict[str, dict[str, Any]]:
    """Product id → the numbers of its row, all markets together."""
    return {one.listing.product_id: one.fields for region in REGIONS for one in catalogue().on(region, day)}


@cache
def consistent(day: date = DAY) -> dict[str, dict[str, Any]]:
    """Without the few products whose figures contradict each other on purpose."""
    return {
        one.listing.product_id: one.fields
        for region in REGIONS
        for one in catalogue().on(region, day)
        if not one.listing.oddity
    }


def windows(template: str, fields: dict[str, Any]) -> list[float]:
    return [fields[template.format(f"_{days}d")] for days in WINDOWS]


def test_ids_are_unique() -> None:
    assert len(rows_on()) == sum(len(catalogue().on(region, DAY)) for region in REGIONS)


def test_the_same_seed_and_day_are_the_same_rows_whatever_was_asked_before() -> None:
    straight, detour = Catalogue(200, 7), Catalogue(200, 7)
    detour.on("DE", DAY)
    for days in (400, 1, 30):
        [snapshot.fields for snapshot in detour.on("US", DAY + timedelta(days=days))]
    assert [row(one) for one in detour.on("US", DAY)] == [row(one) for one in straight.on("US", DAY)]


def test_another_seed_is_another_catalogue() -> None:
    ones, others = ({row(one)["product_id"] for one in Catalogue(200, seed).on("US", DAY)} for seed in (1, 2))
    assert len(ones) == len(others) > 40
    assert not ones & others


@pytest.mark.parametrize("days", WINDOWS)
def test_a_window_is_what_was_added_since_it_began(days: int) -> None:
    before, now = consistent(DAY - timedelta(days=days)), consistent(DAY)
    shared = set(before) & set(now)
    assert len(shared) > 900
    for product_id in shared:
        for template in SUMMED:
            added = now[product_id][template.format("")] - before[product_id][template.format("")]
            assert now[product_id][template.format(f"_{days}d")] == pytest.approx(added, abs=0.005), template


def test_each_window_is_the_sum_of_its_days() -> None:
    week = [consistent(DAY - timedelta(days=days)) for days in range(7)]
    for product_id in set.intersection(*map(set, week)):
        for template in ("total_sale{}_cnt", "total_video{}_cnt", "total_ifl_video{}_cnt", "total_ifl_live{}_cnt"):
            daily = sum(day[product_id][template.format("_1d")] for day in week)
            assert daily == week[0][product_id][template.format("_7d")], template


def test_windows_nest_and_channels_stay_within_the_whole() -> None:
    for fields in consistent().values():
        for template in SUMMED:
            sums = [0, *windows(template, fields), fields[template.format("")]]
            assert sums == sorted(sums), template
        for window in ("", *(f"_{days}d" for days in WINDOWS)):
            for kind in ("sale{}_cnt", "sale_gmv{}_amt"):
                name = kind.format(window)
                parts = fields[f"total_video_{name}"] + fields[f"total_live_{name}"]
                assert parts <= fields[f"total_{name}"] + 0.01


def test_a_day_later_some_products_are_new_gone_or_priced_anew() -> None:
    today, tomorrow = rows_on(), rows_on(DAY + timedelta(days=1))
    shared = set(today) & set(tomorrow)
    new = [tomorrow[product_id] for product_id in set(tomorrow) - shared]
    assert 0 < len(new) < 30
    assert {fields["first_crawl_dt"] for fields in new} == {20261123}
    assert 0 < len(set(today) - shared) < 30
    changed = [(today[one], tomorrow[one]) for one in shared]
    assert 0 < sum(then["spu_avg_price"] != now["spu_avg_price"] for then, now in changed) < len(shared) * 0.1
    assert all(then["first_crawl_dt"] == now["first_crawl_dt"] for then, now in changed)


def test_within_a_week_some_products_are_delisted_and_none_comes_back() -> None:
    today, later = rows_on(), rows_on(DAY + timedelta(days=7))
    changed = [(today[one]["off_mark"], later[one]["off_mark"]) for one in set(today) & set(later)]
    assert any(then < 2 <= now for then, now in changed)
    assert not any(now < 2 <= then for then, now in changed)


def test_no_product_was_first_seen_after_the_data_day() -> None:
    for days in range(0, 60, 7):
        day = DAY + timedelta(days=days)
        launched = {one.listing.launch for region in REGIONS for one in catalogue().on(region, day)}
        assert day - timedelta(days=501) < min(launched) <= max(launched) <= day


def test_the_trend_is_the_week_against_the_days_before() -> None:
    for fields in rows_on().values():
        week = fields["total_sale_7d_cnt"] / 7
        before = (fields["total_sale_15d_cnt"] - fields["total_sale_7d_cnt"]) / 8
        assert fields["sales_trend_flag"] == (1 if week > before * 1.1 else 2 if week < before * 0.9 else 0)
    flags = [fields["sales_trend_flag"] for fields in rows_on().values()]
    assert min(flags.count(flag) for flag in (0, 1, 2)) > len(flags) * 0.15


def share(condition: str) -> float:
    """Of all rows, those for which the condition on their fields holds."""
    code = compile(condition, "condition", "eval")
    rows = rows_on().values()
    return sum(bool(eval(code, {}, fields)) for fields in rows) / len(rows)


@pytest.mark.parametrize(
    ("condition", "least", "most"),
    [
        ("off_mark >= 2", 0.02, 0.15),
        ("total_sale_cnt == 0", 0.02, 0.12),
        ("first_crawl_dt > 20261023", 0.03, 0.12),
        ("total_video_cnt == 0 and total_sale_30d_cnt >= 50", 0.01, 0.08),
        ("total_ifl_cnt == 0 and total_sale_30d_cnt > 0", 0.005, 0.1),
        ("total_ifl_cnt > total_video_cnt", 0.01, 0.2),
        ("total_video_sale_gmv_30d_amt + total_live_sale_gmv_30d_amt > total_sale_gmv_30d_amt * 1.02", 0.005, 0.05),
        ("total_sale_15d_cnt < total_sale_7d_cnt", 0.002, 0.03),
        ("category_l2_id == '0'", 0.01, 0.1),
        ("category_l3_id == '0'", 0.03, 0.2),
        ("product_commission_rate == 0", 0.05, 0.3),
        ("is_s_shop == 1", 0.03, 0.2),
        ("sales_flag == 2", 0.01, 0.2),
        ("category_id == '601450'", 0.1, 0.35),
        ("category_id == '605248'", 0.05, 0.2),
        ("category_id == '600001'", 0.04, 0.2),
    ],
)
def test_the_holes_and_oddities_of_real_rows_are_there_in_their_share(
    condition: str, least: float, most: float
) -> None:
    assert least < share(condition) < most


# Quantiles of real rows (p25, p50, p75), which are of products that sell.
@pytest.mark.parametrize(
    ("field", "real"),
    [
        ("spu_avg_price", (4.5, 11.7, 22.7)),
        ("total_sale_7d_cnt", (163, 447, 1489)),
        ("total_sale_30d_cnt", (397, 1111, 3233)),
        ("total_sale_gmv_30d_amt", (3100, 12_000, 40_000)),
        ("total_ifl_cnt", (14, 58, 196)),
        ("total_video_cnt", (33, 136, 367)),
        ("review_count", (124, 487, 1650)),
    ],
)
def test_sizes_are_within_a_factor_of_three_of_real_rows(field: str, real: tuple[float, float, float]) -> None:
    made = quantiles([fields[field] for fields in rows_on().values() if fields["total_sale_30d_cnt"] >= 50], n=4)
    for one, other in zip(made, real, strict=True):
        assert other / 3 < one < other * 3


def test_ratings_lives_and_gmv_are_like_those_of_real_rows() -> None:
    selling = [fields for fields in rows_on().values() if fields["total_sale_30d_cnt"] >= 50]
    assert 4.4 <= quantiles([fields["product_rating"] for fields in selling], n=2)[0] <= 4.8
    assert quantiles([fields["total_live_cnt"] for fields in selling], n=4)[2] == 0
    a_unit = [
        fields["total_sale_gmv_30d_amt"] / fields["total_sale_30d_cnt"] / fields["spu_avg_price"] for fields in selling
    ]
    tenth = quantiles(a_unit, n=10)
    assert 0.8 < tenth[0] < 0.95 < tenth[4] < 1.05 < tenth[8] < 1.25
    assert {fields["product_rating"] for fields in rows_on().values() if not fields["review_count"]} == {0}
    assert all(fields["min_price"] <= fields["spu_avg_price"] <= fields["max_price"] for fields in selling)
    assert all(0 <= fields["product_commission_rate"] < 1 for fields in selling)


def test_prices_follow_the_market() -> None:
    def median(region: str) -> float:
        prices: list[float] = [f["spu_avg_price"] for f in rows_on().values() if f["region"] == region]
        return quantiles(prices, n=2)[0]

    assert median("US") > 2 * median("VN")
    assert median("GB") > 2 * median("TH")


def test_some_names_are_untidy() -> None:
    names = [one.listing.name for one in catalogue().on("US", DAY)]
    for sign in ("  ", "|", "🔥", "\u200b", "<b>", "](https://"):
        assert 0 < sum(sign in name for name in names) < len(names) * 0.05, sign


def test_the_catalogue_needs_no_web_framework() -> None:
    script = (
        "import sys, keyapi_mcp.sandbox.catalogue, keyapi_mcp.sandbox.rows, keyapi_mcp.sandbox.query\n"
        "print([name for name in ('starlette', 'uvicorn', 'anyio', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.strip() == "[]"
