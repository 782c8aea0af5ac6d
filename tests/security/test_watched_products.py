"""watch_products and get_changes over hostile listings, with notes that somebody has copied from one."""

from __future__ import annotations

from copy import deepcopy
from typing import Final

from keyapi_mcp.sandbox.attacks import ATTACKS
from security.conftest import Asked, Both
from security.harm import assert_same_lines, harm_in_field
from support.connections import Told

MOST: Final = 50
LONGEST_NOTE: Final = 200


def watched(asked: Asked, ids: list[str], note: str) -> Told:
    return asked.call("watch_products", action="add", product_ids=ids, note=note)


def assert_only_these_differ(attacked: Told, usual: Told, columns: tuple[str, ...]) -> None:
    """In both forms; what these columns hold is harmless."""
    assert_same_lines(attacked.text, usual.text)
    lines = [line.split("|") for line in attacked.text.split("\n")]
    usual_lines = [line.split("|") for line in usual.text.split("\n")]
    heading = next(cells for cells in lines if "product_id" in cells and len(cells) > 2)
    places = [heading.index(column) for column in columns]
    for cells, usual_cells in zip(lines, usual_lines, strict=True):
        if cells != heading and len(cells) == len(heading):
            for place in places:
                assert harm_in_field(cells[place]) == []
                cells[place] = usual_cells[place]
        assert cells == usual_cells
    one, other = deepcopy(attacked.structured), deepcopy(usual.structured)
    assert one is not None
    assert other is not None
    for row, usual_row in zip(one["rows"], other["rows"], strict=True):
        for place in map(one["columns"].index, columns):
            assert harm_in_field(row[place] or "") == []
            row[place] = usual_row[place]
    assert one == other


def test_of_what_is_watched_nothing_gets_out_of_its_cell(both: Both) -> None:
    for first in range(0, len(ATTACKS), MOST):
        ids = both.attacked.ids[first : first + MOST]
        attacked, usual = both.ask(lambda asked, ids=ids: watched(asked, ids, "why"))  # type: ignore[misc]
        assert_only_these_differ(attacked, usual, ("product",))


def test_in_what_changed_names_and_notes_stay_in_their_cells(both: Both) -> None:
    for attack, product_id in zip(ATTACKS, both.attacked.ids, strict=True):
        watched(both.attacked, [product_id], attack.text[:LONGEST_NOTE])
        watched(both.usual, [product_id], "why")
    attacked, usual = both.ask(lambda asked: asked.call("get_changes", scope="watch", limit=MOST))
    assert attacked.structured is not None
    note = attacked.structured["columns"].index("note")
    assert sum(row[note] not in (None, "why") for row in attacked.structured["rows"]) > 40
    assert_only_these_differ(attacked, usual, ("product", "note"))
