"""Words for a refused statement: what is wrong, and the nearest name or SQLite's own way where one can be told."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Final

from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.fields import FIGURES, TEXTS
from keyapi_mcp.reference.absent import absent
from keyapi_mcp.reference.product_links import page_of
from keyapi_mcp.store.sql_worker import NO_COLUMN
from keyapi_mcp.store.views import COLUMNS

_VIEWS: Final = ", ".join(COLUMNS)
_LIST: Final = "SELECT name, unit, meaning FROM columns WHERE view = 'products' lists them."
_PLACES: Final[dict[str, list[str]]] = {
    name: [view for view, columns in COLUMNS.items() if name in columns]
    for name in sorted({name for columns in COLUMNS.values() for name in columns})
}
# The service's own names, which a model may know from elsewhere.
_FIELDS: Final = {column.field: column.name for column in (*FIGURES, *TEXTS)} | {
    "product_commission_rate": "commission"
}
# Other words for ours, one by one: `sales_30d` is looked for as `units_30d`.
_WORDS: Final = {
    "sale": "units",
    "sales": "units",
    "sold": "units",
    "orders": "units",
    "revenue": "gmv",
    "turnover": "gmv",
    "influencer": "creators",
    "influencers": "creators",
    "affiliates": "creators",
    "shop": "seller",
    "store": "seller",
    "brand": "seller",
    "title": "name",
    "country": "region",
    "market": "region",
    "date": "data_day",
    "day": "data_day",
    "conversion": "view_conversion",
    "stars": "rating",
    "earnings": "usd_per_sale",
}
_ELSEWHERE: Final = {
    ("category", "category_name", "category_path"): "names are in categories: JOIN categories ON categories.id = "
    "products.category_l3_id (or category_l2_id, category_id).",
    ("url", "link", "product_url"): f"a product's page is {page_of('<product_id>')}.",
    ("description", "desc_detail", "skus", "specification"): "get_product shows a product's description and variants.",
}
_DAYS: Final = (
    "days are whole numbers, yyyymmdd (data_day >= 20261101); arithmetic: "
    "julianday(substr(data_day,1,4)||'-'||substr(data_day,5,2)||'-'||substr(data_day,7,2))."
)
_FUNCTIONS: Final = {
    (
        "date_trunc",
        "to_char",
        "to_date",
        "year",
        "month",
        "day",
        "week",
        "extract",
        "date_part",
        "dateadd",
        "datediff",
    ): _DAYS,
    ("date_add", "date_sub", "date_diff", "now", "getdate", "curdate", "str_to_date", "date_format"): _DAYS,
    ("greatest",): "max(a, b) with several arguments is the greatest.",
    ("least",): "min(a, b) with several arguments is the least.",
    ("string_agg", "listagg", "array_agg"): "group_concat(x, ', ') joins texts.",
    ("concat", "concat_ws"): "a || b joins texts.",
    ("left", "right", "mid"): "substr(x, start, length) takes a part; substr(x, -3) the last three.",
    ("isnull", "nvl"): "ifnull(a, b) or coalesce(a, b, …).",
    ("if",): "iif(condition, a, b) or CASE.",
    ("len", "char_length"): "length(x).",
    ("strpos", "position", "locate", "charindex"): "instr(text, part).",
    ("regexp", "regexp_like", "regexp_matches", "similar"): "LIKE '%part%' (case ignored) or GLOB '*part*'.",
    (
        "stddev",
        "stdev",
        "stddev_samp",
        "stddev_pop",
        "variance",
        "var_samp",
    ): "avg(x*x) - avg(x)*avg(x) is the variance.",
    ("median", "percentile_cont", "percentile_disc", "quantile"): "median: SELECT x FROM products WHERE x IS NOT NULL "
    "ORDER BY x LIMIT 1 OFFSET (SELECT count(x)/2 FROM products).",
    (
        "sqrt",
        "pow",
        "power",
        "ln",
        "log",
        "log10",
        "exp",
        "ceil",
        "floor",
    ): "this SQLite has no mathematical functions.",
    ("safe_divide", "div0"): "x / nullif(y, 0).",
    ("split_part", "unnest", "string_split"): "json_each splits a list: json_each('[\"' || replace(product_ids, ',', "
    "'\",\"') || '\"]').",
}
# Looked for in a statement that is no SQL to SQLite: what other databases understand.
_DIALECTS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"\bilike\b", "LIKE ignores case for the letters a–z."),
        (r"\bselect\s+(distinct\s+)?top\b|\bfetch\s+(first|next)\b", "LIMIT n at the end of the statement."),
        (r"^\s*(show|desc|describe)\b", "SELECT view, name, meaning FROM columns lists every column of every view."),
        (r"::", "CAST(x AS REAL) or CAST(x AS TEXT)."),
        (r"\bextract\s*\(|\binterval\b|\bdate\s*'", _DAYS),
        (r"\b(left|right)\s*\(", "substr(x, start, length) takes a part; substr(x, -3) the last three."),
        (r"\bqualify\b", "put the window function into a subquery and filter there with WHERE."),
        (r"\b(similar\s+to|rlike)\b", "LIKE '%part%' (case ignored) or GLOB '*part*'."),
    )
)
# What SQLite says when reading is not enough, where it does not say that it was forbidden.
_DENIED: Final = ("not authorized", "prohibited", "cannot modify", "may not be modified", "vtable constructor failed")


def worded(kind: str, error: str, sql: str, seconds: float, others: Sequence[str] = ()) -> InvalidQuery:
    """The error for a refused statement. kind, error, others: as the worker says them."""
    error = _printable(error)
    if kind == "time":
        return InvalidQuery(
            f"The statement was stopped: it took longer than {seconds:g} s.",
            "narrow it with WHERE, join on region and product_id, or aggregate before joining.",
        )
    if kind == "memory":
        return InvalidQuery(
            "The statement was stopped: it needs too much memory, or makes a value that is too large.",
            "select fewer columns or rows, or aggregate.",
        )
    if kind == "denied" or any(sign in error for sign in _DENIED):
        return _denied(error)
    if found := NO_COLUMN.fullmatch(error):
        return _columns([found[1], *map(_printable, others)])
    for pattern, words in (
        (r"no such table: (.+)", _view),
        (r"no such function: (.+)", _function),
    ):
        if found := re.fullmatch(pattern, error):
            return words(found[1])
    if "syntax error" in error or "unrecognized token" in error:
        for dialect, way in _DIALECTS:
            if dialect.search(sql):
                return InvalidQuery(_raw(error), way)
    for sign, what, next_step in _OTHERS:
        if sign in error:
            return InvalidQuery(what or _raw(error), next_step)
    return InvalidQuery(_raw(error), "correct the statement (SQLite's dialect).")


_OTHERS: Final = (
    ("incomplete input", "The statement ends too early.", "after LIMIT and OFFSET a number is needed; close brackets."),
    ("unrecognized token", "", "text stands in single quotes; one inside it is doubled ('it''s')."),
    ("one statement at a time", "Only one statement is answered.", "send them one after the other."),
    ("only a SELECT", "There is no SELECT in it.", f"write one SELECT over {_VIEWS}."),
    ("circular reference", "", "give what stands after WITH a name that no view has."),
    ("ambiguous column name", "", "write it with its view, for example products.region."),
    ("misuse of aggregate", "", "conditions on sums and counts stand in HAVING, after GROUP BY."),
    ("misuse of window function", "", "put the window function into a subquery and filter there with WHERE."),
    ("number of bindings", "Parameters are not filled in.", "write the values into the statement."),
    ("too many columns", "", "select fewer columns."),
    ("do not have the same number of result columns", "", "give both sides of the UNION the same columns."),
)


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)


def _raw(error: str) -> str:
    return f"SQL: {' '.join(error.split())[:200]}."


def _denied(error: str) -> InvalidQuery:
    if found := re.search(r"not authorized to use function: (\S+)", error):
        return InvalidQuery(f"The function {found[1][:60]} is not available here.", "use SQLite's other functions.")
    return InvalidQuery(
        "Only reading the documented views is possible.",
        f"use one SELECT over {_VIEWS}; columns lists every column of each.",
    )


def _bare(name: str) -> str:
    """Without the view's name and quotes."""
    return name.rpartition(".")[2].strip("\"'`[] ") or name


