"""query_products over hostile listings: whatever a statement makes of names, a row stays a row."""

from __future__ import annotations

import pytest

from security.conftest import Both
from security.harm import harm_at_line_start, harm_in_field, invisible

STATEMENTS = [
    "SELECT name FROM products ORDER BY product_id",
    "SELECT product_id, name, discount FROM products ORDER BY product_id",
    "SELECT discount, units_30d, name FROM products ORDER BY product_id",
    "SELECT units_30d, name, NULL FROM products ORDER BY name",
    "SELECT substr(name, 2) FROM products",
    "SELECT substr(name, 3, 40), substr(discount, -40) FROM products",
    "SELECT replace(name, ' ', char(10)) FROM products",
    "SELECT name || char(10) || 'Next: ' || name FROM products",
    "SELECT group_concat(substr(name, 1, 5), char(10)) FROM products",
    "SELECT upper(name), lower(name), trim(name) FROM products",
    "SELECT json_array(substr(name, 1, 60)) FROM products",
    "SELECT quote(substr(name, 1, 60)), hex(substr(name, 1, 20)) FROM products",
]


@pytest.mark.parametrize("start", [0, 25])
@pytest.mark.parametrize("sql", STATEMENTS)
def test_a_row_stays_one_line_with_its_cells(sql: str, start: int, both: Both) -> None:
    told = both.attacked.call("query_products", sql=f"{sql} LIMIT 25 OFFSET {start}", limit=25)
    assert told.structured is not None
    columns, rows = told.structured["columns"], told.structured["rows"]
    for row in rows:
        assert len(row) == len(columns)
        for value in row:
            if isinstance(value, str):
                assert harm_in_field(value) == []
                assert len(value) <= 300
    assert not [one for one in invisible(told.text) if one != "\n"]
    lines = told.text.split("\n")
    assert told.text.splitlines() == lines
    scope, _heading, *table = lines[: 2 + len(rows)]
    assert scope == told.structured["scope"]
    notes, last = lines[2 + len(rows) : -1], lines[-1]
    assert notes == told.structured.get("notes", [])
    assert last.startswith("Next: " if "next" in told.structured else "Credits: ")
    for number, (line, row) in enumerate(zip(table, rows, strict=True), 1):
        cells = line.split("|")
        numbered = len(cells) == len(row) + 1
        assert cells[numbered:] == ["" if value is None else str(value) for value in row]
        assert cells[0] == str(number) if numbered else harm_at_line_start(line) == []
        # Words that begin a line are nobody's but the server's.
        assert " " not in cells[0]
