"""compare_products over hostile listings: names stand behind their ids, and the table is that of ordinary ones."""

from __future__ import annotations

import pytest

from keyapi_mcp.sandbox.attacks import ATTACKS
from security.conftest import Both
from security.harm import harm_in_field, invisible

GROUPS = [range(first, min(first + 5, len(ATTACKS))) for first in range(0, len(ATTACKS), 5)]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group[0]}-{group[-1]}")
def test_only_the_names_differ_in_both_forms(group: range, both: Both) -> None:
    ids = [both.attacked.ids[number] for number in group]
    attacked, usual = both.ask(lambda asked: asked.call("compare_products", product_ids=ids))
    assert not [one for one in invisible(attacked.text) if one != "\n"]
    lines, usual_lines = attacked.text.split("\n"), usual.text.split("\n")
    assert attacked.text.splitlines() == lines
    for letter, product_id, line in zip("ABCDE", ids, lines[1:], strict=False):
        assert line == f"{letter} = {product_id}" or line.startswith(f"{letter} = {product_id} ")
        assert harm_in_field(line.removeprefix(f"{letter} = {product_id}").strip()) == []
        assert len(line) < 100
    assert lines[0] == usual_lines[0]
    # How much room the names take decides which rows are left out; those that are there are the same.
    assert {line.count("|") for line in lines} == {0, len(ids) + 1}
    rest, usual_rest = lines[1 + len(ids) :], usual_lines[1 + len(ids) :]
    assert [line for line in rest if line not in usual_rest and not line.startswith("Left out for room: ")] == []
    assert attacked.structured is not None
    assert usual.structured is not None
    shown = attacked.structured["facts"]["products"]
    assert [product_id for product_id, _ in shown.values()] == ids
    for _, name in shown.values():
        assert harm_in_field(name) == []
        assert len(name) <= 60
    for row in attacked.structured["rows"]:
        assert len(row) == len(attacked.structured["columns"])
        assert row in usual.structured["rows"]
