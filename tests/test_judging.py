"""The user's own weights: in force when they can be, told by name and line when they cannot."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from keyapi_mcp.judging import read_judging
from keyapi_mcp.research.derived import Rules
from keyapi_mcp.research.opportunity import default_weights
from keyapi_mcp.settings import Settings, read_settings
from support.kept import Clock, Service, open_app, product_id, row
from support.waiting import until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(token="sk_live_judging", home=tmp_path)


def write(settings: Settings, text: str) -> None:
    assert settings.home is not None
    (settings.home / "opportunity.toml").write_text(text, encoding="utf-8")


def test_without_a_file_the_weights_are_the_package_s(settings: Settings) -> None:
    judging = read_judging(settings)
    assert (judging.own_weights, judging.broken) == (False, "")
    assert judging.rules.weights == default_weights()


def test_a_file_changes_the_weights_that_it_names(settings: Settings) -> None:
    write(settings, "[weights]\ndemand = 60\nquality = 0\n")
    judging = read_judging(settings)
    assert judging.own_weights
    assert judging.rules.weights == {**default_weights(), "demand": 60, "quality": 0}
    assert judging.rules.stamp != Rules().stamp


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[weights]\ndemand = -1\n", "opportunity.toml, line 2: demand: has to be a number from 0 on."),
        ("[weights]\ndemand = true\n", "opportunity.toml, line 2: demand: has to be a number from 0 on."),
        ("[weights]\ndemand = nan\n", "opportunity.toml, line 2: demand: has to be a number from 0 on."),
        ("[weights]\n\ndemnd = 1\n", "opportunity.toml, line 3: demnd: is no signal; there are demand, momentum,"),
        ("weights = 1\n", "opportunity.toml, line 1: weights: has to be a table, [weights]."),
        ("[bounds]\n", "opportunity.toml, line 1: bounds: the file has one table, [weights]."),
        (
            "[weights]\ndemand = 0\nmomentum = 0\npayoff = 0\ncompetition_gap = 0\nquality = 0\n",
            "opportunity.toml, line 1: weights: at least one has to be above 0.",
        ),
        ("[weights\n", "opportunity.toml, line 1: "),
    ],
)
def test_a_broken_file_is_told_by_name_and_line_and_changes_nothing(settings: Settings, text: str, told: str) -> None:
    write(settings, text)
    judging = read_judging(settings)
    assert judging.broken.startswith(told)
    assert judging.broken.endswith("The package's own weights are used.")
    assert (judging.rules.weights, judging.own_weights) == (default_weights(), False)


@pytest.mark.anyio
async def test_a_server_with_a_broken_file_works_and_its_cards_say_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "opportunity.toml").write_text("[weights]\ndemand = x\n")
    async with open_app(Service(row(1)), Clock(), home=tmp_path) as app:
        await app.call("search_products", {"region": "US"})
        card = await app.call("get_product", {"product_id": product_id(1)})
    assert any(note.startswith("opportunity.toml, line 2: ") for note in card.notes)
    assert "opportunity.toml, line 2: " in caplog.text


@pytest.mark.anyio
async def test_stored_scores_follow_changed_weights(tmp_path: Path) -> None:
    async def card() -> str:
        async with open_app(Service(row(1)), Clock(), home=tmp_path) as app:
            await app.call("search_products", {"region": "US"})
            return (await app.call("get_product", {"product_id": product_id(1)})).text()

    def stored() -> float:
        with closing(sqlite3.connect(next(tmp_path.glob("*.sqlite")))) as connection:
            (score,) = connection.execute("SELECT opportunity FROM products").fetchone()
            return float(score)

    usual = await card()
    before = stored()
    assert f"Opportunity {before:.0f} of 100 (a screen, not validated) demand" in usual
    (tmp_path / "opportunity.toml").write_text(
        "[weights]\ndemand = 0\nmomentum = 1\npayoff = 0\ncompetition_gap = 0\nquality = 0\n"
    )
    changed = await card()
    until(lambda: stored() != before)
    momentum = (71 / 7) / (301 / 30)
    assert stored() == pytest.approx(100 * (momentum - 0.5) / (2 - 0.5))
    assert "Opportunity 34 of 100 (a screen, not validated, your weights) demand 0/0, momentum 34/100" in changed
