"""Numbers as glyphs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.results.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((0, 1, 2, 3, 4, 5, 6, 7), "▁▂▃▄▅▆▇█"),
        ((10, 10), "██"),
        ((0, 0), "▁▁"),
        ((None, None, 5), "··█"),
        ((), ""),
        ((0.001, 1_000), "▂█"),
    ],
)
def test_each_value_has_its_glyph(values: tuple[float | None, ...], shown: str) -> None:
    assert sparkline(values) == shown


@given(st.lists(st.none() | st.floats(0, 1e15)))
def test_any_values_have_one_glyph_each(values: list[float | None]) -> None:
    assert len(sparkline(values)) == len(values)
