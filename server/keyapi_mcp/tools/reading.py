"""Reading a tool's arguments into its model: lenient where the meaning is clear, refused with the fix where not."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.reference import regions
from keyapi_mcp.results.untrusted import clean

_M = TypeVar("_M", bound=BaseModel)
_MOST_PROBLEMS: Final = 20


def _region(value: object) -> object:
    return regions.normalise(value).code if isinstance(value, str) else value


def _product_id(value: object) -> object:
    """19 digits; as a number it may have lost its last ones on the way, so text is wanted."""
    if isinstance(value, float):
        raise ValueError("must be text of digits; as a number it loses its last digits")
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 25):
        raise ValueError("must be the digits of a product_id, as text")
    return text


def _listed(value: object) -> object:
    """A list; also as JSON in a text or separated by commas, as clients and models send it."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return value
    return [part.strip() for part in text.split(",") if part.strip()]


Region = Annotated[
    str | None, BeforeValidator(_region), Field(description="Market, e.g. US; only if ids are ambiguous")
]
ProductId = Annotated[str, BeforeValidator(_product_id)]
Listed = BeforeValidator(_listed)


def read(model: type[_M], arguments: Mapping[str, Any]) -> _M:
    """The arguments as the model. Raises InvalidQuery with one line a problem, each with its fix."""
    given = {name: value for name, value in arguments.items() if value is not None and value != ""}
    problems = [_unknown(name, model) for name in given if name not in model.model_fields][:_MOST_PROBLEMS]
    try:
        read = model.model_validate({name: given[name] for name in given if name in model.model_fields})
    except ValidationError as error:
        problems += [_worded(problem) for problem in error.errors(include_url=False)[:_MOST_PROBLEMS]]
    else:
        if not problems:
            return read
    raise InvalidQuery("\n".join(problems), "call again with these corrected.")


def _unknown(name: str, model: type[BaseModel]) -> str:
    near = difflib.get_close_matches(name.lower()[:60], model.model_fields, 1)
    there_are = f"There are: {', '.join(model.model_fields)}." if model.model_fields else "There are none."
    hint = f"The nearest is {near[0]}." if near else there_are
    return f'"{clean(name)[:60]}": unknown parameter. {hint}'


def _worded(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"]) or "arguments"
    if problem["type"] == "missing":
        return f"{name}: is required."
    context = problem.get("ctx", {})
    if problem["type"] == "too_short":
        return f"{name}: needs at least {context['min_length']} (got {context['actual_length']})."
    if problem["type"] == "too_long":
        return f"{name}: takes at most {context['max_length']}."
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{name}: {message[0].lower()}{message[1:]} (got {clean(repr(problem['input']))[:60]})."
