"""The corpus is one: each attack would do harm as it is, and a page of the sandbox carries it in every text."""

from __future__ import annotations

import json

import httpx2 as httpx
import pytest

from keyapi_mcp.sandbox.attacks import ATTACKS, Attack
from sandbox.contract import PATH
from security.harm import attack_ids, harm_at_line_start, harm_in_field
from support.sandbox_server import RunningSandbox

KINDS = {
    *("instructions", "markdown", "html", "entities", "table", "structure", "tool result"),
    *("bidi", "zero width", "tags", "selectors", "encoding", "ansi", "marks", "long"),
}


def test_every_kind_of_attack_is_there() -> None:
    assert {attack.kind for attack in ATTACKS} == KINDS
    assert len({attack.text for attack in ATTACKS}) == len(ATTACKS) >= 40


@pytest.mark.parametrize("attack", [one for one in ATTACKS if one.kind != "instructions"], ids=attack_ids)
def test_an_attack_would_do_harm_as_it_is(attack: Attack) -> None:
    assert harm_in_field(attack.text) or harm_at_line_start(attack.text) or len(attack.text) > 4_000


def test_each_page_carries_the_next_ten_in_every_text_and_the_usual_figures(hostile_sandbox: RunningSandbox) -> None:
    with httpx.Client(headers={"authorization": "Bearer sk_test"}, trust_env=False) as client:
        for page in range(1, 6):
            asked: dict[str, str | int] = {"region": "US", "page_num": page, "page_size": 10}
            rows = client.get(hostile_sandbox.url + PATH, params=asked).json()["data"]
            for row, attack in zip(rows, ATTACKS[10 * page - 10 : 10 * page], strict=True):
                assert row["product_name"] == row["discount"] == attack.text
                for field in ("desc_detail", "sale_props", "skus"):
                    assert json.dumps(attack.text)[1:-1] in row[field], field
                assert row["total_sale_30d_cnt"] >= 0
                assert len(row["product_id"]) == 19
