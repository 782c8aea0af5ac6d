"""Links to product pages: the id is taken out of each that there is, and out of nothing else."""

from __future__ import annotations

import pytest

from keyapi_mcp.reference.product_links import as_ids

ID = "1729578689405152982"


@pytest.mark.parametrize(
    "link",
    [
        "https://www.tiktok.com/view/product/{}",
        "http://www.tiktok.com/view/product/{}/",
        "www.tiktok.com/view/product/{}",
        "tiktok.com/view/product/{}",
        "HTTPS://WWW.TIKTOK.COM/view/product/{}?region=US&locale=en#reviews",
        "https://shop.tiktok.com/view/product/{}?region=GB",
        "https://www.tiktok.com/shop/pdp/{}",
        "https://www.tiktok.com/shop/pdp/lip-oil_50%25-off/{}?source=search",
        "https://shop.tiktok.com/us/pdp/lippenöl-2/{}/",
    ],
)
def test_a_link_becomes_its_id(link: str) -> None:
    assert as_ids(link.format(ID)) == ID


def test_links_are_found_among_ids_and_in_json() -> None:
    link = f"https://www.tiktok.com/view/product/{ID}"
    assert as_ids(f"{link},{link}?a=1, 77; {link}") == f"{ID},{ID}, 77; {ID}"
    assert as_ids(f'["{link}?a=1", "77"]') == f'["{ID}", "77"]'


@pytest.mark.parametrize(
    "text",
    [
        f"https://www.tiktok.com/@somebody/video/{ID}",
        f"https://www.tiktok.com/shop/store/acme/{ID}",
        f"https://not-tiktok.example/view/product/{ID}",
        f"https://eviltiktok.com/view/product/{ID}",
        f"https://www.tiktok.com.example/view/product/{ID}",
        f"https://www.tiktok.com/view/product/{ID}x",
        "https://www.tiktok.com/view/product/" + "9" * 26,
        "https://www.tiktok.com/view/product/",
        ID,
        "",
    ],
)
def test_anything_else_stays_as_it_is(text: str) -> None:
    assert as_ids(text) == text


@pytest.mark.parametrize("text", ["a." * 9_000, "tiktok.com/pdp/" * 1_300, "tiktok.com/a/a/a/pdp/" * 900, "x" * 10**7])
def test_no_text_whatever_takes_long(text: str) -> None:
    assert as_ids(text) == text
