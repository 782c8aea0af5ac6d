"""What was asked, in words: the first line of every answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from keyapi_mcp.clock import iso
from keyapi_mcp.product import Page
from keyapi_mcp.query import PARAMETERS, SORT, Codes, ProductQuery, Range, meaning
from keyapi_mcp.reference import categories, regions
from keyapi_mcp.results.numbers import percent

SANDBOX_MARK = "SANDBOX (synthetic data)"


def sandbox_prefix(synthetic: bool) -> str:
    """What a first line begins with where the figures are made up."""
    return f"{SANDBOX_MARK} · " if synthetic else ""


def filters(query: ProductQuery) -> list[str]:
    """The filters in force, a phrase each, in the order of the parameters."""
    phrases = []
    for name in PARAMETERS:
        value, about = getattr(query, name), meaning(name)
        if value is None or about is None or name in ("product_sort_field", "sort_type"):
            continue
        if isinstance(about, Codes):
            phrases.append(f"{about.label}: {about.meanings[value]}")
        elif name.startswith("min_"):
            high = getattr(query, "max_" + name.removeprefix("min_"))
            phrases.append(_range(about, value, high))
        elif getattr(query, "min_" + name.removeprefix("max_")) is None:
            phrases.append(_range(about, None, value))
    return phrases


def _range(about: Range, low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{about.label} {_amount(about, low)}–{_amount(about, high)}"
    if low is not None:
        return f"{about.label} ≥ {_amount(about, low)}"
    assert high is not None
    return f"{about.label} ≤ {_amount(about, high)}"


def _amount(about: Range, value: float) -> str:
    if about.kind == "percent":
        return f"{percent(value, digits=2)} %"
    if about.kind == "date":
        return iso(int(value))
    if about.kind == "usd":
        return f"${value:,.2f}".removesuffix(".00") if value == round(value, 2) else f"${value:,}"
    return f"{value:,}".removesuffix(".0")


def category_words(query: ProductQuery) -> list[str]:
    """The categories in force, each with its name where the table has it, and its id."""
    words = []
    for identifier in (query.category_id, query.category_l2_id, query.category_l3_id):
        if identifier is not None:
            known = categories.by_id(identifier)
            words.append(f"{known.name} ({identifier})" if known else f"category {identifier}")
    return words


def nothing_matches(query: ProductQuery, way_on: str) -> str:
    """The next step of an answer without any product, the likeliest cause first. way_on: where there are filters."""
    in_force, doubt = filters(query) + category_words(query), regions.doubt(query.region)
    if in_force:
        words = f"no product matches all of: {'; '.join(in_force)}. {way_on}"
        return f"{doubt} Otherwise: {words}" if doubt else words
    if doubt:
        return f"{doubt} The source has no products for it."
    return f"the source has no products for {query.region}; check the country code."


def sort_words(query: ProductQuery) -> str:
    default = "product_sort_field" not in query.model_fields_set and "sort_type" not in query.model_fields_set
    direction = "falling" if query.sort_type else "rising"
    return f"by {SORT.meanings[query.product_sort_field]}, {direction}{' (default)' if default else ''}"


def question(query: ProductQuery, *, synthetic: bool, what: str = "TikTok Shop products") -> list[str]:
    """What was asked of the service, without the page."""
    mark = [SANDBOX_MARK] if synthetic else []
    return [*mark, what, query.region, *category_words(query), *filters(query), sort_words(query)]


def scope_line(
    query: ProductQuery,
    *,
    page: Page,
    now: datetime,
    kept: bool,
    stale: bool,
    synthetic: bool,
    notes: tuple[str, ...],
) -> str:
    """One line: market, category, filters, sort, page and rows, age and nature of the figures."""
    parts = question(query, synthetic=synthetic)
    rows = len(page.products)
    parts += [f"page {query.page_num}, {rows} row{'' if rows == 1 else 's'}"]
    parts += notes
    unrefreshed = ", source not refreshed yet" if page.unrefreshed else ""
    parts.append(f"data of about {page.data_day} (T+1{unrefreshed}), USD, sales and GMV estimated")
    if kept:
        when = f"{page.fetched_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({age(now - page.fetched_at)} ago)"
        parts.append(f"STALE, kept from {when}" if stale else f"kept from {when}")
    return " · ".join(parts)


def age(span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"
