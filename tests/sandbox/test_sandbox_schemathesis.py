"""The sandbox judged by a program of others: Schemathesis makes requests of the published contract and of its edges."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest

from support.sandbox_server import RunningSandbox, running_sandbox

pytestmark = pytest.mark.slow

_CONTRACT: Final = json.loads((Path(__file__).parents[1] / "data" / "keyapi.openapi.json").read_text("utf-8"))
_SCHEMATHESIS: Final = str(Path(sys.executable).parent / "schemathesis")
# What the document says in words only.
_IN_WORDS: Final[dict[str, dict[str, Any]]] = {
    "region": {"enum": ["US", "GB", "TH"]},
    "page_num": {"minimum": 1, "maximum": 100_000},
    "page_size": {"minimum": 1, "maximum": 10},
    "sales_trend_flag": {"enum": [0, 1, 2]},
    "is_s_shop": {"enum": [0, 1]},
    "free_shipping": {"enum": [0, 1]},
    "sales_flag": {"enum": [1, 2]},
    "sort_type": {"enum": [0, 1]},
    "product_sort_field": {"minimum": 1, "maximum": 7},
    "min_first_crawl_dt": {"enum": [20250101, 20260630]},
    "max_first_crawl_dt": {"enum": [20250101, 20260630]},
}


def as_it_is() -> dict[str, Any]:
    """The contract with what it says in words, and with what the service does: decimals where the document says
    integer, and nulls."""
    document: dict[str, Any] = deepcopy(_CONTRACT)
    operation = next(iter(document["paths"].values()))["get"]
    for parameter in operation["parameters"]:
        schema = parameter["schema"]
        if schema["type"] in ("integer", "number"):
            schema |= {"minimum": -(10**12), "maximum": 10**12}
        schema |= _IN_WORDS.get(parameter["name"], {})
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    for field in answer["properties"]["data"]["items"]["properties"].values():
        field["nullable"] = True
        if field["type"] == "integer":
            field["type"] = "number"
    return document


def judged(document: dict[str, Any], sandbox: RunningSandbox, folder: Path, *options: str) -> str:
    """What it reports. Fails when anything is wrong."""
    contract = folder / "contract.json"
    contract.write_text(json.dumps(document), encoding="utf-8")
    command = [_SCHEMATHESIS, "run", str(contract), "--url", sandbox.url, "--header", "Authorization: Bearer sk_judge"]
    command += ["--max-examples", "200", "--seed", "1", "--generation-database", "none", "--no-color", *options]
    # In a folder of its own: it heeds files that it finds, and leaves some.
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-1_000:]
    assert len(sandbox.requests) > 200
    return done.stdout


def test_as_published_no_request_whatever_breaks_it(tmp_path: Path) -> None:
    with running_sandbox(products=200) as sandbox:
        # The document does not say in its schemas that an empty region or page 0 is refused.
        judged(_CONTRACT, sandbox, tmp_path, "--exclude-checks", "positive_data_acceptance")


def test_with_what_it_says_in_words_every_right_request_is_answered_as_it_says(tmp_path: Path) -> None:
    with running_sandbox(products=200) as sandbox:
        # Numbers are bounded here for the test's sake only.
        judged(as_it_is(), sandbox, tmp_path, "--exclude-checks", "negative_data_rejection")
