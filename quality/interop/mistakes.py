"""The mistakes that models make with tools, and the call that a reader of the answer makes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

# Stands for the id of a product that a search has shown; and for the same id, rounded as a number is.
ID: Final = "<id>"
ROUNDED_ID: Final = "<rounded id>"
# What an answer gives for the product's page.
LINK: Final = f"https://www.tiktok.com/view/product/{ID}"

Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mistake:
    """name: what is wrong. names: what the refusal has to say; None = it is understood, and no second call is needed.

    then: the second call, in which `{1}` stands for a group of `learnt`, a pattern that the refusal has to match: what
    is put right comes from the answer. shows: what a right answer has in its first line. tool: of both calls, unless
    then_tool names another.
    """

    name: str
    wrong: Arguments
    names: tuple[str, ...] | None
    then: Arguments | None = None
    shows: str = ""
    learnt: str = ""
    tool: str = "search_products"
    then_tool: str = ""


_US: Final = {"region": "US"}


def _us(**more: Any) -> Arguments:
    return _US | more


MISTAKES: Final = (
    # Understood as it was meant.
    Mistake("text for a number", _us(min_total_sale_30d_cnt="1000", page_size="5"), None, shows="units 30 d ≥ 1,000"),
    Mistake("a number with separators", _us(min_total_sale_30d_cnt="1,000"), None, shows="units 30 d ≥ 1,000"),
    Mistake("a currency sign", _us(min_spu_avg_price="$20"), None, shows="average price ≥ $20"),
    Mistake("10% as commission", _us(min_product_commission_rate="10%"), None, shows="commission ≥ 10 %"),
    Mistake("an ISO date", _us(min_first_crawl_dt="2026-10-01"), None, shows="first seen ≥ 2026-10-01"),
    Mistake("true for a yes", _us(free_shipping=True), None, shows="free shipping: yes"),
    Mistake("UK for GB", {"region": "UK"}, None, shows="· GB ·"),
    Mistake("a country's name", {"region": "Germany"}, None, shows="· DE ·"),
    Mistake("a link for a product's id", {"product_id": LINK}, None, shows="Product · US", tool="get_product"),
    Mistake("a name for a category's id", _us(category_id="Beauty & Personal Care"), None, shows="Beauty"),
    Mistake(
        "ids as one text",
        {"product_ids": f"{ID},{ID}"},
        ("two to eight different ids",),
        {"product_id": ID},
        ID,
        tool="compare_products",
        then_tool="get_product",
    ),
    # Refused, with the way on.
    Mistake(
        "10 as commission",
        _us(min_product_commission_rate=10),
        ("fraction",),
        _us(min_product_commission_rate="{1}"),
        "commission ≥ 10 %",
        r"for 10 % send ([\d.]+\d)",
    ),
    Mistake(
        "a keyword",
        _us(keyword="lip oil"),
        ("no keyword search", "category"),
        _us(**{"{1}": "{2}"}),
        "Lip Treatments",
        r"(category_l3_id) (\d+)",
    ),
    Mistake(
        "a nickname for a category",
        _us(category_id="lipstick"),
        ("no level-1 category",),
        _us(**{"{1}": "{2}"}),
        "Lipstick & Lip Gloss",
        r"(category_l3_id) (\d+)",
    ),
    Mistake(
        "half a category's name",
        _us(category_id="Beauty"),
        ("no level-1 category",),
        _us(**{"{1}": "{2}"}),
        "Beauty & Personal Care",
        r"Near: Beauty & Personal Care = (category_id) (\d+)",
    ),
    Mistake("page 0", _us(page_num=0), ("pages start at",), _us(page_num="{1}"), "page 1", r"pages start at (\d)"),
    Mistake(
        "50 rows", _us(page_size=50), ("at most 10", "page_num"), _us(page_size="{1}"), "10 rows", r"at most (\d+) rows"
    ),
    Mistake(
        "an invented parameter",
        _us(min_sales=1000),
        ("unknown parameter",),
        _us(**{"{1}": 1000}),
        "units 30 d ≥ 1,000",
        r"The nearest is (\w+)",
    ),
    Mistake(
        "an invented page parameter",
        _us(page=2),
        ("unknown parameter",),
        _us(**{"{1}": 2}),
        "page 2",
        r"The nearest is (\w+)",
    ),
    Mistake(
        "an invented parameter with half a category's name",
        _us(category="Beauty"),
        ("unknown parameter", "The nearest is category_id"),
        _us(**{"{1}": "{2}"}),
        "Beauty & Personal Care",
        r"Near: Beauty & Personal Care = (category_id) (\d+)",
    ),
    Mistake(
        "invented paging and sort",
        _us(limit=20, sort="gmv"),
        ("unknown parameter",),
        _us(**{"{1}": "{4}", "{2}": "{3}"}),
        "by GMV 30 d",
        r"(?s)is (page_size)\..*is (product_sort_field)\..*(\d) GMV 30 d.*at most (\d+) rows",
    ),
    Mistake(
        "another word for the market",
        {"country": "US"},
        ("unknown parameter",),
        {"{1}": "US"},
        "· US ·",
        r"The nearest is (\w+)",
    ),
    Mistake(
        "a continent as market",
        {"region": "Europe"},
        ("two-letter", "GB", "DE"),
        {"region": "{1}"},
        "· DE ·",
        r"\b(DE)\b",
    ),
    Mistake("no market", {}, ("region: is required",), {"region": "{1}"}, "· US ·", r"for example (\w\w)"),
    Mistake("a list for one value", {"region": ["US"]}, ("as text",), {"region": "{1}"}, "· US ·", r"example (\w\w)"),
    Mistake(
        "a word for a code",
        _us(sales_trend_flag="rising"),
        ("1 rising",),
        _us(sales_trend_flag="{1}"),
        "rising",
        r"(\d) rising",
    ),
    Mistake(
        "words for the sort",
        _us(product_sort_field="units 30 d", sort_type="desc"),
        ("1 descending",),
        _us(product_sort_field="{1}", sort_type="{2}"),
        "by units 30 d, falling",
        r"(?s)(\d) units 30 d.*(\d) descending",
    ),
    Mistake(
        "true for a code",
        _us(sales_trend_flag=True),
        ("true is no value",),
        _us(sales_trend_flag="{1}"),
        "rising",
        r"(\d) rising",
    ),
    Mistake(
        "a minimum above its maximum",
        _us(min_spu_avg_price=50, max_spu_avg_price=10),
        ("exchange them",),
        _us(min_spu_avg_price="{2}", max_spu_avg_price="{1}"),
        "average price $10–$50",
        r"min_spu_avg_price (\d+) is above max_spu_avg_price (\d+)",
    ),
    Mistake(
        "words for a date",
        _us(min_first_crawl_dt="last month"),
        ("yyyyMMdd",),
        _us(min_first_crawl_dt="{1}"),
        "first seen ≥ 2026-11-01",
        r"for example (\d{8})",
    ),
    Mistake("a seller", _us(seller_name="Acme"), ("not in this source", "category"), _us(), "· US ·"),
    Mistake(
        "200 pages of a scan",
        _us(pages=200),
        ("less than or equal to 50",),
        _us(pages="{1}", max_credits="{2}"),
        "sample:",
        r"(?s)less than or equal to (\d+).*max_credits=(\d+)",
        tool="scan_products",
    ),
    Mistake(
        "a page of a scan",
        _us(page_num=3),
        ("pages says how many",),
        _us(pages=2),
        "20 products of pages 1–2",
        tool="scan_products",
    ),
    Mistake(
        "more credits than a call may spend",
        _us(pages=12),
        ("max_credits=10",),
        _us(pages=12, max_credits="{1}"),
        "",
        r"max_credits=(\d+)",
        tool="scan_products",
    ),
    Mistake(
        "an id as a number",
        {"product_id": ROUNDED_ID},
        ("sent as a number",),
        {"product_id": "{1}"},
        ID,
        r"There is (\d{19})",
        tool="get_product",
    ),
    Mistake(
        "a name for a product's id",
        {"product_id": "lip oil"},
        ("digits of a product_id",),
        {"product_id": ID},
        ID,
        tool="get_product",
    ),
    Mistake(
        "an id that no search has shown",
        {"product_id": "1729000000000000000"},
        ("not in the store", "LIKE"),
        {"sql": "SELECT product_id, region, name FROM products LIMIT 1"},
        "",
        tool="get_product",
        then_tool="query_products",
    ),
    Mistake(
        "everything wrong with a recipe",
        {
            "recipe": "breaking_out",
            "region": "America",
            "category": "Beauty",
            "pages": 100,
            "overrides": ["growth=0.1"],
        },
        ("region: ", "category: ", "pages: ", "overrides "),
        {
            "recipe": "breaking-out",
            "region": "{4}",
            "category": "{3}",
            "pages": "{1}",
            "overrides": ["{2}=0.1"],
            "max_credits": "{5}",
        },
        "Recipe breaking-out",
        r"(?s)equal to (\d+).*the nearest is (\w+)\. .*Near: Beauty & Personal Care = (\d+).*known are (\w+).*"
        r"max_credits=(\d+)",
        tool="run_recipe",
    ),
    Mistake(
        "a way to list what is watched",
        {"action": "list"},
        ("'add' or 'remove'",),
        {"scope": "{1}"},
        "",
        r"get_changes scope=(\w+) shows",
        tool="watch_products",
        then_tool="get_changes",
    ),
    Mistake("changes of nothing", {}, ("scope: is required",), {"scope": "{1}"}, "", r"\((\w+),", tool="get_changes"),
    Mistake(
        "one product to compare",
        {"product_ids": [ID]},
        ("at least 2",),
        {"product_id": ID},
        ID,
        tool="compare_products",
        then_tool="get_product",
    ),
    Mistake(
        "an invented column",
        {"sql": "SELECT title FROM products"},
        ("no column title",),
        {"sql": "SELECT {1} FROM products LIMIT 1"},
        "",
        r"it is called (\w+)",
        tool="query_products",
    ),
    Mistake(
        "several invented columns",
        {"sql": "SELECT title, price, sales_30d FROM products"},
        ("no columns title, price, sales_30d",),
        {"sql": "SELECT {1}, {2}, {3} FROM products LIMIT 1"},
        "",
        r"title: it is called (\w+).*price: the nearest: (\w+).*sales_30d: it is called (\w+)",
        tool="query_products",
    ),
    Mistake(
        "an invented view",
        {"sql": "SELECT region FROM product"},
        ("no view product",),
        {"sql": "SELECT region FROM {1} LIMIT 1"},
        "",
        r"the nearest is (\w+)",
        tool="query_products",
    ),
    Mistake(
        "writing by SQL",
        {"sql": "DELETE FROM products"},
        ("Only reading",),
        {"sql": "SELECT count(*) FROM {1}"},
        "",
        r"SELECT over (\w+)",
        tool="query_products",
    ),
    Mistake(
        "another word for a parameter",
        {"query": "lipstick"},
        ("unknown parameter",),
        {"{1}": "lipstick"},
        "",
        r"(\w+): is required",
        tool="find_categories",
    ),
    Mistake("a parameter where none is", {"verbose": True}, ("There are none",), {}, "", tool="get_usage"),
    Mistake(
        "a tool that does not exist",
        _us(),
        ("There is no tool",),
        _us(),
        "· US ·",
        tool="list_products",
        then_tool="search_products",
    ),
)
