"""get_product over hostile listings: the name, the options and the description stay in their places on the card."""

from __future__ import annotations

import re

import pytest

from keyapi_mcp.sandbox.attacks import ATTACKS, Attack
from security.conftest import Both
from security.harm import attack_ids, harm_in_field, invisible
from support.connections import Told

DESCRIPTION = "Description, in the seller's words: "
LEFT_OUT = "Left out, this card is full: "
# The lines that a stranger's text is on, or that tell that it had no room.
VARYING = ("Price: ", DESCRIPTION, LEFT_OUT)


def card(both: Both, attack: Attack) -> tuple[str, Told, Told]:
    product_id = both.attacked.ids[ATTACKS.index(attack)]
    return product_id, *both.ask(lambda asked: asked.call("get_product", product_id=product_id))


@pytest.mark.parametrize("attack", ATTACKS, ids=attack_ids)
def test_on_the_card_every_other_line_is_the_server_s_own(attack: Attack, both: Both) -> None:
    product_id, attacked, usual = card(both, attack)
    assert not [one for one in invisible(attacked.text) if one != "\n"]
    lines, usual_lines = attacked.text.split("\n"), usual.text.split("\n")
    assert attacked.text.splitlines() == lines
    assert lines[1] == product_id or lines[1].startswith(f"{product_id} ")
    assert harm_in_field(lines[1].removeprefix(product_id).strip()) == []
    for begin in VARYING:
        assert sum(line.startswith(begin) for line in lines) <= 1
    (price,) = (line for line in lines if line.startswith("Price: "))
    (usual_price,) = (line for line in usual_lines if line.startswith("Price: "))
    (figures, options), (usual_figures, _) = map(_price, (price, usual_price))
    assert harm_in_field(options) == []
    assert figures == usual_figures
    for line in lines:
        if line.startswith(DESCRIPTION):
            assert harm_in_field(line.removeprefix(DESCRIPTION)) == []
    assert _own(lines) == _own(usual_lines)


def _price(line: str) -> tuple[str, str]:
    """The figures of a price line, and what it says of the variants. A discount that is no percentage is not shown."""
    figures, _, options = re.sub(r", discount [^,]+", "", line).partition(" (")
    return figures, options.removesuffix(")")


def _own(lines: list[str]) -> list[str]:
    return [line for position, line in enumerate(lines) if position != 1 and not line.startswith(VARYING)]


@pytest.mark.parametrize("attack", ATTACKS, ids=attack_ids)
def test_in_structured_content_each_is_one_bounded_value(attack: Attack, both: Both) -> None:
    _, attacked, usual = card(both, attack)
    assert attacked.structured is not None
    assert usual.structured is not None
    facts, usual_facts = attacked.structured.pop("facts"), usual.structured.pop("facts")
    for name, most in (("name", 70), ("options", 70), ("description", 300)):
        text = facts.pop(name, "")
        usual_facts.pop(name, "")
        assert harm_in_field(text) == []
        assert len(text) <= most
    assert "discount" not in facts
    usual_facts.pop("discount", None)
    assert facts == usual_facts
    for structured in (attacked.structured, usual.structured):
        structured["notes"] = [note for note in structured["notes"] if not note.startswith(LEFT_OUT)]
    assert attacked.structured == usual.structured
