"""`collect`: recipes by a scheduler, within a budget; the exit code says whether anything changed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest

from keyapi_mcp.app import App
from keyapi_mcp.commands import collect
from keyapi_mcp.sandbox.faults import Fault
from support.command import keyapi_mcp
from support.pages import Listing, rows
from support.sandbox_server import DAY, RunningSandbox, running_sandbox
from support.service import settings_for, without_waiting

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RECIPES = ("low-price-volume", "creator-hot")


@pytest.fixture
def served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=240) as running:
        yield running


class Scheduler:
    """Runs `collect` in a process's place, on one day after another."""

    def __init__(self, sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str]) -> None:
        self.sandbox, self.capsys = sandbox, capsys
        self.out = self.err = ""

    def run(
        self,
        *recipes: str,
        region: str = "US",
        days: int = 0,
        source: int | None = None,
        max_credits: int | None = None,
        **settings: object,
    ) -> int:
        """source: the day of its data, where that is behind."""
        self.sandbox.set_day(DAY + timedelta(days=days if source is None else source))
        self.sandbox.requests.clear()
        now = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC) + timedelta(days=days + 1)
        app = App(settings_for(self.sandbox.url, **settings), clock=lambda: now)
        code = collect.run(app, recipes, region, max_credits)
        self.out, self.err = self.capsys.readouterr()
        return code

    @property
    def asked(self) -> int:
        return len(self.sandbox.requests)


@pytest.fixture
def scheduler(served: RunningSandbox, capsys: pytest.CaptureFixture[str]) -> Scheduler:
    return Scheduler(served, capsys)


def test_on_the_first_day_nothing_has_changed_and_on_a_later_one_it_says_what_did(scheduler: Scheduler) -> None:
    assert scheduler.run(*RECIPES) == 0
    assert scheduler.asked > 0
    assert scheduler.out.endswith(f"Credits: {scheduler.asked}. Nothing moved.\n")
    assert scheduler.run(*RECIPES) == 0  # the same day again: all of it is kept
    assert scheduler.asked == 0
    assert scheduler.run(*RECIPES, days=4) == 1
    assert scheduler.asked > 0
    for recipe in RECIPES:
        assert (
            f"What changed: recipe {recipe} · US · against the data day before each product's latest" in scheduler.out
        )
    assert "product_id|" in scheduler.out
    assert not scheduler.out.endswith("Nothing moved.\n")
    assert scheduler.run(*RECIPES, days=4) == 1  # what changed is still so when it is asked for again
    assert scheduler.asked == 0


def test_all_recipes_together_spend_no_more_than_they_may(scheduler: Scheduler) -> None:
    scheduler.run(*RECIPES, max_credits=2)
    assert scheduler.asked == 2
    assert "Credits: 2." in scheduler.out
    scheduler.run(*RECIPES, days=1, credits_per_call=1)
    assert scheduler.asked == 2


def test_without_a_credit_left_the_next_recipe_is_told_as_not_run(scheduler: Scheduler) -> None:
    assert scheduler.run(*RECIPES, max_credits=1) == 3
    assert scheduler.asked == 1
    assert "Recipe low-price-volume: " in scheduler.out
    assert "Partial: pages 2–4 of 4 could not be read" in scheduler.out
    assert scheduler.out.endswith(
        "Credits: 1. Nothing moved, as far as is known. Not run for lack of credits: creator-hot.\n"
    )
    assert "Recipe creator-hot" not in scheduler.out
    assert "max_credits=0" not in scheduler.err + scheduler.out


def test_without_a_credit_left_old_pages_are_not_told_as_what_changed(scheduler: Scheduler) -> None:
    scheduler.run(*RECIPES)
    assert scheduler.run(*RECIPES, days=1) == 1
    assert scheduler.run(*RECIPES, days=2, max_credits=1) == 3
    assert scheduler.asked == 1
    assert scheduler.out.endswith(" Not run for lack of credits: creator-hot.\n")
    assert "creator-hot · " not in scheduler.out


