"""What entered and what left a recipe between two of its runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby


@dataclass(frozen=True, slots=True)
class RecipeRun:
    """A run by the recipe's name alone, on the data of one day.

    first_at: when that day's data was first read for it; depth: how many pages it read from the first on, 0 for a
    sample with gaps or old pages; product_ids: those that met its conditions.
    """

    region: str
    day: date
    first_at: datetime
    depth: int
    product_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turnover:
    """last: the last run of a market; before: the one that it is compared with, `None` where there is none; unlike:
    there were runs before, but none of the same depth; entered, left: ids, each in the order of its run.
    """

    last: RecipeRun
    before: RecipeRun | None = None
    unlike: bool = False
    entered: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def turnovers(runs: Iterable[RecipeRun], since: date | None) -> tuple[Turnover, ...]:
    """One a market. runs: of one recipe, by market, the newest first; since: a day to compare with, `None` = the run
    before the last one.
    """
    return tuple(_turnover(tuple(of_one), since) for _, of_one in groupby(runs, lambda run: run.region))


def _turnover(runs: Sequence[RecipeRun], since: date | None) -> Turnover:
    last, *earlier = runs
    if not earlier or (since is not None and last.day <= since):
        return Turnover(last)
    # What a run of fewer pages lacks may only not have been looked at.
    alike = [run for run in earlier if run.depth == last.depth > 0]
    if not alike:
        return Turnover(last, unlike=True)
    before = next((run for run in alike if since is None or run.day <= since), alike[-1])
    return Turnover(
        last,
        before,
        entered=tuple(one for one in last.product_ids if one not in before.product_ids),
        left=tuple(one for one in before.product_ids if one not in last.product_ids),
    )
