"""Reading a tool's arguments into its model: lenient where the meaning is clear, refused with the fix where not."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from keyapi_mcp.arguments import CORRECTED, shown
from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.flat_schema import flat_schema
from keyapi_mcp.reference import product_links, regions

_M = TypeVar("_M", bound=BaseModel)
_MOST_PROBLEMS: Final = 20


def _region(value: object) -> object:
    return regions.normalise(value).code if isinstance(value, str) else value


def _product_id(value: object) -> object:
    """19 digits, or a link to the product's page; as a number it may have lost its last digits, so text is wanted."""
    if isinstance(value, float):
        raise ValueError("must be text of digits; as a number it loses its last digits")
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    text = product_links.as_ids(text).strip()
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
    asked, problems = read_what_can_be(model, arguments)
    if asked is None or problems:
        raise InvalidQuery("\n".join(problems), CORRECTED)
    return asked


def read_what_can_be(model: type[_M], arguments: Mapping[str, Any]) -> tuple[_M | None, list[str]]:
    """The arguments as the model, without those that are wrong, and a line for each of these.

    `None` where nothing can be left out. For a tool that judges more than the model does, and tells all of it at once.
    """
    given = {name: value for name, value in arguments.items() if value is not None and value != ""}
    problems = list(_take_unknown(given, model))[:_MOST_PROBLEMS]
    try:
        return model.model_validate(given), problems
    except ValidationError as error:
        faults = error.errors(include_url=False)
    problems += [_worded(problem, model) for problem in faults[:_MOST_PROBLEMS]]
    wrong = {problem["loc"][0] for problem in faults}
    try:
        return model.model_validate({name: given[name] for name in given if name not in wrong}), problems
    except ValidationError:
        return None, problems


@contextmanager
def noted(problems: list[str]) -> Iterator[None]:
    """Put the lines of a refusal into the list, so that what else is wrong is told with them."""
    try:
        yield
    except InvalidQuery as error:
        problems.append(error.what)


def _take_unknown(given: dict[str, Any], model: type[BaseModel]) -> Iterator[str]:
    """As in `arguments`: out of `given`, its value judged under the nearest name."""
    known = model.model_fields
    for name in [name for name in given if name not in known]:
        value = given.pop(name)
        near = difflib.get_close_matches(name.lower()[:60], known, 1)
        if near:
            given.setdefault(near[0], value)
        there_are = f"There are: {', '.join(known)}." if known else "There are none."
        yield f"{shown(name)}: unknown parameter. {f'The nearest is {near[0]}.' if near else there_are}"


def _worded(problem: Any, model: type[BaseModel]) -> str:
    name = ".".join(str(part) for part in problem["loc"]) or "arguments"
    if problem["type"] == "missing":
        choices = flat_schema(model)["properties"][name].get("enum", ())
        return f"{name}: is required{f' ({_either(choices)})' if choices else ''}."
    context = problem.get("ctx", {})
    if problem["type"] == "too_short":
        return f"{name}: needs at least {context['min_length']} (got {context['actual_length']})."
    if problem["type"] == "too_long":
        return f"{name}: takes at most {context['max_length']}."
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{name}: {message[0].lower()}{message[1:]} (got {shown(problem['input'])})."


def _either(choices: Sequence[str]) -> str:
    *first, last = choices
    return f"{', '.join(first)} or {last}" if first else last
