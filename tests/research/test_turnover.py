"""What entered and left a recipe: against the run before of the same depth, or against one of an earlier day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from keyapi_mcp.research.turnover import RecipeRun, Turnover, turnovers

FIRST = date(2026, 11, 20)


def run(days: int, ids: str, *, depth: int = 3, region: str = "US") -> RecipeRun:
    return RecipeRun(region, FIRST + timedelta(days=days), datetime(2026, 11, 23, tzinfo=UTC), depth, tuple(ids))


def told(*runs: RecipeRun, since: int | None = None) -> Turnover:
    """runs: the newest last."""
    (one,) = turnovers(reversed(runs), None if since is None else FIRST + timedelta(days=since))
    return one


def test_the_first_run_has_nothing_to_compare_with() -> None:
    first = run(0, "ab")
    assert told(first) == Turnover(first)
    assert turnovers([], None) == ()


def test_against_the_run_before() -> None:
    before, last = run(1, "abc"), run(2, "dbe")
    assert told(run(0, "dx"), before, last) == Turnover(last, before, entered=("d", "e"), left=("a", "c"))
    assert told(before, run(2, "")).left == ("a", "b", "c")
    assert told(run(1, ""), last).entered == ("d", "b", "e")


@pytest.mark.parametrize(("since", "before"), [(None, 4), (3, 2), (2, 2), (1, 0), (0, 0), (-5, 0), (4, 4)])
def test_against_the_last_run_up_to_a_day_and_before_everything_against_the_first(
    since: int | None, before: int
) -> None:
    found = told(*[run(days, "a") for days in (0, 2, 4, 6)], since=since)
    assert found.before == run(before, "a")


@pytest.mark.parametrize("since", [6, 9])
def test_nothing_has_changed_after_the_last_run(since: int) -> None:
    last = run(6, "a")
    assert told(run(0, "b"), last, since=since) == Turnover(last)


def test_only_runs_of_the_same_depth_are_compared() -> None:
    deep, shallow, last = run(0, "abc"), run(1, "a", depth=1), run(2, "abd")
    assert told(deep, shallow, last) == Turnover(last, deep, entered=("d",), left=("c",))
    assert told(shallow, last) == Turnover(last, unlike=True)
    gaps = run(3, "a", depth=0)
    assert told(run(0, "b", depth=0), gaps) == Turnover(gaps, unlike=True)


def test_each_market_has_its_own() -> None:
    runs = [run(1, "b", region="GB"), run(0, "a", region="GB"), run(5, "c", region="US")]
    assert turnovers(runs, None) == (Turnover(runs[0], runs[1], entered=("b",), left=("a",)), Turnover(runs[2]))
