"""Every derived metric of a product at once, under the names of the store's columns and the glossary."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Final

from keyapi_mcp.product import Product
from keyapi_mcp.research import age, channels, growth, payoff, quality
from keyapi_mcp.research.opportunity import default_weights, opportunity
from keyapi_mcp.research.stage import place

# Raised whenever a formula or guard changes: stored values are then computed anew from the stored fields.
RULES_VERSION: Final = 3
_PER_VERSION: Final = 2**32


@dataclass(frozen=True)
class Rules:
    """What metrics are computed by. weights: of the opportunity score, which the user may change."""

    weights: Mapping[str, float] = field(default_factory=default_weights)

    @cached_property
    def stamp(self) -> int:
        """Kept beside stored metrics: tells by which formulas and weights they were computed."""
        return RULES_VERSION * _PER_VERSION + zlib.crc32(repr(sorted(self.weights.items())).encode())

    @property
    def next_version(self) -> int:
        """Stamps from here on are those of a newer program, whose metrics are left as they are."""
        return (RULES_VERSION + 1) * _PER_VERSION


def derive(product: Product, day: date, rules: Rules) -> dict[str, Any]:
    """All derived metrics of a product on the data day; `None` where a guard says so.

    As `metrics`, with `stage` and `follow_window` as words and `opportunity` from 0 to 100.
    """
    placed = place(product, day)
    return metrics(product, day) | {
        "stage": placed.stage,
        "follow_window": placed.window,
        "opportunity": opportunity(product, rules.weights).score,
    }


def metrics(product: Product, day: date) -> dict[str, float | None]:
    """Those that are figures.

    Money in USD; rates, shares and growth as fractions; `seen_days` in days; `delisted` and `inconsistent` 0 or 1.
    """
    split = channels.channel_split(product)
    return {
        "commission": product.commission,
        "usd_per_sale": payoff.usd_per_sale(product),
        "growth_7d": growth.growth_7d(product),
        "growth_30d": growth.growth_30d(product, day),
        "growth_7d_vs_23d": growth.growth_7d_against_23(product),
        "momentum": growth.momentum(product),
        "yesterday_ratio": growth.yesterday(product),
        "creators_active_7d": product.creators_active(7),
        "creators_active_30d": product.creators_active(30),
        "creator_inflow": growth.creator_inflow(product),
        "video_inflow": growth.video_inflow(product),
        "video_share": split.video,
        "live_share": split.live,
        "other_share": split.other,
        "gmv_per_creator_usd": payoff.gmv_per_creator(product),
        "gmv_per_video_usd": payoff.gmv_per_video(product),
        "view_conversion": payoff.view_conversion(product),
        "gmv_per_1000_views_usd": payoff.gmv_per_1000_views(product),
        "commission_pool_usd": payoff.commission_pool(product),
        "pool_per_creator_usd": payoff.pool_per_creator(product),
        "realised_price_usd": payoff.realised_price(product),
        "review_ratio": quality.review_ratio(product),
        "seen_days": age.days_since_first_seen(product, day),
        "delisted": int(product.delisted),
        "inconsistent": int(bool(age.contradictions(product))),
    }


NAMES: Final = tuple(derive(Product({"product_id": "0"}), date(2026, 1, 1), Rules()))
# Of these, the words; the others are numbers.
WORDS: Final = ("stage", "follow_window")
