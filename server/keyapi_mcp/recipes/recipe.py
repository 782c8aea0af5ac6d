"""A recipe: what it asks of the service, and what it demands of the rows that come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal, get_args

from keyapi_mcp.clock import day_number
from keyapi_mcp.fields import FIGURES
from keyapi_mcp.query import PARAMETERS
from keyapi_mcp.research.derived import NAMES, WORDS
from keyapi_mcp.research.stage import FollowWindow, Stage

How = Literal["min", "above", "max", "below", "is"]
HOWS: Final[tuple[How, ...]] = get_args(How)

# What a condition can be about, and of those that are words, which words there are.
METRICS: Final = (*NAMES, *(column.name for column in FIGURES if column.name not in NAMES))
WORDS_OF: Final[dict[str, tuple[str, ...]]] = dict(zip(WORDS, (get_args(Stage), get_args(FollowWindow)), strict=True))
# Of a whole, so never above 1.
SHARES: Final = frozenset({"commission", "video_share", "live_share"})

CATEGORY_FILTERS: Final = tuple(name for name in PARAMETERS if name.startswith("category_"))
FILTERS: Final = tuple(
    name for name in PARAMETERS if name not in ("region", "product_sort_field", "sort_type", "page_num", "page_size")
)


@dataclass(frozen=True, slots=True)
class DaysAgo:
    """A day, counted back from the data day."""

    days: int

    def on(self, data_day: date) -> int:
        return day_number(data_day - timedelta(days=self.days))


@dataclass(frozen=True, slots=True)
class Condition:
    """A demand on one metric; one that is unknown never meets it. name: under which its value can be overridden."""

    metric: str
    how: How
    value: float | str
    name: str

    def holds(self, value: float | str | None) -> bool:
        if value is None or self.how == "is" or isinstance(value, str) or isinstance(self.value, str):
            return value is not None and value == self.value
        if self.how in ("min", "above"):
            return value >= self.value if self.how == "min" else value > self.value
        return value <= self.value if self.how == "max" else value < self.value


@dataclass(frozen=True, slots=True)
class Recipe:
    """One named screen.

    filters: parameter → value as a caller would write it, or DaysAgo; sort, direction: the service's codes; least: with
    fewer products that meet all conditions the best of the sort are shown instead, 0 = never; own: of the user's file;
    overridden: the names of what a call has changed.
    """

    name: str
    purpose: str
    filters: Mapping[str, Any]
    sort: int
    direction: int
    pages: int
    conditions: tuple[Condition, ...] = ()
    origin: str = ""
    least: int = 0
    own: bool = False
    overridden: tuple[str, ...] = ()

    def arguments(self, data_day: date) -> dict[str, Any]:
        """What it asks of the service, as the arguments of a search, without a region."""
        filters = {
            name: value.on(data_day) if isinstance(value, DaysAgo) else value for name, value in self.filters.items()
        }
        return filters | {"product_sort_field": self.sort, "sort_type": self.direction}
