"""The published contract as the tests read it: nothing here comes from the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

_DATA: Final = Path(__file__).parent.parent / "data"
_DOCUMENT: Final[dict[str, Any]] = json.loads((_DATA / "keyapi.openapi.json").read_text(encoding="utf-8"))
PATH: Final[str] = next(iter(_DOCUMENT["paths"]))
_OPERATION: Final[dict[str, Any]] = _DOCUMENT["paths"][PATH]["get"]
# Parameter → "string", "integer" or "number".
PARAMETERS: Final[dict[str, str]] = {one["name"]: one["schema"]["type"] for one in _OPERATION["parameters"]}
REQUIRED: Final = [one["name"] for one in _OPERATION["parameters"] if one["required"]]
FILTERS: Final = [name for name in PARAMETERS if name not in (*REQUIRED, "product_sort_field", "sort_type")]
# Field → "string", "integer" or "number".
FIELDS: Final[dict[str, str]] = {
    name: field["type"]
    for name, field in _OPERATION["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["data"][
        "items"
    ]["properties"].items()
}
ERRORS: Final[dict[str, dict[str, Any]]] = json.loads((_DATA / "error_examples.json").read_text(encoding="utf-8"))


def sort_fields() -> dict[int, str]:
    """Number → field, out of the parameter's description."""
    (text,) = [one["description"] for one in _OPERATION["parameters"] if one["name"] == "product_sort_field"]
    return {int(number): field for number, _, field in (part.partition("=") for part in text.split()) if field}
