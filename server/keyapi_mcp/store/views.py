"""What SQL sees: documented views over the store's tables, and small tables that explain them."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from keyapi_mcp.fields import FIGURES, TEXTS
from keyapi_mcp.reference import categories, glossary
from keyapi_mcp.research.derived import NAMES as DERIVED
from keyapi_mcp.store.schema import PREVIOUS

# What a 0 of the source means: nothing known. (With a type, so that '20260101' compares like 20260101.)
_ZERO_IS_UNKNOWN: Final = {
    "price_usd": "REAL",
    "min_price_usd": "REAL",
    "max_price_usd": "REAL",
    "rating": "REAL",
    "first_seen": "INTEGER",
}
_HISTORY: Final = (
    "data_day",
    "first_day",
    "days",
    "previous_day",
    *[f"previous_{name}" for name in PREVIOUS],
    "severity",
    "last_search",
)
_IDENTITY: Final = ("region", "product_id")


def _selected(name: str) -> str:
    kind = _ZERO_IS_UNKNOWN.get(name)
    return f"CAST(NULLIF({name}, 0) AS {kind}) AS {name}" if kind else name


_FIGURES: Final = tuple(column.name for column in FIGURES)
_TEXTS: Final = tuple(column.name for column in TEXTS)
# View → its columns, in their order.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "products": (*_IDENTITY, *_TEXTS, *_FIGURES, *DERIVED, *_HISTORY),
    "snapshots": (*_IDENTITY, "data_day", *_FIGURES),
    "searches": ("id", "region", "page_num", "query", "fetched_at", "data_day", "rows", "product_ids"),
    "categories": ("id", "level", "parent_id", "name", "path"),
    "columns": ("view", "name", "unit", "meaning"),
    "glossary": ("name", "unit", "meaning", "formula", "guard", "caveat"),
}
# Unit and meaning of those columns of the small views that the glossary does not have, or has for something else.
_OTHERS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "searches": {
        "id": ("", "number of the answered request, rising"),
        "page_num": ("count", "page that was asked for, from 1"),
        "query": ("", "the question as it was sent: parameters without the key"),
        "fetched_at": ("UTC", "when it was answered, for example 2026-11-22T09:30Z"),
        "rows": ("count", "rows that the service sent; fewer than page_size = the last page"),
        "product_ids": ("", "ids of the products in their order, separated by commas"),
    },
    "categories": {
        "id": ("", "category id, text"),
        "level": ("", "1, 2 or 3: which of category_id, category_l2_id, category_l3_id it belongs to"),
        "parent_id": ("", "id of the category above; 0 at level 1"),
        "name": ("", "English name"),
        "path": ("", "names from the top, separated by >"),
    },
    "columns": {
        "view": ("", "view that has the column"),
        "name": ("", "column"),
        "unit": ("", "unit of its values"),
        "meaning": ("", "what it says"),
    },
    "glossary": {
        "name": ("", "column of products or snapshots"),
        "unit": ("", "unit of its values"),
        "meaning": ("", "what it says"),
        "formula": ("", "how it is computed; u, g, c, v, w = units, GMV, creators, videos, views of so many days"),
        "guard": ("", "when it is given; otherwise NULL"),
        "caveat": ("", "what to keep in mind"),
    },
}


def views() -> dict[str, str]:
    """View → its SELECT over the file's tables."""
    products = ", ".join(map(_selected, COLUMNS["products"]))
    snapshots = ", ".join(map(_selected, COLUMNS["snapshots"]))
    return {
        "products": f"SELECT {products} FROM main.products",  # noqa: S608
        "snapshots": f"SELECT {snapshots} FROM main.snapshots",  # noqa: S608
        "searches": (
            "SELECT id, region, page_num, \"key\" AS query, strftime('%Y-%m-%dT%H:%MZ', fetched_at, 'unixepoch') "
            "AS fetched_at, data_day, rows, product_ids FROM main.searches"
        ),
    }


@cache
def tables() -> dict[str, dict[str, Any]]:
    """Small tables that come with the program: name → columns with their types, and rows."""
    rows: dict[str, list[tuple[Any, ...]]] = {
        "categories": [
            (row.id, row.level, row.parent_id, row.name, categories.path(row)) for row in categories.everything()
        ],
        "columns": [(view, name, *explained(view, name)) for view, names in COLUMNS.items() for name in names],
        "glossary": [
            (entry.name, entry.unit, entry.meaning, entry.formula, entry.guard, entry.caveat)
            for name in dict.fromkeys((*COLUMNS["products"], *COLUMNS["snapshots"]))
            if (entry := glossary.explain(name)) is not None
        ],
    }
    return {
        name: {
            "columns": {column: "INTEGER" if column == "level" else "TEXT" for column in COLUMNS[name]},
            "rows": content,
        }
        for name, content in rows.items()
    }


def explained(view: str, name: str) -> tuple[str, str]:
    """A column's unit and meaning."""
    if name in _OTHERS.get(view, {}):
        return _OTHERS[view][name]
    entry = glossary.explain(name)
    return (entry.unit, entry.meaning) if entry else ("", "")
