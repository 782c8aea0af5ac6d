"""The answer to a search: scope, table, notes grouped by kind, one next step, credits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from keyapi_mcp.product import Page
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.reference.product_links import page_of
from keyapi_mcp.results.answer import Answer, Spending
from keyapi_mcp.results.product_table import Row, product_table
from keyapi_mcp.results.scope import nothing_matches, scope_line

PRODUCT_PAGE: Final = f"Product page: {page_of('<product_id>')}"


def product_page(
    query: ProductQuery,
    page: Page,
    spending: Spending,
    *,
    now: datetime,
    kept: bool,
    stale: str = "",
    not_kept: str = "",
    notes: tuple[str, ...] = (),
    synthetic: bool = False,
) -> Answer:
    """Build the answer for one page of products.

    now: the moment of the answer, for the age of a kept page; stale: why an older page is given than was wanted;
    not_kept: why the page is not in the store; notes: what was changed on the way from the call's arguments to the
    query; synthetic: force the sandbox mark, whatever the page says.
    """
    built = product_table(
        page, with_category=query.category_id is None and query.category_l2_id is None and query.category_l3_id is None
    )
    scope = scope_line(
        query,
        page=page,
        now=now,
        kept=kept,
        stale=bool(stale),
        synthetic=synthetic or page.synthetic,
        notes=notes,
    )
    remarks = [f"Stale: {stale}"] if stale else []
    if not_kept:
        remarks.append(f"This answer could not be kept in the store: {not_kept}.")
    remarks += _remarks(built.rows, page)
    if built.rows:
        remarks.append(PRODUCT_PAGE)
    return Answer(
        scope=scope,
        table=built.table,
        notes=remarks,
        next_step=_next_step(query, page),
        spending=spending,
    )


def _remarks(rows: tuple[Row, ...], page: Page) -> Iterable[str]:
    """What the reader has to know about single rows, grouped by kind."""
    if page.left_out:
        yield f"Left out: {page.left_out} row{'' if page.left_out == 1 else 's'} of the answer could not be read."
    kinds: dict[str, list[int]] = {}
    for row in rows:
        if row.product.delisted:
            kinds.setdefault("delisted", []).append(row.number)
        if row.product.units(30) == 0:  # unknown is not none
            kinds.setdefault("no sales in 30 d", []).append(row.number)
        for kind in row.contradictions:
            kinds.setdefault(kind, []).append(row.number)
        if row.product.commission_read_as_percent:
            kinds.setdefault("commission above 1 read as a percentage", []).append(row.number)
    if kinds:
        yield "Notes: " + "; ".join(f"{kind}: {_rows(numbers)}" for kind, numbers in kinds.items()) + "."


def _rows(numbers: list[int]) -> str:
    return f"row{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def _next_step(query: ProductQuery, page: Page) -> str:
    if page.rows >= query.page_size:
        following = query.next_page()
        return f"page_num={following} (this page was full)." if following else "this is the last page there can be."
    if page.rows:
        return "this page was not full: the list ends here."
    if query.page_num > 1:
        return f"nothing on page {query.page_num}: the list ends before it; page_num=1 is its start."
    return nothing_matches(query, "Relax one of them, the narrowest first.")
