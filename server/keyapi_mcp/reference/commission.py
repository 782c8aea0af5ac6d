"""The unit of commission rates: the only place that converts it.

The document does not say whether 15 % is sent as 0.15 or as 15. Public clients of the same source and real rows say
fraction (about 75–94 % certain), so that is the default; `KEYAPI_MCP_COMMISSION_UNIT=percent` turns both ways over.
"""

from __future__ import annotations

from typing import Literal

CommissionUnit = Literal["fraction", "percent"]


def to_service(fraction: float, unit: CommissionUnit) -> float:
    """A fraction (0.15 = 15 %) in the unit that the service's filters take."""
    return round(fraction * 100, 6) if unit == "percent" else fraction


def from_service(value: float, unit: CommissionUnit) -> tuple[float, bool]:
    """A row's rate as a fraction, and whether it was read as a percentage against the unit in force.

    With unit "fraction" a value above 1 cannot be a fraction: it is divided by 100 and flagged.
    """
    if unit == "percent":
        return value / 100, False
    if value > 1:
        return value / 100, True
    return value, False
