"""A product over the days it was seen: its last state, and its figures on an earlier day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from keyapi_mcp.product import Product


@dataclass(frozen=True, slots=True)
class Seen:
    """A product as it was seen last.

    day: the day that the figures speak of; fetched_at: UTC; first_day, days: data day of the first sight, and on how
    many days there was one.
    """

    region: str
    product: Product
    day: date
    fetched_at: datetime
    first_day: date
    days: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A product's figures on an earlier day. Texts are not kept by day: there are none."""

    product: Product
    day: date
