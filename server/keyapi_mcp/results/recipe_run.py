"""The answer to a recipe that was run: which numbers were used, what each condition removed, and what is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from keyapi_mcp.product import Product
from keyapi_mcp.query import PARAMETERS, ProductQuery, Range, meaning
from keyapi_mcp.recipes.conditions import Measured, Miss, Screened, admitting
from keyapi_mcp.recipes.recipe import FILTERS, Recipe
from keyapi_mcp.results.answer import Answer, Cell, Spending, Table
from keyapi_mcp.results.gathered import Gathered, remarks, sample_words
from keyapi_mcp.results.numbers import exact
from keyapi_mcp.results.product_table import COLUMNS, Column, Row, beside_sales, read_row, sort_column, table_of
from keyapi_mcp.results.recipe_list import purpose_words
from keyapi_mcp.results.recipe_words import amount, condition_words, metric_words
from keyapi_mcp.results.room import own_tokens, with_room
from keyapi_mcp.results.scope import nothing_matches, question

MOST_ROWS: Final = 10
# Of either form of the answer; it shows fewer rows where ten would not fit.
_MOST_TOKENS: Final = 1_000
_LEAST_ROWS: Final = 3
# Of kept products beyond the rows at least so many ids are given. Tokens of an id, one of which the estimate does not
# see, and of the words around all.
_LEAST_IDS: Final = 5
_ID_TOKENS, _ALSO_TOKENS = 9, 40
_SHOWN: Final = (
    *("#", "product_id", "product", "price $", "u7", "u30", "gmv30 $", "growth %", "creators", "comm %", "$/sale"),
    "stage",
)
_SHARES: Final = ("video_share", "live_share", "other_share")


@dataclass(frozen=True, slots=True)
class Run:
    """A recipe with the numbers in force, and what it did. products: of the sample, still on sale, in the order of the
    sort; measured: their metrics, likewise."""

    recipe: Recipe
    query: ProductQuery
    gathered: Gathered
    products: Sequence[Product]
    measured: Sequence[Measured]
    screened: Screened

    @property
    def instead(self) -> bool:
        """Whether too few meet all conditions, so that the best of the sort are given."""
        return len(self.screened.kept) < self.recipe.least and bool(self.products)

    @property
    def found(self) -> list[int]:
        """Positions of the products that the recipe returns."""
        return list(range(len(self.products)))[:MOST_ROWS] if self.instead else list(self.screened.kept)

    def not_shown(self, rows: int) -> list[str]:
        """Ids of the products that meet all conditions, but are not among so many rows."""
        shown = set(self.found[:rows])
        return [self.products[position].product_id for position in self.screened.kept if position not in shown]


def run_answer(
    run: Run,
    spending: Spending,
    *,
    now: datetime,
    notes: tuple[str, ...] = (),
    problems: Sequence[str] = (),
    synthetic: bool = False,
) -> Answer:
    """Build the answer. notes: what was changed on the way to the query; problems: notes on the user's own file."""
    recipe, gathered = run.recipe, run.gathered
    own = " (your own)" if recipe.own else ""
    what = f"Recipe {recipe.name}{own}: {purpose_words(recipe)}"
    left_out = len(gathered.products) - len(run.products)
    scope = [
        *question(run.query, synthetic=synthetic or gathered.synthetic, what=what),
        *sample_words(gathered, len(run.products), left_out, now, notes),
    ]

    def with_rows(most: int, ids: int = 0) -> Answer:
        shown = [(run.products[position], run.measured[position]) for position in run.found[:most]]
        return Answer(
            scope=" · ".join(scope),
            table=_table(run, shown),
            notes=[
                *_told(run, most),
                *_not_shown(run, most, ids),
                *remarks(gathered, [product for product, _ in shown], len(shown)),
                *problems,
            ],
            next_step=gathered.next_step or _next_step(run),
            spending=spending,
            facts=_facts(run),
            lines=tuple(_lines(run, most)),
            failure=gathered.failure,
        )

    def least(rows: int) -> int:
        return min(len(run.not_shown(rows)), _LEAST_IDS)

    # A recipe of many conditions has as many columns.
    answer = with_room(
        lambda most: with_rows(most, least(most)),
        min(MOST_ROWS, len(run.found)),
        _LEAST_ROWS,
        _MOST_TOKENS - _LEAST_IDS,
    )
    rows = len(answer.structured()["rows"])
    bare = with_rows(rows)
    room = _MOST_TOKENS - own_tokens(bare.text(), bare.structured()) - _ALSO_TOKENS
    return with_rows(rows, min(len(run.not_shown(rows)), max(least(rows), int(room / _ID_TOKENS))))


def _lines(run: Run, shown: int) -> Iterator[str]:
    if run.recipe.overridden:
        yield f"Your own numbers: {', '.join(run.recipe.overridden)}"
    for outcome in run.screened.outcomes:
        unknown = f" ({outcome.unknown} unknown)" if outcome.unknown else ""
        yield f"{condition_words(outcome.condition)}: {outcome.removed} of {outcome.looked_at} removed{unknown}"
    if not run.recipe.conditions:
        yield "No local conditions"
    kept = len(run.screened.kept)
    beyond = f", the first {shown} shown" if kept > shown and not run.instead else ""
    yield f"Kept: {kept} of {len(run.products)}{beyond}"


