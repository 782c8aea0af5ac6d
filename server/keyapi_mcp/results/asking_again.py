"""The call that brings a product's newer state, and its price. There is no look-up by id, so a search has to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pydantic import ValidationError

from keyapi_mcp.clock import day_number
from keyapi_mcp.product import Product
from keyapi_mcp.query import PARAMETERS, ProductQuery
from keyapi_mcp.reference.commission import CommissionUnit
from keyapi_mcp.research.change_list import Origin
from keyapi_mcp.research.history import Seen


def ask_again(origin: Origin | None, seen: Seen | None, unit: CommissionUnit, limit: int | None = None) -> str:
    """What returned it last, as a call; a search by what is known of it, where that is not kept any more.

    Empty where nothing is known. limit: credits that a call may spend.
    """
    if origin is not None and origin.recipe:
        credits_ = f"{origin.pages} credit{'' if origin.pages == 1 else 's'}"
        capped = ""
        if limit is not None and origin.pages > limit:  # otherwise the call would be refused
            capped, credits_ = f" max_credits={limit}", f"{limit} a call, {credits_} in all"
        return f"run_recipe recipe={origin.recipe} region={origin.region} pages={origin.pages}{capped} ({credits_})"
    if origin is not None and (words := _search(origin.key, unit)):
        return f"{words} (1 credit)"
    return "" if seen is None else by_what_stays(seen)


def run_again(recipe: str, regions: Sequence[str], most: int, newest: date) -> str:
    """The run that brings newer figures of what a recipe found. most: credits that it may cost in each region."""
    where = " or ".join(f"region={region}" for region in regions)
    each = " each" if len(regions) > 1 else ""
    price = f"{most} credit{'' if most == 1 else 's'} at most{each}"
    return f"run_recipe recipe={recipe} {where} brings newer figures, by now up to those of {newest} ({price})."


def _search(key: str, unit: CommissionUnit) -> str:
    """The search of this key, without what is the default."""
    try:
        query = ProductQuery.from_key(key, unit)
    except (ValidationError, ValueError):
        return ""
    values = {name: getattr(query, name) for name in PARAMETERS}
    usual = {name: field.default for name, field in ProductQuery.model_fields.items()}
    given = [
        f"{name}={f'{value:.15g}' if isinstance(value, float) else value}"
        for name, value in values.items()
        if value != usual[name]
    ]
    return f"search_products {' '.join(given)}"


def by_what_stays(seen: Seen) -> str:
    """A search by what does not change about a product."""
    product = seen.product
    filters = [f"region={seen.region}"]
    filters += [f"{name}={identifier}" for name, identifier in known_categories(product)[-1:]]
    if product.first_seen is not None:
        day = day_number(product.first_seen)
        filters += [f"min_first_crawl_dt={day}", f"max_first_crawl_dt={day}"]
    return f"search_products {' '.join(filters)} (1 credit a page)"


def known_categories(product: Product) -> list[tuple[str, str]]:
    """The known ids from the top, each with the parameter that searches for it."""
    levels = zip(("category_id", "category_l2_id", "category_l3_id"), product.category_ids, strict=True)
    return [(name, identifier) for name, identifier in levels if identifier]
