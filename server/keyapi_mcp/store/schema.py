"""The store's tables as the program knows them. The file gets there by `migrations.py`; a test compares the two."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text, literal_column

from keyapi_mcp.fields import FIGURES, TEXTS, FieldColumn
from keyapi_mcp.research.derived import NAMES, WORDS

METADATA: Final = MetaData()
_TYPES: Final = {"integer": Integer, "real": Float, "text": Text}


def _columns(fields: tuple[FieldColumn, ...]) -> list[Column[Any]]:
    return [Column(field.name, _TYPES[field.kind]) for field in fields]


# Values of the data day before the last one, for what changed.
PREVIOUS: Final = ("price_usd", "units_7d", "units_30d", "gmv_30d_usd", "creators", "commission", "off_mark", "stage")
# Metrics that came with the second step, so that they stand at the end.
_LATER: Final = ("stage", "follow_window", "opportunity")


def _metric(name: str) -> Column[Any]:
    return Column(name, Text if name.removeprefix("previous_") in WORDS else Float)


# The last state of each product. digest: of its figures, to see at once whether a sight says anything new; severity: of
# what moved since the day before, as research.changes.Severity; last_search: the search that brought this state.
products: Final = Table(
    "products",
    METADATA,
    Column("region", Text, primary_key=True),
    Column("product_id", Text, primary_key=True),
    Column("data_day", Integer, nullable=False),
    Column("fetched_at", Float, nullable=False),
    Column("first_day", Integer, nullable=False),
    Column("days", Integer, nullable=False),
    Column("digest", Integer, nullable=False),
    Column("rules_version", Integer, nullable=False),
    *_columns(TEXTS),
    *_columns(FIGURES),
    *[_metric(name) for name in NAMES if name not in _LATER],
    Column("previous_day", Integer),
    *[_metric(f"previous_{name}") for name in PREVIOUS if name not in _LATER],
    *[_metric(name) for name in _LATER],
    _metric("previous_stage"),
    Column("severity", Integer),
    Column("last_search", Integer),
)
for _column in ("gmv_30d_usd", "units_30d", "units_7d", "category_id", "category_l2_id", "category_l3_id", "seller_id"):
    Index(f"products_by_{_column}", products.c[_column])
# With all that the list of what moved is ordered and counted by, so that it is read from here alone.
Index(
    "products_by_severity",
    products.c.severity,
    products.c.gmv_30d_usd,
    products.c.region,
    products.c.product_id,
)
# Whether anything was computed by older rules is looked up at each start.
Index("products_by_rules_version", products.c.rules_version)

# The row as it came, compressed: everything that has no column of its own is in here only.
listings: Final = Table(
    "listings",
    METADATA,
    Column("region", Text, primary_key=True),
    Column("product_id", Text, primary_key=True),
    Column("row", LargeBinary, nullable=False),
)

# One sight of a product: its figures on a data day.
snapshots: Final = Table(
    "snapshots",
    METADATA,
    Column("region", Text, primary_key=True),
    Column("product_id", Text, primary_key=True),
    Column("data_day", Integer, primary_key=True),
    Column("digest", Integer, nullable=False),
    *_columns(FIGURES),
)

# Each answered query: what was asked, and which products came, in their order. unrefreshed: by how many days the source
# was behind.
searches: Final = Table(
    "searches",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("page_num", Integer, nullable=False),
    Column("fetched_at", Float, nullable=False),
    Column("data_day", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("product_ids", Text, nullable=False),
    Column("unrefreshed", Integer, nullable=False),
    Column("synthetic", Integer, nullable=False),
    Column("request_id", Text),
)
# In the order in which they were kept: the machine's clock may have gone back.
Index("searches_by_key", searches.c.key, searches.c.id)

# Every attempt to ask the service: reserved ("open") before it is sent, settled after. credits: what it counts.
ledger: Final = Table(
    "ledger",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("reserved_at", Float, nullable=False),
    Column("day", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("credits", Integer, nullable=False),
    Column("until", Float, nullable=False),
    Column("process", Integer, nullable=False),
    Column("request_id", Text),
)
OPEN: Final = ledger.c.state == literal_column("'open'")
Index("ledger_open", ledger.c.key, sqlite_where=OPEN, postgresql_where=OPEN)

# The ledger's sums, a row a day, changed together with it: a year of attempts takes no longer to add up than a day.
# unknown: those that are open, too; kept: questions that were answered without a request.
credit_days: Final = Table(
    "credit_days",
    METADATA,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("paid", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("kept", Integer, nullable=False),
)

# What the user watches, in every region where it is known.
watched: Final = Table(
    "watched",
    METADATA,
    Column("product_id", Text, primary_key=True),
    Column("added_at", Float, nullable=False),
    Column("note", Text),
)

# The products that a recipe returned: on which data day last, and from how many pages (0, of old: not by its name).
recipe_finds: Final = Table(
    "recipe_finds",
    METADATA,
    Column("recipe", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("product_id", Text, primary_key=True),
    Column("data_day", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
)
Index("recipe_finds_by_product", recipe_finds.c.product_id)

# What a recipe found by its name alone on each data day, see research.turnover.RecipeRun. product_ids: with commas.
recipe_runs: Final = Table(
    "recipe_runs",
    METADATA,
    Column("recipe", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("data_day", Integer, primary_key=True),
    Column("first_at", Float, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("product_ids", Text, nullable=False),
)