def _columns(written: Sequence[str]) -> InvalidQuery:
    """written: as in the statement, the first one first."""
    by_name: dict[str, str] = {}
    for one in written:
        by_name.setdefault(_bare(one)[:60], one)
    names = list(by_name)
    if len(names) == 1:
        of = written[0].rpartition(".")[0].strip("\"'`[] ")[:60]
        there = f"in {of}" if of else "in what it selects from"
        return InvalidQuery(f"There is no column {names[0]} {there}.", _way(names[0], written[0]))
    ways = " ".join(f"{name}: {_way(name, by_name[name])}" for name in names)
    if _LIST in ways:  # once is enough
        ways = f"{ways.replace(f' {_LIST}', '')} {_LIST}"
    return InvalidQuery(f"There are no columns {', '.join(names)} in what it selects from.", ways)


def _way(name: str, written: str) -> str:
    quoted = "text stands in single quotes; otherwise: " if written.startswith('"') else ""
    return quoted + _meant(name.lower())


def _meant(name: str) -> str:
    if name in _PLACES:
        return f"{name} is a column of {', '.join(_PLACES[name])}; a view with an alias is called by it."
    if (nothing := absent(name)) is not None:
        return nothing.in_words()
    for names, words in _ELSEWHERE.items():
        if name in names:
            return words
    if name in _FIELDS:
        return f"it is called {_FIELDS[name]} in {_of_products(_FIELDS[name])}."
    ours = "_".join(_WORDS.get(word, word) for word in name.split("_"))
    if ours in _PLACES:
        return f"it is called {ours} in {_of_products(ours)}."
    known = {one: one for one in _PLACES} | _FIELDS
    near = [known[one] for one in difflib.get_close_matches(ours, known, 6, 0.5)]
    if not near:
        return f"if it is meant as text, put it in single quotes. {_LIST}"
    named = ", ".join(f"{one} ({_of_products(one)})" for one in list(dict.fromkeys(near))[:4])
    return f"the nearest: {named}. {_LIST}"


def _of_products(name: str) -> str:
    """The views that have the column, those of products alone where it is in one of them."""
    places = _PLACES[name]
    return ", ".join([view for view in places if view in ("products", "snapshots")] or places)


def _view(written: str) -> InvalidQuery:
    name = _bare(written)[:60]
    near = difflib.get_close_matches(name.lower(), COLUMNS, 1, 0.5)
    nearest = f"the nearest is {near[0]}. " if near else ""
    return InvalidQuery(
        f"There is no view {name}.", f"{nearest}There are: {_VIEWS}; columns lists every column of each."
    )


def _function(written: str) -> InvalidQuery:
    name = written[:60]
    for names, words in _FUNCTIONS.items():
        if name.lower() in names:
            return InvalidQuery(f"SQLite has no function {name}.", words)
    return InvalidQuery(f"SQLite has no function {name}.", "use SQLite's functions.")
