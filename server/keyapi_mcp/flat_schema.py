"""A model's JSON schema as every client can take it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

# "pattern" is left out on purpose: a client that checks it would refuse what we take leniently.
_KEYS: Final = ("type", "enum", "items", "minItems", "maxItems", "minimum", "maximum", "default", "description")


def flat_schema(model: type[BaseModel], *, integer_enums: bool = True) -> dict[str, Any]:
    """The flat, strict schema of a model's fields.

    No `$ref`, `anyOf`, null unions or titles: some clients refuse each of them. With `integer_enums=False` the codes
    are given by minimum and maximum (their values are without gaps), because Gemini clients refuse integer enums.
    """
    properties = {name: _flat(node, integer_enums) for name, node in model.model_json_schema()["properties"].items()}
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return {**schema, "additionalProperties": False}


def _flat(node: dict[str, Any], integer_enums: bool) -> dict[str, Any]:
    arms = [arm for arm in node.pop("anyOf", [{}]) if arm.get("type") != "null"]
    merged = {**arms[0], **node}
    flat = {key: merged[key] for key in _KEYS if key in merged and merged[key] is not None}
    if "items" in flat:
        flat["items"] = _flat(dict(flat["items"]), integer_enums)
    if flat.get("type") == "integer" and "enum" in flat and not integer_enums:
        codes = flat.pop("enum")
        flat = {"type": "integer", "minimum": min(codes), "maximum": max(codes), **flat}
    return flat
