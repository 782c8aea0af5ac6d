"""Which products moved between two of the days on which they were seen, the most telling first, and how many did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from heapq import nlargest
from typing import Literal, NamedTuple

from keyapi_mcp.research.changes import Move, Severity
from keyapi_mcp.research.turnover import Turnover


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose changes: those of all known products, of those that a recipe's last run found, or of the watched ones.

    region: `None` for every one.
    """

    kind: Literal["watch", "recipe", "all"]
    recipe: str = ""
    region: str | None = None


class Change(NamedTuple):
    """A product between two days.

    day: of its last state; since: of the state that it is compared with, `None` where there is none; moved: what moved
    in between, and how much that says; later: nothing as old as was asked for is kept, so that `since` is the first
    kept day after it; idle: it was not seen after the day that was asked for.
    """

    region: str
    product_id: str
    name: str | None
    gmv_30d_usd: float | None
    day: date
    since: date | None
    moved: tuple[Move, ...] = ()
    severity: Severity = Severity.NONE
    later: bool = False
    idle: bool = False

    def _order(self) -> tuple[int, int, float, str, str]:
        """Those that moved, then those that did not, then those of which nobody can tell; the larger first."""
        gmv = -1.0 if self.gmv_30d_usd is None else self.gmv_30d_usd
        return (self.since is not None, self.severity, gmv, self.region, self.product_id)


@dataclass(frozen=True, slots=True)
class Changes:
    """listed: the first ones, as far as they were wanted; by_severity: how many moved; same: how many did not; idle,
    once: how many cannot tell, because they were not seen after the day asked for, or on one day only; later: how many
    are compared with a later day than asked for; pending: how many are still to be compared; earlier: how many of those
    that moved did before the recipe's last run; turnover: of a recipe, by market.
    """

    listed: tuple[Change, ...]
    by_severity: Mapping[Severity, int]
    same: int = 0
    idle: int = 0
    once: int = 0
    later: int = 0
    pending: int = 0
    earlier: int = 0
    turnover: tuple[Turnover, ...] = ()

    @property
    def moved(self) -> int:
        return sum(self.by_severity.values())

    @property
    def known(self) -> int:
        return self.moved + self.same + self.idle + self.once + self.pending


@dataclass(slots=True)
class Tally:
    """Counts changes and holds on to the first ones. still: list those that did not move, too."""

    most: int
    still: bool = False
    _listed: list[Change] = field(default_factory=list)
    _by_severity: Counter[Severity] = field(default_factory=Counter)
    _same: int = 0
    _idle: int = 0
    _once: int = 0
    _later: int = 0
    _earlier: int = 0

    def add(self, changes: Iterable[Change], last_run: date | None = None) -> None:
        listed = self._listed
        for one in changes:
            if one.idle:
                self._idle += 1
            elif one.since is None:
                self._once += 1
            elif one.moved:
                self._by_severity[one.severity] += 1
            else:
                self._same += 1
            self._later += one.later
            self._earlier += bool(one.moved) and last_run is not None and one.day < last_run
            if one.moved or self.still:
                listed.append(one)
        self._listed = nlargest(self.most, listed, key=Change._order)

    def whole(self) -> Changes:
        return Changes(
            tuple(self._listed),
            self._by_severity,
            self._same,
            self._idle,
            self._once,
            self._later,
            earlier=self._earlier,
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """What returned a product last. recipe: its name, with the pages that it takes; key: the search, as it was sent;
    each empty where there is none.
    """

    recipe: str = ""
    region: str = ""
    pages: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """note: the user's, empty for none."""

    product_id: str
    note: str = ""
