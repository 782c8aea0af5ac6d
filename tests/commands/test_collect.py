"""`collect`: recipes by a scheduler, within a budget; the exit code says whether anything changed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keyapi_mcp.app import App
from keyapi_mcp.commands import collect
from keyapi_mcp.sandbox.faults import Fault
from support.command import keyapi_mcp
from support.sandbox_server import DAY, RunningSandbox, running_sandbox
from support.service import settings_for

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
        max_credits: int | None = None,
        **settings: object,
    ) -> int:
        self.sandbox.set_day(DAY + timedelta(days=days))
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
    assert "creator-hot: " in scheduler.err
    assert "max_credits=0" in scheduler.err


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
