"""Values that an argument of a prompt or a resource address may have, while it is being typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from keyapi_mcp.errors import StoreUnavailable
from keyapi_mcp.reference import categories, regions
from keyapi_mcp.store.store import Store

# The protocol's own limit.
MOST_COMPLETIONS: Final = 100
# Arguments that hold several values of another.
_LISTS: Final = {"recipes": "recipe", "product_ids": "product_id"}
_LONGEST_LIST: Final = 2_000
_LEVELS: Final = {"category": None, "category_id": 1, "category_l2_id": 2, "category_l3_id": 3}


async def complete(
    argument: str, begun: str, others: Mapping[str, str], store: Store, recipes: Sequence[str]
) -> tuple[list[str], int]:
    """Values that an argument may have, best first, and how many there are; none for one that is not known here.

    begun: what was typed so far; others: values of other arguments; recipes: the names of those there are.
    """
    if argument in _LISTS:
        if len(begun) > _LONGEST_LIST:
            return [], 0
        # The last of several is being typed; the others stay in front of it.
        before, comma, last = begun.rpartition(",")
        values, total = await complete(_LISTS[argument], last, others, store, recipes)
        taken = {one.strip() for one in before.split(",")}
        left = [value for value in values if value not in taken]
        return [f"{before}{comma and ', '}{value}" for value in left], total - (len(values) - len(left))
    begun = begun.strip()[:200]
    if argument == "region":
        values = _regions_like(begun)
    elif argument == "product_id":
        return await _product_ids(begun, others.get("region", ""), store)
    elif argument == "recipe":
        values = [name for name in recipes if name.startswith(begun.casefold())]
    elif argument in _LEVELS:
        values = _category_names(begun, _LEVELS[argument])
    else:
        values = []
    return values[:MOST_COMPLETIONS], len(values)


def _regions_like(begun: str) -> list[str]:
    """Codes, by their beginning or that of the country's name."""
    folded = begun.casefold()
    by_code = [code for code in regions.KNOWN if code.casefold().startswith(folded)]
    by_name = [code for code, name in regions.KNOWN.items() if name.casefold().startswith(folded)]
    by_other_name = []
    with suppress(ValueError):
        by_other_name = [region.code for region in (regions.normalise(begun),) if region.known]
    return list(dict.fromkeys([*by_code, *by_name, *by_other_name]))


async def _product_ids(begun: str, region: str, store: Store) -> tuple[list[str], int]:
    if begun and not (begun.isascii() and begun.isdigit()):
        return [], 0
    try:
        code = regions.normalise(region).code if region.strip() else None
        return await store.product_ids(begun, code, MOST_COMPLETIONS)
    except (ValueError, StoreUnavailable):
        return [], 0


def _category_names(begun: str, level: int | None) -> list[str]:
    """Names, as paths where one alone would be ambiguous, so that each is understood as an argument."""
    everything = categories.everything()
    if begun:
        folded = begun.casefold()
        found = [row for row in everything if row.name.casefold().startswith(folded)]
        found += categories.find(begun, MOST_COMPLETIONS).rows
    else:
        found = [row for row in everything if row.level == (level or 1)]
    found = [row for row in found if level in (None, row.level)]
    return list(dict.fromkeys(row.name if _only(row, level) else categories.path(row) for row in found))


def _only(row: categories.Category, level: int | None) -> bool:
    resolved = categories.resolve(row.name, level or row.level)
    return resolved.id == row.id
