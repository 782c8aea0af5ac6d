"""From what a person or model writes to a `ProductQuery`: lenient where the meaning is clear, a refusal that helps
where it is not. Nothing is sent for a refused call, so a mistake here costs nothing.
"""

from __future__ import annotations

import contextlib
import difflib
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.query import PARAMETERS, Codes, ProductQuery, meaning
from keyapi_mcp.reference import categories, regions
from keyapi_mcp.reference.absent import absent

CATEGORY_PARAMETERS: Final = {1: "category_id", 2: "category_l2_id", 3: "category_l3_id"}

# What models try instead of the names that exist; spelling mistakes are found without this list.
_OTHER_NAMES: Final = {
    "country": "region",
    "market": "region",
    "page": "page_num",
    "limit": "page_size",
    "per_page": "page_size",
    "sort": "product_sort_field",
    "sort_by": "product_sort_field",
    "order": "sort_type",
    "sort_order": "sort_type",
    "order_by": "product_sort_field",
    "category": "category_id",
    "category_name": "category_id",
    "category_l1_id": "category_id",
    "min_price": "min_spu_avg_price",
    "max_price": "max_spu_avg_price",
    "min_sales": "min_total_sale_30d_cnt",
    "max_sales": "max_total_sale_30d_cnt",
    "min_gmv": "min_total_sale_gmv_30d_amt",
    "max_gmv": "max_total_sale_gmv_30d_amt",
    "min_commission": "min_product_commission_rate",
    "max_commission": "max_product_commission_rate",
    "min_creators": "min_total_ifl_cnt",
    "max_creators": "max_total_ifl_cnt",
    "min_rating": "min_product_rating",
    "max_rating": "max_product_rating",
    "trend": "sales_trend_flag",
}
_KEYWORDS: Final = frozenset(
    {"keyword", "keywords", "q", "query", "search", "text", "term", "name", "title", "product_name", "product"}
)
_NOT_AT_THE_SERVICE: Final = {
    "product_id": "product id",
    "product_ids": "product id",
    "seller_id": "seller",
    "seller": "seller",
    "shop": "shop",
    "shop_id": "shop",
}
CORRECTED: Final = "call again with these corrected."
# A call can name any number of parameters that do not exist; so many are told one by one.
_MOST_UNKNOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that can be sent, and what was changed on the way to it, in words for the scope line."""

    query: ProductQuery
    notes: tuple[str, ...] = ()


def read_arguments(arguments: Mapping[str, Any], names: Sequence[str] = PARAMETERS) -> Asked:
    """Read a call's arguments. names: those that the caller may choose from, for suggestions.

    Raises InvalidQuery with one line a problem, each with its reason and fix; nothing has been sent then.
    """
    # Clients send null, and models "", for what they leave out.
    given = {name: value for name, value in arguments.items() if value is not None and value != ""}
    problems = _take_unknown(given, names)
    notes: list[str] = []
    _read_region(given, problems, notes)
    _read_categories(given, problems, notes)
    query = None
    with contextlib.suppress(ValidationError):
        query = ProductQuery.model_validate(given)
    if problems or query is None:
        problems += _invalid(given)
        raise InvalidQuery("\n".join(problems), CORRECTED)
    return Asked(query, tuple(notes))


def _take_unknown(given: dict[str, Any], known: Sequence[str]) -> list[str]:
    """Take the parameters that do not exist out of `given`, with a line each.

    The value of one that has a nearest goes under that name, so that what is wrong with it is told in the same answer.
    """
    names = [name for name in given if name not in ProductQuery.model_fields]
    values = [given.pop(name) for name in names]
    lines = []
    told_all = False
    for name, value in zip(names[:_MOST_UNKNOWN], values, strict=False):
        line = _other_than_a_name(name, value)
        if line is None and (nearest := nearest_name(name, known)):
            if nearest in ProductQuery.model_fields:  # a tool has others of its own
                given.setdefault(nearest, value)
            line = f"{shown(name)}: unknown parameter. The nearest is {nearest}."
        elif line is None:
            line = f"{shown(name)}: unknown parameter." + ("" if told_all else f" There are: {', '.join(known)}.")
            told_all = True
        lines.append(line)
    if len(names) > _MOST_UNKNOWN:
        lines.append(f"{len(names) - _MOST_UNKNOWN} more parameters do not exist either.")
    return lines


def _read_region(given: dict[str, Any], problems: list[str], notes: list[str]) -> None:
    value = given.get("region")
    if value is None:
        return  # validation tells
    try:
        if not isinstance(value, str):
            raise ValueError("must be a country code as text, for example US.")
        region = regions.normalise(value)
    except ValueError as error:
        given["region"] = "US"  # anything good, so that validation looks at the others
        problems.append(f"region: {error}")
        return
    given["region"] = region.code
    if not region.known:
        notes.append(f"{region.code} is not a market known to work here")


def _read_categories(given: dict[str, Any], problems: list[str], notes: list[str]) -> None:
    """Turn names into ids, each at the parameter of its own level."""
    found = []
    for level, parameter in CATEGORY_PARAMETERS.items():
        value = given.pop(parameter, None)
        if value is None:
            continue
        if not isinstance(value, str) and not (type(value) is int and 0 <= value < 10**20):
            problems.append(f"{parameter}: must be a category id or an English category name (got {shown(value)}).")
            continue
        resolved = categories.resolve(str(value), level)
        if resolved.id is None:
            problems.append(f"{parameter}: {_candidates(str(value), level, resolved.candidates)}")
            continue
        found.append((resolved.moved, parameter, value, resolved))
    # Those that stay where they were given come first: what moves must not take their place.
    for moved, parameter, value, resolved in sorted(found, key=lambda one: one[0]):
        target = CATEGORY_PARAMETERS[resolved.level]
        if given.setdefault(target, resolved.id) != resolved.id:
            problems.append(f"{parameter}: {shown(value)} belongs in {target}, which names another category; keep one.")
        elif moved:
            notes.append(f"{shown(value)} is a level-{resolved.level} category, sent as {target}")


def _candidates(value: str, level: int, candidates: tuple[categories.Category, ...]) -> str:
    if not candidates:
        known = ", ".join(f"{top.name} ({top.id})" for top in categories.top_level())
        return f"no category is like {shown(value)}. Level 1: {known}."
    lines = "; ".join(f"{categories.path(near)} = {CATEGORY_PARAMETERS[near.level]} {near.id}" for near in candidates)
    exact = {near.name.casefold() for near in candidates} == {value.strip().casefold()}
    return f"{shown(value)} {'is more than one category' if exact else f'is no level-{level} category'}. Near: {lines}."


def _other_than_a_name(name: str, value: object) -> str | None:
    """What is said of a parameter that stands for something which the service does not have under any name.

    The service would ignore it in silence and answer something else.
    """
    folded = _folded(name)
    if folded in _KEYWORDS:
        near = categories.suggest(value, 5) if isinstance(value, str) else ()
        fitting = "; ".join(f"{categories.path(one)} = {CATEGORY_PARAMETERS[one.level]} {one.id}" for one in near)
        return (
            f"{shown(name)}: there is no keyword search at this service; choose a category and filters, "
            f"then read the names." + (f" Categories like {shown(value)}: {fitting}." if fitting else "")
        )
    if folded in _NOT_AT_THE_SERVICE:
        missing = _NOT_AT_THE_SERVICE[folded]
        return f"{shown(name)}: the service has no search by {missing}; choose a category and filters."
    if (nothing := absent(folded)) is not None:
        return f"{shown(name)}: {nothing.in_words()} A search takes a category and filters."
    return None


def nearest_name(name: str, known: Sequence[str]) -> str:
    """Of those known the one that is meant by another name, or is spelt most like it; empty for none."""
    folded = _folded(name)
    if (other := _OTHER_NAMES.get(folded, "")) in known:
        return other
    return next(iter(difflib.get_close_matches(folded, known, 1)), "")


def _folded(name: str) -> str:
    return name[:100].strip().lower()


def _invalid(given: Mapping[str, Any]) -> Iterator[str]:
    """What validation finds, a line each."""
    try:
        ProductQuery.model_validate(given)
    except ValidationError as error:
        wrong: set[str] = set()
        for problem in error.errors(include_url=False, include_input=False):
            if not problem["loc"]:  # a minimum above its maximum
                yield from (f"{line}." for line in problem["msg"].splitlines())
                continue
            name = str(problem["loc"][0])
            wrong.add(name)
            yield _worded(name, problem, given.get(name))
        if wrong:
            # Minimum and maximum are compared only once every value can be read: compare those that can.
            yield from _invalid({"region": "US"} | {name: given[name] for name in given if name not in wrong})


def _worded(name: str, problem: Any, value: object) -> str:
    """One problem of validation, with its fix; pydantic's own words are for programmers."""
    kind, context, got = problem["type"], problem.get("ctx", {}), shown(value)
    if kind == "missing":
        return "region: is required, for example US."
    if isinstance(about := meaning(name), Codes):
        return f"{name}: {got} is no value of {about}."
    if name == "page_size" and kind == "less_than_equal":
        return f"page_size: at most 10 rows a request (got {got}); read on with page_num."
    if name == "page_num" and kind == "greater_than_equal":
        return f"page_num: pages start at 1 (got {got})."
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = context.get("ge", context.get("le"))
        return f"{name}: must be at {'least' if 'ge' in context else 'most'} {bound:g} (got {got})."
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}." if kind == "commission" else f"{name}: {message} (got {got})."


class _Shown(reprlib.Repr):
    """Bounded in depth and length, whatever is nested; in the words of JSON, which the caller wrote."""

    def repr_bool(self, value: bool, _level: int) -> str:
        return "true" if value else "false"

    def repr_NoneType(self, _value: None, _level: int) -> str:  # noqa: N802
        return "null"


_SHOWN: Final = _Shown()


def shown(value: object) -> str:
    """What the caller wrote, quoted, on one line, short, and without anything that steers a terminal or hides."""
    if isinstance(value, str):
        line = " ".join(value[:400].replace('"', "'").split())
        text = '"' + "".join(character for character in line if character.isprintable()) + '"'
    else:
        try:
            text = _SHOWN.repr(value)
        except ValueError:  # a whole number of thousands of digits
            return "a number too long to show"
    return text if len(text) <= 60 else text[:57] + '…"'