def test_pages_that_are_kept_and_fresh_need_no_credit(scheduler: Scheduler) -> None:
    scheduler.run(*RECIPES)
    assert scheduler.run(*RECIPES, days=1) == 1
    assert scheduler.run(*RECIPES, days=1, max_credits=0) == 1
    assert scheduler.asked == 0
    assert "Not run" not in scheduler.out


# --- what is not read is no change --------------------------------------------------------------------------------


def two_days(scheduler: Scheduler) -> None:
    assert scheduler.run("creator-hot") == 0
    assert scheduler.run("creator-hot", days=1) == 1
    assert scheduler.out.endswith("Credits: 3. Something changed in 1 of 1 recipes.\n")


def test_an_account_without_credits_is_a_failure_and_no_change(scheduler: Scheduler) -> None:
    two_days(scheduler)
    scheduler.sandbox.faults.push(Fault("status", status=402, times=None))
    for days in (2, 3):
        assert scheduler.run("creator-hot", days=days) == 4
        assert scheduler.asked > 0
        assert "\nStale: " in scheduler.out
        assert "\nNothing newer than the data of 2026-11-23, which was read on an earlier day.\n" in scheduler.out
        assert "product_id|" not in scheduler.out
        assert scheduler.out.endswith("Credits: 0. Nothing moved, as far as is known.\n")
        assert "\ncreator-hot: " in scheduler.err
        assert " Next: " in scheduler.err
    scheduler.sandbox.faults.clear()
    assert scheduler.run("creator-hot", days=3) == 1


def test_a_page_that_fails_is_a_failure_and_its_old_figures_are_no_change(scheduler: Scheduler) -> None:
    two_days(scheduler)
    scheduler.sandbox.faults.push(Fault("status", status=503, times=None, after=1))
    with without_waiting():
        assert scheduler.run("creator-hot", days=2) == 4
    assert "\nStale: The service failed (503)" in scheduler.out
    assert "STALE: 2 of 3 pages" in scheduler.out
    assert " of these moved before the last run: nothing newer of them has come since.\n" in scheduler.out
    assert "creator-hot: The service failed (503)" in scheduler.err


def test_a_source_that_has_not_been_refreshed_has_no_change(scheduler: Scheduler) -> None:
    two_days(scheduler)
    assert scheduler.run("creator-hot", days=2, source=1) == 0
    assert scheduler.asked == 3
    assert "source not refreshed yet" in scheduler.out
    assert "product_id|" not in scheduler.out
    assert scheduler.out.endswith("Credits: 3. Nothing moved.\n")
    assert scheduler.run("creator-hot", days=3) == 1


def test_what_is_switched_off_is_told_by_the_exit_code(scheduler: Scheduler) -> None:
    two_days(scheduler)
    assert scheduler.run("creator-hot", days=2, offline=True) == 5
    assert scheduler.asked == 0
    assert "KEYAPI_MCP_OFFLINE forbids asking" in scheduler.err


def test_a_sample_cut_by_a_limit_of_the_day_says_why(scheduler: Scheduler) -> None:
    assert scheduler.run("creator-hot", credits_per_day=1) == 5
    assert "\nPartial: pages 2–3 of 3 could not be read: This would cost 1 credit" in scheduler.out
    assert "KEYAPI_MCP_CREDITS_PER_DAY" in scheduler.err


