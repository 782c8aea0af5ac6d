"""What is asked: the same questions for every side, each with a full page of ten rows at the sandbox."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlencode

import httpx2 as httpx

PATH: Final = "/v1/tiktok/product/list/analytics"
HEADERS: Final = {"Authorization": "Bearer sk_bench"}
_PAGES, _SORTS = 60, 7
MOST: Final = _PAGES * _SORTS * 2
# Names in Latin, Thai, Vietnamese and Japanese script among them.
REGIONS: Final = ("US", "GB", "ID", "TH", "VN", "MY", "JP", "MX")


def questions(count: int, region: str = "US") -> list[dict[str, Any]]:
    """So many different questions of one market, at most MOST."""
    return [
        {
            "region": region,
            "product_sort_field": _SORTS - number // _PAGES % _SORTS,
            "sort_type": 1 - number // (_PAGES * _SORTS) % 2,
            "page_num": number % _PAGES + 1,
            "page_size": 10,
        }
        for number in range(count)
    ]


def pages_of_all_markets(count: int) -> list[dict[str, Any]]:
    """So many pages from all eight markets in turn."""
    return [
        {"region": REGIONS[number % len(REGIONS)], "page_num": number // len(REGIONS) + 1, "page_size": 10}
        for number in range(count)
    ]


def url(upstream: str, question: dict[str, Any]) -> str:
    """The question as the service takes it."""
    return f"{upstream}{PATH}?{urlencode(question)}"


def warm(upstream: str, asked: Iterable[dict[str, Any]]) -> None:
    """Ask the sandbox everything once, so that what it keeps ready is ready: it is not what is measured."""
    with httpx.Client(headers=HEADERS, trust_env=False) as client:
        for question in asked:
            response = client.get(url(upstream, question)).raise_for_status()
            if response.content.count(b'"product_id":') != 10:
                raise RuntimeError(f"the sandbox has no full page for {question}")
