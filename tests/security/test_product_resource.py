"""keyapi://product/… over hostile listings: the whole row, as JSON whose texts do no harm."""

from __future__ import annotations

import json

import pytest

from keyapi_mcp.sandbox.attacks import ATTACKS, Attack
from security.conftest import REGION, Both
from security.harm import attack_ids, harm_in_field, invisible, texts_in

OF_STRANGERS = ("product_name", "discount", "desc_detail", "sale_props", "skus")


@pytest.mark.parametrize("attack", ATTACKS, ids=attack_ids)
def test_its_texts_do_no_harm_and_its_figures_are_the_usual_ones(attack: Attack, both: Both) -> None:
    uri = f"keyapi://product/{REGION}/{both.attacked.ids[ATTACKS.index(attack)]}"
    text = both.attacked.resource(uri)
    assert invisible(text) == []
    assert len(text) < 65_000
    attacked, usual = json.loads(text), json.loads(both.usual.resource(uri))
    row, usual_row = attacked.pop("row"), usual.pop("row")
    for field in texts_in(row):
        assert harm_in_field(field) == []
        assert len(field) <= 4_001
    for field in OF_STRANGERS:
        row.pop(field, None)
        usual_row.pop(field)
    assert row == usual_row
    assert set(attacked.pop("left_out", [])) <= set(OF_STRANGERS)
    assert attacked == usual
