"""Products out of raw rows, as the service sends them: single ones, and strategies for any and for sound ones."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Final

from hypothesis import strategies as st

from keyapi_mcp.product import Product

ID: Final = "1729384501234567890"

# Suffixes of the windows, shortest first; the lifetime has none.
_WINDOWS: Final = ("_1d", "_7d", "_15d", "_30d", "_60d", "_90d", "")
_STEMS: Final = (
    ("total_sale", "cnt"),
    ("total_sale_gmv", "amt"),
    ("total_video", "cnt"),
    ("total_video_sale", "cnt"),
    ("total_video_sale_gmv", "amt"),
    ("total_live_sale_gmv", "amt"),
    ("total_views", "cnt"),
    ("total_ifl_video", "cnt"),
    ("total_ifl_live", "cnt"),
)


def product(**fields: Any) -> Product:
    """A product of these fields and no others."""
    return Product({"product_id": ID, **fields})


def _windows(stem: str, kind: str) -> list[str]:
    return [f"{stem}{window}_{kind}" for window in _WINDOWS]


_ODD: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["", "n/a", "12", " 7.5 ", "1e999", "NaN", 5e-324, 1e-300, 1e15, -1, 10**400, [], {}]),
)
_TINY: Final = st.sampled_from([5e-324, 1e-300, 1e-9, "1e-320"])
ANY_VALUE: Final = st.one_of(st.integers(0, 2_000), st.floats(0, 1e6), _TINY, _ODD)
UNITS: Final = _windows("total_sale", "cnt")
GMV: Final = _windows("total_sale_gmv", "amt")


def any_product(*fields: str) -> st.SearchStrategy[Product]:
    """A row of these fields with values of any kind and size: what damage and change at the source can look like."""
    return st.fixed_dictionaries(dict.fromkeys(fields, ANY_VALUE)).map(lambda row: product(**row))


@st.composite
def sound_product(draw: st.DrawFn) -> Product:
    """A row whose windows agree: each holds the shorter ones, and video and live GMV are parts of the GMV."""
    row: dict[str, Any] = {}
    for stem, kind in _STEMS:
        steps = draw(st.lists(st.integers(0, 5_000), min_size=len(_WINDOWS), max_size=len(_WINDOWS)))
        row |= zip(_windows(stem, kind), accumulate(steps), strict=True)
    video = draw(st.floats(0, 1))
    live = draw(st.floats(0, 1 - video))
    for window in _WINDOWS:
        gmv = row[f"total_sale_gmv{window}_amt"]
        row[f"total_video_sale_gmv{window}_amt"] = gmv * video
        row[f"total_live_sale_gmv{window}_amt"] = gmv * live
    row["spu_avg_price"] = draw(st.floats(0.5, 500))
    row["product_commission_rate"] = draw(st.floats(0.01, 0.8))
    row["review_count"] = draw(st.integers(0, 5_000))
    return product(**row)
