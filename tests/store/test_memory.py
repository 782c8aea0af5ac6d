"""Pages in memory: fresh for a time, bounded in rows."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from keyapi_mcp.product import Page, Product
from keyapi_mcp.store.memory import MemoryPages


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def page(clock: Clock, rows: int = 10) -> Page:
    products = tuple(Product({"product_id": str(number)}) for number in range(1, rows + 1))
    return Page(products=products, rows=rows, fetched_at=clock())


def test_a_page_is_given_again_until_its_time_is_over() -> None:
    clock = Clock()
    pages = MemoryPages(100, 3600, clock)
    kept = page(clock)
    pages.put("a", kept)
    clock.pass_seconds(3599)
    assert pages.get("a") is kept
    clock.pass_seconds(1)
    assert pages.get("a") is None


def test_the_time_counts_from_the_fetch_not_from_the_keeping_or_the_last_use() -> None:
    clock = Clock()
    pages = MemoryPages(100, 3600, clock)
    kept = page(clock)
    clock.pass_seconds(3000)
    pages.put("a", kept)
    assert pages.get("a") is kept
    clock.pass_seconds(600)
    assert pages.get("a") is None


def test_a_page_that_was_never_kept_is_not_there() -> None:
    assert MemoryPages(100, 3600, Clock()).get("a") is None


def test_with_a_time_of_zero_nothing_is_given_again() -> None:
    clock = Clock()
    pages = MemoryPages(100, 0, clock)
    pages.put("a", page(clock))
    assert pages.get("a") is None


def test_with_an_endless_time_a_page_stays() -> None:
    clock = Clock()
    pages = MemoryPages(100, math.inf, clock)
    pages.put("a", page(clock))
    clock.pass_seconds(10 * 365 * 86_400)
    assert pages.get("a") is not None


def test_the_least_used_page_goes_when_there_are_too_many_rows() -> None:
    clock = Clock()
    pages = MemoryPages(30, 3600, clock)
    for key in ("a", "b", "c"):
        pages.put(key, page(clock))
    assert pages.get("a") is not None
    pages.put("d", page(clock))
    assert pages.get("b") is None
    assert [pages.get(key) is not None for key in ("a", "c", "d")] == [True] * 3


def test_rows_count_and_not_pages() -> None:
    clock = Clock()
    pages = MemoryPages(30, 3600, clock)
    for number in range(30):
        pages.put(str(number), page(clock, rows=1))
    assert all(pages.get(str(number)) is not None for number in range(30))
    pages.put("ten", page(clock, rows=10))
    assert sum([pages.get(str(number)) is not None for number in range(30)]) == 20


def test_an_empty_page_is_worth_keeping_and_takes_room_too() -> None:
    clock = Clock()
    pages = MemoryPages(2, 3600, clock)
    for key in ("a", "b", "c"):
        pages.put(key, page(clock, rows=0))
    assert [pages.get(key) is not None for key in ("a", "b", "c")] == [False, True, True]


@pytest.mark.parametrize("room", [0, 9])
def test_a_page_larger_than_the_room_is_not_kept_and_drives_nothing_out(room: int) -> None:
    clock = Clock()
    pages = MemoryPages(room, 3600, clock)
    pages.put("small", page(clock, rows=0))
    pages.put("large", page(clock, rows=10))
    assert pages.get("large") is None
    assert (pages.get("small") is not None) is (room > 0)


def test_the_same_question_kept_again_has_the_newer_page_and_its_time() -> None:
    clock = Clock()
    pages = MemoryPages(10, 3600, clock)
    pages.put("a", page(clock))
    clock.pass_seconds(3000)
    newer = page(clock)
    pages.put("a", newer)
    clock.pass_seconds(3000)
    assert pages.get("a") is newer
