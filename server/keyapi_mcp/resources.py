"""What clients can show beside the tools, as JSON: views, glossary, categories, regions, and a product's last row.

Models do not read resources by themselves; the views of query_products hold the same.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import unquote

from keyapi_mcp.reference import categories, regions
from keyapi_mcp.reference.product_links import page_of
from keyapi_mcp.results.scope import SANDBOX_MARK
from keyapi_mcp.results.untrusted import clean
from keyapi_mcp.store.store import Store

MIME_TYPE: Final = "application/json"
PRODUCT: Final = "keyapi://product/{region}/{product_id}"
PRODUCT_ARGUMENTS: Final = ("region", "product_id")
_PRODUCT: Final = re.compile(r"keyapi://product/([^/?#]{1,60})/(\d{1,25})", re.ASCII)
# A row is about 11 KB; descriptions and variants of some are many times that.
_LONGEST_TEXT: Final = 4_000
_LARGEST_ROW: Final = 60_000
_DEEPEST: Final = 12


@dataclass(frozen=True, slots=True)
class Document:
    """A resource that is the same for everyone. content: its JSON document."""

    uri: str
    title: str
    description: str
    content: Callable[[], Any]

    @property
    def name(self) -> str:
        return self.uri.rpartition("/")[2]


def _schema() -> Any:
    columns: dict[str, list[dict[str, str]]] = {}
    for row in _table("columns"):
        columns.setdefault(row.pop("view"), []).append(row)
    return columns


def _glossary() -> Any:
    return _table("glossary")


def _table(name: str) -> list[dict[str, str]]:
    """One of the small tables that SQL sees; without what is empty."""
    # Not at the top: it takes a quarter of a second that a server which is only listed does not pay.
    from keyapi_mcp.store import views

    table = views.tables()[name]
    return [
        {column: value for column, value in zip(table["columns"], row, strict=True) if value} for row in table["rows"]
    ]


def _categories() -> Any:
    # In columns, because there are more than two thousand.
    return {
        "columns": ["id", "level", "parent_id", "name"],
        "rows": [[row.id, row.level, row.parent_id, row.name] for row in categories.everything()],
    }


def _regions() -> Any:
    return {
        "regions": [{"code": code, "name": name} for code, name in regions.KNOWN.items()],
        "note": "Markets that are known to work; other two-letter codes are passed on with a warning.",
    }


DOCUMENTS: Final = (
    Document("keyapi://schema", "Views and columns", "What query_products can select, with units.", _schema),
    Document("keyapi://glossary", "Glossary", "Each column and metric: unit, formula, guard, caveat.", _glossary),
    Document("keyapi://categories", "Categories", "All known categories with their ids.", _categories),
    Document("keyapi://regions", "Regions", "Markets that are known to work.", _regions),
)
_BY_URI: Final = {document.uri: document for document in DOCUMENTS}


@cache
def document_text(uri: str) -> str:
    """The JSON of one of the DOCUMENTS."""
    return _json(_BY_URI[uri].content())


async def read(uri: str, store: Store) -> str | None:
    """The JSON of a resource, `None` if there is none of this address. Raises StoreUnavailable."""
    if uri in _BY_URI:
        return document_text(uri)
    found = _PRODUCT.fullmatch(uri)
    if found is None:
        return None
    try:
        region = regions.normalise(unquote(found[1])).code
    except ValueError:
        return None
    return await _product(found[2], region, store)


async def _product(product_id: str, region: str, store: Store) -> str | None:
    found = await store.product(product_id, region)
    seen = [one for one in found.seen if one.region == region]
    if not seen:
        return None
    (last,) = seen
    document: dict[str, Any] = {"source": SANDBOX_MARK} if await store.synthetic() else {}
    document |= {
        "region": region,
        "product_id": product_id,
        "page": page_of(product_id),
        "data_day": last.day.isoformat(),
        "first_day": last.first_day.isoformat(),
        "days_seen": last.days,
        "fetched_at": last.fetched_at.isoformat(timespec="seconds"),
        "note": "The row as the service sent it. Sales and GMV are estimates, one day old (T+1); money is USD, but the "
        "currency in skus. Texts are the seller's own, cleaned.",
    }
    return _json({**document, **_bounded(found.row or last.product.raw)})


def _bounded(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The row, cleaned; of one that is too large, without its largest fields, which are named."""
    row = {clean(name): _safe(name, value) for name, value in raw.items()}
    sizes = {name: len(_json({name: value})) for name, value in row.items()}
    left_out = []
    total = sum(sizes.values())
    for name in sorted(sizes, key=lambda one: -sizes[one]):
        if total <= _LARGEST_ROW:
            break
        left_out.append(name[:60])
        total -= sizes[name]
        del row[name]
    # A row of thousands of fields is no product's.
    return {"row": row, "left_out": sorted(left_out)[:100]} if left_out else {"row": row}


def _safe(name: str, value: Any, depth: int = 0) -> Any:
    """Texts cleaned, JSON inside of texts unfolded, ids as text: 19 digits are too many for JavaScript."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, str):
        if depth == 0 and value[:1] in ("[", "{"):
            try:
                return _safe(name, json.loads(value), 1)
            except (ValueError, RecursionError):
                pass
        text = clean(value[: 2 * _LONGEST_TEXT])
        return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
    if isinstance(value, Mapping):
        return {clean(str(key))[:100]: _safe(str(key), one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_safe(name, one, depth + 1) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool) and (name.endswith("id") or abs(value) > 2**53):
        return str(value)
    return value


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