def _facts(run: Run) -> dict[str, Any]:
    given = run.query
    facts: dict[str, Any] = {
        "recipe": run.recipe.name,
        "filters": {name: value for name in FILTERS if (value := getattr(given, name)) is not None},
        "conditions": [
            {
                "metric": outcome.condition.metric,
                outcome.condition.how: outcome.condition.value,
                "looked_at": outcome.looked_at,
                "removed": outcome.removed,
                "unknown": outcome.unknown,
            }
            for outcome in run.screened.outcomes
        ],
        "kept": len(run.screened.kept),
    }
    if run.gathered.missing:
        facts["missing_pages"] = list(run.gathered.missing)
    if run.gathered.stale:
        facts["stale_pages"] = len(run.gathered.stale)
    if run.recipe.own:
        facts["own"] = True
    if run.recipe.overridden:
        facts["overridden"] = list(run.recipe.overridden)
    return facts


# --- the table ------------------------------------------------------------------------------------------------------


def _table(run: Run, shown: Sequence[tuple[Product, Measured]]) -> Table:
    day = run.gathered.day
    rows = [read_row(number, product, day, with_category=False) for number, (product, _) in enumerate(shown, 1)]
    of = {product.product_id: measured for product, measured in shown}
    by_heading = {column.heading: column for column in COLUMNS}
    columns = beside_sales([by_heading[heading] for heading in _SHOWN], sort_column(run.query.product_sort_field))
    for condition in run.recipe.conditions:
        there = {column.name or column.heading for column in columns}
        columns += [one for one in _columns_of(condition.metric, of) if (one.name or one.heading) not in there]
    return table_of(rows, columns)


def _columns_of(metric: str, of: Mapping[str, Measured]) -> list[Column]:
    """What shows a metric: the page's own columns, where it has them."""
    if metric in _SHARES:
        return [column for column in COLUMNS if column.heading == "vid/live/oth %" or column.name in _SHARES]
    known = [column for column in COLUMNS if column.name == metric]
    if known:
        return known

    def read(row: Row) -> Any:
        return of[row.product.product_id][metric]

    def text(value: Any) -> str:
        return "" if value is None else amount(metric, value)

    def value(figure: Any) -> Cell:
        return figure if figure is None or isinstance(figure, str) else exact(figure, 3)

    return [Column(metric_words(metric), metric, read, text, value)]


# --- what is told of it ---------------------------------------------------------------------------------------------


def _told(run: Run, shown: int) -> Iterator[str]:
    count = len(run.products)
    if run.instead:
        least = run.recipe.least
        fewer = f"No product of the {count} meets" if least == 1 else f"Fewer than {least} of the {count} products meet"
        yield f"{fewer} all conditions: the best {min(shown, count)} by the sort are shown."
    nearest = run.screened.nearest
    if nearest is None or not count:
        return
    values = {condition.metric: value for condition, value in nearest.failed}
    wanted = ", ".join(f"{metric_words(metric)} {amount(metric, value)}" for metric, value in values.items())
    none = "" if run.instead else f"None of the {count} products meets all conditions. "
    yield f"{none}The nearest is {run.products[nearest.position].product_id}: {wanted}."


def _not_shown(run: Run, shown: int, ids: int) -> Iterator[str]:
    further = run.not_shown(shown)
    if ids:
        more = len(further) - ids
        narrowed = f" and {more} more; stricter overrides with max_credits=0 narrow them for 0 credits" if more else ""
        yield f"Kept, but not shown: {', '.join(further[:ids])}{narrowed}."


def _next_step(run: Run) -> str:
    if not run.gathered.products:
        example = f", for example {loosened}" if (loosened := _loosened_filter(run.query)) else ""
        return nothing_matches(run.query, f"Loosen one of them by overrides{example}.")
    if not run.products:
        return f"all of these are off sale{'' if run.gathered.ended else '; more pages read on'}."
    if run.screened.nearest is not None:
        loosened = ", ".join(_loosened(run.screened.nearest))
        beside = ", beside your own," if run.recipe.overridden else ""
        return f"overrides {loosened}{beside} would keep it, with max_credits=0 for 0 credits."
    return (
        "get_product shows any of these on one card, get_changes with scope=recipe tells later what moved, both for "
        "0 credits."
    )


def _loosened(nearest: Miss) -> list[str]:
    return [f"{condition.name}={admitting(condition, value)}" for condition, value in nearest.failed]


def _loosened_filter(query: ProductQuery) -> str:
    """The first minimum of the question, halved."""
    for name in PARAMETERS:
        about, value = meaning(name), getattr(query, name)
        if name.startswith("min_") and isinstance(about, Range) and about.kind != "date" and value:
            half = value / 2
            return f"{name}={half:.4g}" if isinstance(value, float) else f"{name}={int(half)}"
    return ""