@pytest.mark.parametrize(("found", "code"), [((0, 1, 2), 0), ((0, 1, 2, 3), 1), ((0, 1), 1), ((), 1)])
def test_what_entered_or_left_a_recipe_is_a_change(
    found: tuple[int, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def served(numbers: tuple[int, ...], more: int) -> Listing:
        """More that is too little to have moved, but tells that the source was refreshed."""
        return Listing(
            [
                one | {"total_sale_1d_cnt": 10 + more}
                for number, one in enumerate(rows(4, total_sale_7d_cnt=70))
                if number in numbers
            ]
        )

    listing = served((0, 1, 2), 0)
    for days in (0, 1):
        app = App(
            settings_for("http://127.0.0.1:1"),
            upstream=httpx.MockTransport(listing),
            clock=lambda days=days: NOON + timedelta(days=days),  # type: ignore[misc]
        )
        wanted = code if days else 0
        assert collect.run(app, ["hidden-gem"], "US", None) == wanted, capsys.readouterr().err
        listing = served(found, 1)
    out = capsys.readouterr().out
    assert f"; new since 2026-11-22: {'1 (' if 3 in found else 'none'}" in out
    assert "0 of " in out or not found


def test_one_recipe_s_failure_does_not_keep_the_next_from_running(scheduler: Scheduler) -> None:
    scheduler.sandbox.faults.push(Fault("status", status=400))
    assert scheduler.run(*RECIPES) == 4
    assert scheduler.err.count("low-price-volume: ") > 0
    assert "recipe creator-hot" in scheduler.out


def test_a_limit_of_the_day_ends_it(scheduler: Scheduler) -> None:
    assert scheduler.run(*RECIPES, "live-sellers", credits_per_day=1) == 5
    assert scheduler.asked == 1
    assert "KEYAPI_MCP_CREDITS_PER_DAY" in scheduler.err
    assert "live-sellers" not in scheduler.err


def test_progress_is_told_in_plain_lines_where_there_is_no_terminal(scheduler: Scheduler) -> None:
    scheduler.run("creator-hot")
    assert "creator-hot, pages: 1 of 3\n" in scheduler.err
    assert "\r" not in scheduler.err


def test_a_recipe_that_there_is_not_is_refused_before_anything_is_asked(scheduler: Scheduler) -> None:
    assert scheduler.run("creator-hot", "creator-cold") == 3
    assert "no recipe creator-cold. There are: breaking-out," in scheduler.err
    assert scheduler.asked == 0


def test_the_command_takes_recipes_region_and_budget() -> None:
    done = keyapi_mcp("collect", "creator-hot", "--region", "US", "--max-credits", "1", "--sandbox")
    assert done.returncode == 0, done.stderr
    assert "Credits: 1. Nothing moved." in done.stdout
    assert keyapi_mcp("collect", "creator-hot", "--sandbox").returncode == 2
    assert keyapi_mcp("collect", "creator-hot", "--region", "US", "--max-credits", "-1", "--sandbox").returncode == 2


def test_a_recipe_s_name_may_be_written_freely(scheduler: Scheduler) -> None:
    assert scheduler.run("Creator Hot", "creator_hot") == 0
    assert scheduler.out.count("Recipe creator-hot: ") == 1


def test_a_recipe_that_has_never_returned_anything_has_nothing_that_changed(scheduler: Scheduler) -> None:
    assert scheduler.run("creator-hot", region="XX", max_credits=1) == 0, scheduler.err
    assert "Recipe creator-hot: " in scheduler.out
    # It costs a credit each time, so it is said why nothing comes.
    assert "\nXX is not among the markets known to work here; the nearest is MX.\n" in scheduler.out
    assert scheduler.out.endswith("Credits: 1. Nothing moved.\n")
    scheduler.run("creator-hot", max_credits=1)
    assert "known to work" not in scheduler.out


def test_once_nobody_reads_no_more_is_spent(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, file: object = None, **_options: object) -> None:
        if file is None:
            raise BrokenPipeError

    monkeypatch.setattr(collect, "print", broken, raising=False)
    with pytest.raises(BrokenPipeError):
        scheduler.run(*RECIPES)
    assert 0 < scheduler.asked <= 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_cannot_be_written_is_told_and_is_no_change() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "keyapi_mcp", "collect", "creator-hot", "--region", "US", "--sandbox"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 5
    assert done.stderr.endswith("keyapi-mcp: cannot write: No space left on device.\n")
