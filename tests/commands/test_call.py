"""`keyapi-mcp call`: the same answer as a client's, and exit codes that tell a script who can mend what."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from keyapi_mcp.sandbox.faults import Fault
from support.command import keyapi_mcp
from support.connections import KEY, environment_for
from support.sandbox_server import RunningSandbox, running_sandbox

ASKED = ("call", "search_products", "region=US", "min_total_sale_30d_cnt=1000")


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(products=200) as running:
        yield running


def test_the_text_answer_is_printed() -> None:
    done = keyapi_mcp(*ASKED, "--sandbox")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("SANDBOX (synthetic data) · TikTok Shop products · US · units 30 d ≥ 1,000 · ")
    assert len([line for line in lines if line.count("|") > 10]) == 11
    assert "Credits: 1 for this call; 1 today, 199 left within your limits" in lines[-1]


@pytest.mark.parametrize(
    "arguments",
    [("--sandbox", *ASKED), (*ASKED[:2], "--sandbox", *ASKED[2:]), (*ASKED[:3], "--sandbox", *ASKED[3:])],
    ids=["before the command", "after the tool", "between the arguments"],
)
def test_options_may_stand_anywhere(arguments: tuple[str, ...]) -> None:
    done = keyapi_mcp(*arguments)
    assert done.returncode == 0, done.stderr
    assert " · units 30 d ≥ 1,000 · " in done.stdout


def test_json_is_the_structured_form() -> None:
    done = keyapi_mcp(*ASKED, "--sandbox", "--json")
    answer = json.loads(done.stdout)
    assert set(answer) == {"scope", "columns", "rows", "notes", "next", "credits"}
    assert len(answer["rows"]) == 10
    assert {len(row) for row in answer["rows"]} == {len(answer["columns"])}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("search_products", "region"), 2, "name=value"),
        (("search_products", "region=US", "keyword=oil"), 3, "no keyword search"),
        (("find",), 3, "the tools are: search_products"),
        (("search_products", "region=US", "--page=2"), 2, "unrecognized arguments: --page=2"),
    ],
)
def test_what_is_refused_has_its_exit_code(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = keyapi_mcp("call", *arguments, "--sandbox")
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_without_a_key_the_set_up_is_what_has_to_be_mended() -> None:
    done = keyapi_mcp(*ASKED)
    assert done.returncode == 5
    assert "KEYAPI_TOKEN" in done.stderr


def test_a_failure_of_the_service_has_its_exit_code(sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("status", status=402))
    done = keyapi_mcp(*ASKED, **environment_for(sandbox.url))
    assert (done.returncode, done.stdout) == (4, "")
    assert "quota is used up" in done.stderr
    assert KEY not in done.stderr
    assert len(sandbox.requests) == 1
