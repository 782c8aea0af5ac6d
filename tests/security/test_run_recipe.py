"""run_recipe over hostile listings: what its conditions remove, its figures and every other line are the usual ones."""

from __future__ import annotations

import pytest

from security.conftest import REGION, Asked, Both
from security.harm import assert_same_lines, harm_in_field
from support.connections import Told


@pytest.mark.parametrize("recipe", ["high-commission", "creator-hot", "proven-and-open"])
def test_only_the_names_differ_in_both_forms(recipe: str, both: Both) -> None:
    def run(asked: Asked) -> Told:
        return asked.call("run_recipe", recipe=recipe, region=REGION, pages=3)

    attacked, usual = both.ask(run)
    assert_same_lines(attacked.text, usual.text)
    lines = attacked.text.split("\n")
    (heading,) = [line.split("|") for line in lines if line.startswith("#|")]
    name = heading.index("product")
    rows = 0
    for line, usual_line in zip(lines, usual.text.split("\n"), strict=True):
        cells, usual_cells = line.split("|"), usual_line.split("|")
        if len(cells) == len(heading) and cells[0].isdigit():
            rows += 1
            assert harm_in_field(cells[name]) == []
            cells[name] = usual_cells[name]
        assert cells == usual_cells
    assert rows > 0
    assert attacked.structured is not None
    assert usual.structured is not None
    place = attacked.structured["columns"].index("product")
    for row, usual_row in zip(attacked.structured["rows"], usual.structured["rows"], strict=True):
        assert harm_in_field(row[place] or "") == []
        row[place] = usual_row[place]
    assert attacked.structured == usual.structured
