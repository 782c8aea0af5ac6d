"""`keyapi-mcp call` over hostile listings: what a terminal gets steers it no more than what a client gets."""

from __future__ import annotations

import json

import pytest

from security.harm import harm_in_field, invisible, texts_in
from support.command import keyapi_mcp
from support.connections import environment_for
from support.sandbox_server import RunningSandbox

pytestmark = pytest.mark.slow
NAMES = "sql=SELECT name, discount FROM products ORDER BY product_id"


def printed(hostile_sandbox: RunningSandbox, *arguments: str) -> str:
    done = keyapi_mcp("call", *arguments, **environment_for(hostile_sandbox.url, log_level="WARNING"))
    assert (done.returncode, done.stderr) == (0, "")
    assert not [one for one in invisible(done.stdout) if one != "\n"]
    assert done.stdout.splitlines() == done.stdout.removesuffix("\n").split("\n")
    return done.stdout


@pytest.mark.parametrize("page", [1, 3, 5])
def test_the_text_has_the_rows_it_should_have_and_nothing_that_steers(
    page: int, hostile_sandbox: RunningSandbox
) -> None:
    lines = printed(hostile_sandbox, "search_products", "region=US", f"page_num={page}").splitlines()
    rows = [line.split("|") for line in lines if "|" in line]
    assert len(rows) == 11
    assert len({len(row) for row in rows}) == 1
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(1, 11)]
    assert sum(line.startswith("Next: ") for line in lines) == 1
    assert lines[-1].startswith("Next: page_num=")


def test_json_and_rows_of_sql_carry_no_more(hostile_sandbox: RunningSandbox) -> None:
    for page in range(1, 6):
        answer = json.loads(
            printed(hostile_sandbox, "search_products", "region=US", f"page_num={page}", "--json").removesuffix("\n")
        )
        for text in (text for row in answer["rows"] for text in texts_in(row)):
            assert harm_in_field(text) == []
    lines = printed(hostile_sandbox, "query_products", NAMES, "limit=60").splitlines()
    rows = [line.split("|") for line in lines if "|" in line]
    assert [row[0] for row in rows] == ["#", *(str(number) for number in range(1, len(rows)))]
    assert {len(row) for row in rows} == {3}
