"""Whatever is asked: what is accepted is a request that the published contract allows, and asking it again is the
same question."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.arguments import read_arguments
from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.query import PARAMETERS, RANGES

_CONTRACT: Final = json.loads((Path(__file__).parents[1] / "data" / "keyapi.openapi.json").read_text("utf-8"))
_OPERATION: Final = next(iter(_CONTRACT["paths"].values()))["get"]
PUBLISHED: Final[dict[str, dict[str, Any]]] = {one["name"]: one for one in _OPERATION["parameters"]}

# Near the values that are meant, in the spellings that models use, and some that nobody means.
_values: Final = st.one_of(
    st.integers(-2, 12),
    st.integers(0, 10**9),
    st.integers(20_190_101, 20_291_231),
    st.floats(0, 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.integers(0, 10**6).map(str),
    st.floats(0, 100).map("{:.2f}".format),
    st.sampled_from(["15%", "1.5", "$10", "1,000", "10k", "2026-01-31", "20260131", "true", "yes", "", None, True]),
    st.sampled_from(["Beauty & Personal Care", "601450", "848648", "Shoes", "rising", "gmv", "desc", "asc", "units"]),
)
_questions: Final = st.dictionaries(st.sampled_from(PARAMETERS), _values, max_size=4)


@given(_questions, st.sampled_from(["US", "uk", "Thailand", "vn"]))
def test_what_is_accepted_is_allowed_by_the_contract_and_asks_itself_again(
    arguments: dict[str, Any], region: str
) -> None:
    try:
        query = read_arguments(arguments | {"region": region}).query
    except InvalidQuery:
        return
    sent = query.to_params()
    assert set(sent) <= set(PUBLISHED)
    assert {name for name, one in PUBLISHED.items() if one["required"]} <= set(sent)
    for name, text in sent.items():
        kind = PUBLISHED[name]["schema"]["type"]
        assert text.isprintable()
        assert text
        if kind == "integer":
            assert str(int(text)) == text
        elif kind == "number":
            assert float("-inf") < float(text) < float("inf")
        if name.endswith("_dt"):
            datetime.strptime(text, "%Y%m%d")
    for low, high in RANGES:
        if low in sent and high in sent:
            assert float(sent[low]) <= float(sent[high])
    # What was understood can be written by others, and means the same.
    assert read_arguments(sent).query.key == query.key


@given(_questions, st.integers(1, 100_000))
def test_another_page_is_the_same_question_but_for_its_number(arguments: dict[str, Any], page: int) -> None:
    try:
        query = read_arguments(arguments | {"region": "US"}).query
    except InvalidQuery:
        return
    before, after = query.to_params(), query.at_page(page).to_params()
    assert after.pop("page_num") == str(page)
    before.pop("page_num")
    assert after == before
