"""scan_products over hostile listings: figures, findings and every other line are those over ordinary ones."""

from __future__ import annotations

from security.conftest import PAGES, REGION, Asked, Both
from security.harm import assert_same_lines, harm_in_field
from support.connections import Told

NAME = 2


def scan(asked: Asked) -> Told:
    return asked.call("scan_products", region=REGION, pages=len(PAGES))


def test_only_the_names_differ_in_both_forms(both: Both) -> None:
    attacked, usual = both.ask(scan)
    assert_same_lines(attacked.text, usual.text)
    rows = 0
    for line, usual_line in zip(attacked.text.split("\n"), usual.text.split("\n"), strict=True):
        cells, usual_cells = line.split("|"), usual_line.split("|")
        if len(cells) > 5 and cells[0].isdigit():
            rows += 1
            assert harm_in_field(cells[NAME]) == []
            cells[NAME] = usual_cells[NAME]
        assert cells == usual_cells
    assert rows == 10
    assert attacked.structured is not None
    assert usual.structured is not None
    name = attacked.structured["columns"].index("product")
    for row, usual_row in zip(attacked.structured["rows"], usual.structured["rows"], strict=True):
        assert harm_in_field(row[name] or "") == []
        row[name] = usual_row[name]
    assert attacked.structured == usual.structured
