"""What moved between two days on which a product was seen, and how much that says.

Thresholds are in `data/changes.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import IntEnum
from functools import cache
from typing import Any, Final, NamedTuple

from keyapi_mcp.product import SERIES, Product
from keyapi_mcp.research.documents import document
from keyapi_mcp.research.guards import ratio
from keyapi_mcp.research.stage import FIELDS as STAGE_FIELDS
from keyapi_mcp.research.stage import place

State = Mapping[str, Any]


class Severity(IntEnum):
    """How much a move says: less than the threshold of "notable", at least that, at least that of "high"."""

    NONE = 0
    MINOR = 1
    NOTABLE = 2
    HIGH = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class Move(NamedTuple):
    """What one figure was and is, `None` = unknown. A stage is a word, `delisted` 0 or 1, the others are numbers."""

    name: str
    before: Any
    now: Any
    severity: Severity = Severity.MINOR

    @property
    def change(self) -> float | None:
        """Fraction of what it was. Guard: numbers, both known, and it was above 0."""
        return None if self.name == "stage" else _change(self.before, self.now)


# The figures that are compared, by the store's names.
FIGURES: Final = ("price_usd", "units_30d", "gmv_30d_usd", "creators", "commission")
# All that is read of a row for its state, by the service's names: a row with these alone has the same.
FIELDS: Final = STAGE_FIELDS | {
    "spu_avg_price",
    SERIES["units"][30],
    SERIES["gmv_usd"][30],
    "total_ifl_cnt",
    "product_commission_rate",
    "off_mark",
}
# Those that move from `least_change` on; for the others any change is one.
_FLOWING: Final = frozenset({"units_30d", "gmv_30d_usd", "creators"})


def rules() -> dict[str, Any]:
    return document("changes")


@cache
def least_change() -> float:
    """The change, as a fraction, below which sums of a window and counts have not moved."""
    return float(rules()["least_change"])


def state(product: Product) -> dict[str, Any]:
    """What is compared of a product, without its stage, which depends on the day."""
    return {
        "price_usd": product.price,
        "units_30d": product.units(30),
        "gmv_30d_usd": product.gmv(30),
        "creators": product.creators,
        "commission": product.commission,
        "delisted": int(product.delisted),
    }


def state_on(product: Product, day: date) -> dict[str, Any]:
    """The same with its stage on this data day."""
    return state(product) | {"stage": place(product, day).stage}


def moves(before: State, now: State) -> tuple[Move, ...]:
    """What moved between two states: price, sales, creators, commission, whether it is on sale, stage.

    Sales and creators have moved when they changed by 1 % or more; every figure, when it became known or unknown. A
    stage has moved when both are known and "Unclear" is neither: that a rule did not apply is no change of the product.
    """
    found = []
    for name in FIGURES:
        old, new = before[name], now[name]
        if old == new:
            continue
        change = _change(old, new)
        if name in _FLOWING and change is not None and abs(change) < least_change():
            continue
        found.append(Move(name, old, new, _severity(name, old, new, change)))
    if before["delisted"] != now["delisted"]:
        found.append(Move("delisted", before["delisted"], now["delisted"], Severity.HIGH))
    left, entered = before.get("stage"), now.get("stage")
    if left != entered and not {left, entered} & {None, "Unclear"}:
        high = entered in rules()["stage"]["high"]
        found.append(Move("stage", left, entered, Severity.HIGH if high else Severity.NOTABLE))
    return tuple(found)


def severity(moved: tuple[Move, ...]) -> Severity:
    """That of the move that says most. Origin of the thresholds: own judgement."""
    return max([move.severity for move in moved], default=Severity.NONE)


def _change(before: float | None, now: float | None) -> float | None:
    quotient = ratio(now, before)
    return None if quotient is None else quotient - 1


def _severity(name: str, before: float | None, now: float | None, change: float | None) -> Severity:
    of = rules()[name]
    if name == "commission":
        size = abs((now or 0) - (before or 0))
        return _rank(size, of["notable_points"], of["high_points"])
    if change is None or before is None or now is None:
        # It became known or unknown, or there was none before: nothing tells how much that is.
        return Severity.MINOR
    if max(before, now) < of.get("least", 0):
        return Severity.MINOR
    return _rank(abs(change), of["notable"], of["high"])


def _rank(size: float, notable: float, high: float) -> Severity:
    size = round(size, 6)  # 345 / 300 − 1 is a hair below 0.15
    if size >= high:
        return Severity.HIGH
    return Severity.NOTABLE if size >= notable else Severity.MINOR
