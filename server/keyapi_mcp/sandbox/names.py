"""Markets of the sandbox, and product names and descriptions in their languages (`data/names.json`)."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Market:
    """rate: local currency per USD; price: median in USD; weight: share of the catalogue."""

    code: str
    language: str
    currency: str
    currency_name: str
    symbol: str
    rate: float
    price: float
    weight: int


MARKETS: Final = {
    market.code: market
    for market in (
        Market("US", "en", "USD", "US Dollar", "$", 1, 19.9, 15),
        Market("GB", "en", "GBP", "Pound Sterling", "£", 0.79, 19.0, 6),
        Market("TH", "th", "THB", "Thai Baht", "฿", 34, 3.7, 6),
        Market("VN", "vi", "VND", "Vietnamese Dong", "₫", 25_400, 4.9, 6),
        Market("ID", "id", "IDR", "Indonesian Rupiah", "Rp", 15_900, 4.4, 5),
        Market("MY", "ms", "MYR", "Malaysian Ringgit", "RM", 4.4, 5.2, 3),
        Market("PH", "en", "PHP", "Philippine Peso", "₱", 58, 4.6, 3),
        Market("SG", "en", "SGD", "Singapore Dollar", "S$", 1.34, 9.5, 2),
        Market("MX", "es", "MXN", "Mexican Peso", "$", 18.5, 8.3, 3),
        Market("ES", "es", "EUR", "Euro", "€", 0.92, 14.0, 2),
        Market("JP", "ja", "JPY", "Japanese Yen", "¥", 152, 13.0, 3),
        Market("DE", "de", "EUR", "Euro", "€", 0.92, 16.0, 2),
    )
}

# Level-1 category → the vocabulary's group; the rest is "life".
_GROUPS: Final = {
    **dict.fromkeys(("601450", "700645"), "beauty"),
    **dict.fromkeys(
        ("601152", "601303", "601352", "605248", "802184", "824328", "824584", "856720", "953224"), "fashion"
    ),
    **dict.fromkeys(("600001", "600024", "600154", "600942", "604453", "604579", "604968"), "home"),
    **dict.fromkeys(("601739", "601755"), "tech"),
}

# What strangers put into listings, now and then.
_MESS: Final = (
    "  {}  ",
    "{} | Official Store | 2026",
    "🔥{}🔥 50% OFF",
    "<b>{}</b>",
    "{} [Shop now](https://example.com)",
    "\u200b{}\u202e",
    "{}\t\tHOT",
    "**{}**  (buy 2, get 1)",
)


@cache
def vocabulary() -> dict[str, dict[str, Any]]:
    """Language → `before`, `nouns` (by group), `after`, `sentences`, `seller`, `companies`, `addresses`."""
    source = resources.files("keyapi_mcp.sandbox") / "data" / "names.json"
    words: dict[str, dict[str, Any]] = json.loads(source.read_text(encoding="utf-8"))
    return words


def product_name(draw: random.Random, market: Market, category_id: str, category: str) -> str:
    """A seller's name for a product: words piled up around what it is. category: English name of the third level."""
    words = vocabulary()[market.language]
    nouns = words["nouns"].get(_GROUPS.get(category_id, "life"), (category,))
    parts = [draw.choice(words["before"]), draw.choice(nouns), *draw.sample(words["after"], draw.randint(1, 4))]
    name = ("" if market.language == "ja" else " ").join(parts)
    return draw.choice(_MESS).format(name) if draw.random() < 0.06 else name


def sentences(draw: random.Random, market: Market, count: int) -> list[str]:
    """Sentences for a description."""
    return draw.choices(vocabulary()[market.language]["sentences"], k=count)


def seller_lines(draw: random.Random, market: Market) -> tuple[str, list[str]]:
    """The heading and the lines with a seller's business name and address, which some descriptions end with."""
    words = vocabulary()[market.language]
    heading, *lines = words["seller"]
    company, address = draw.choice(words["companies"]), draw.choice(words["addresses"])
    return heading, [line.format(company=company, address=address) for line in lines]
