"""The sandbox keeps the published contract: parameters, fields, sorts, paging, error bodies."""

from __future__ import annotations

import json
import warnings
from typing import Any

import httpx2 as httpx
import pytest

from sandbox.conftest import Ask, Collect
from sandbox.contract import ERRORS, FIELDS, FILTERS, PARAMETERS, PATH, REQUIRED, sort_fields
from support.sandbox_server import RunningSandbox, running_sandbox

Rows = list[dict[str, Any]]


def middle(rows: Rows, field: str) -> Any:
    """A value that some rows have, with others on either side of it if there are any."""
    values = sorted({row[field] for row in rows})
    return values[len(values) // 2]


def test_the_contract_has_36_parameters_and_100_fields() -> None:
    assert len(PARAMETERS) == 36
    assert len(FIELDS) == 100


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_gives_exactly_the_rows_whose_shown_value_matches(
    name: str, american: Rows, collect: Collect
) -> None:
    bound, _, field = name.partition("_")
    if bound in ("min", "max"):
        limit = middle(american, field)
        matching = [row for row in american if (row[field] >= limit if bound == "min" else row[field] <= limit)]
        assert any(row[field] == limit for row in matching), "bounds are inclusive"
    else:
        limit = 1 if PARAMETERS[name] == "integer" else middle(american, name)
        matching = [row for row in american if row[name] == limit]
    found = collect(**{name: limit})
    assert 0 < len(found) < len(american)
    assert {row["product_id"] for row in found} == {row["product_id"] for row in matching}


def test_filters_apply_together(american: Rows, collect: Collect) -> None:
    found = collect(category_id="601450", sales_trend_flag=1, min_total_sale_30d_cnt=100)
    assert found
    for row in found:
        assert (row["category_id"], row["sales_trend_flag"]) == ("601450", 1)
        assert row["total_sale_30d_cnt"] >= 100


def test_both_bounds_on_one_value_give_the_rows_with_that_value(american: Rows, collect: Collect) -> None:
    value = american[3]["total_sale_gmv_30d_amt"]
    found = collect(min_total_sale_gmv_30d_amt=value, max_total_sale_gmv_30d_amt=value)
    assert american[3]["product_id"] in {row["product_id"] for row in found}
    assert {row["total_sale_gmv_30d_amt"] for row in found} == {value}


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize(("number", "field"), sort_fields().items())
def test_each_sort_orders_by_its_field(number: int, field: str, direction: int, collect: Collect) -> None:
    values = [row[field] for row in collect(product_sort_field=number, sort_type=direction)]
    assert values == sorted(values, reverse=bool(direction))
    assert values[0] != values[-1]


def test_without_a_direction_a_sort_rises(collect: Collect) -> None:
    values = [row["spu_avg_price"] for row in collect(product_sort_field=3)]
    assert values == sorted(values)


def test_without_a_sort_the_order_is_the_same_each_time_and_no_sort_s(american: Rows, collect: Collect) -> None:
    ids = [row["product_id"] for row in american]
    assert [row["product_id"] for row in collect()] == ids
    for field in sort_fields().values():
        values = [row[field] for row in american]
        assert values not in (sorted(values), sorted(values, reverse=True))


def test_pages_share_no_row_and_end_in_a_short_and_then_an_empty_one(american: Rows, ask: Ask) -> None:
    assert len({row["product_id"] for row in american}) == len(american)
    last, left = divmod(len(american), 7)
    assert len(ask(page_size=7, page_num=last).json()["data"]) == 7
    assert len(ask(page_size=7, page_num=last + 1).json()["data"]) == left
    empty = ask(page_size=7, page_num=last + 2)
    assert (empty.status_code, empty.json()["code"], empty.json()["data"]) == (200, 0, [])
    assert ask(page_num=100_000).json()["data"] == []


def test_every_row_has_all_fields_of_the_contract_in_their_kinds(american: Rows) -> None:
    # Typed integer in the document, decimals in real rows.
    decimal = {name for name in FIELDS if name.endswith("_amt")} | {"product_rating", "product_commission_rate"}
    for row in american:
        assert set(FIELDS) <= set(row)
        for name, kind in FIELDS.items():
            value = row[name]
            assert not isinstance(value, bool)
            if kind == "string":
                assert isinstance(value, str) or (name == "discount" and value is None), name
            elif kind == "number" or name in decimal:
                assert isinstance(value, int | float), name
            else:
                assert isinstance(value, int), name
    for name in decimal:
        assert any(row[name] % 1 for row in american), f"{name} is never a decimal"


def test_ids_are_texts_of_19_digits_and_sellers_have_several_products(american: Rows) -> None:
    for row in american:
        assert len(row["product_id"]) == len(row["seller_id"]) == 19
        assert row["product_id"].isdigit()
        assert row["seller_id"].isdigit()
    assert len({row["seller_id"] for row in american}) < len(american) * 0.8


def test_texts_hold_json_as_the_document_shows_it(american: Rows) -> None:
    covers = 0
    for row in american:
        blocks = json.loads(row["desc_detail"])
        assert {block["type"] for block in blocks} <= {"text", "ul", "image"}
        props, skus = json.loads(row["sale_props"]), json.loads(row["skus"])
        known = set()
        for prop in props:
            assert prop["has_image"] in ("true", "false")
            known |= {value.get("prop_value_id", value.get("property_value_id")) for value in prop["sale_prop_values"]}
        for sku in skus:
            assert set(sku["sale_prop_value_ids"].split("_")) <= known
            assert isinstance(sku["real_price"]["price_val"], str)
            assert sku["real_price"]["currency"] == "USD"
        if row["cover_url"].startswith("["):
            covers += 1
            indexes = [cover["index"] for cover in json.loads(row["cover_url"])]
            assert sorted(indexes) == list(range(len(indexes)))
    assert len(american) * 0.8 < covers < len(american)
    assert any("Business name" in row["desc_detail"] for row in american)
    assert {row["discount"] for row in american} >= {"", None, "48%"}


def test_local_currency_stands_only_inside_skus(collect: Collect) -> None:
    for row in collect(region="VN")[:10]:
        prices = [sku["real_price"] for sku in json.loads(row["skus"])]
        assert {price["currency"] for price in prices} == {"VND"}
        assert float(prices[0]["price_val"]) > row["max_price"] * 1000


def test_a_page_of_ten_is_as_large_as_a_documented_one(ask: Ask) -> None:
    pages = [ask(page_num=number).content for number in (1, 2, 3)]
    size = sum(map(len, pages)) / len(pages)
    with warnings.catch_warnings():
        # Its way of opening its own files is deprecated in Python 3.11 only.
        warnings.simplefilter("ignore", DeprecationWarning)
        from bpe_openai import get_encoding

        encoding = get_encoding("o200k_base")
    tokens = sum(len(encoding.encode(page.decode())) for page in pages) / len(pages)
    assert 95_000 < size < 130_000
    assert 42_000 < tokens < 52_000


def test_answers_have_an_id_of_their_own_and_say_that_they_are_synthetic(ask: Ask) -> None:
    answers = [ask(), ask(), ask(region=None)]
    assert len({answer.json()["requestId"] for answer in answers}) == 3
    assert {answer.headers["x-keyapi-sandbox"] for answer in answers} == {"synthetic"}
    assert {answer.headers["content-type"] for answer in answers} == {"application/json"}


def test_names_the_document_does_not_have_are_ignored(ask: Ask) -> None:
    assert ask(keyword="lip oil", min_price=5).json()["data"] == ask().json()["data"]


@pytest.mark.parametrize("region", ["UK", "XX", "us"])
def test_a_region_that_is_not_known_is_an_empty_list(region: str, ask: Ask) -> None:
    answer = ask(region=region).json()
    assert (answer["code"], answer["data"]) == (0, [])


@pytest.mark.parametrize("region", ["US", "GB", "TH", "VN", "ID", "MY", "PH", "MX", "JP", "DE"])
def test_each_market_has_products_named_in_its_language(region: str, ask: Ask) -> None:
    rows = ask(region=region).json()["data"]
    assert {row["region"] for row in rows} == {region}
    script = {"TH": ("\u0e00", "\u0e7f"), "JP": ("\u3040", "\u9fff"), "VN": ("\u00c0", "\u1ef9")}.get(region)
    if script:
        assert all(any(script[0] <= letter <= script[1] for letter in row["product_name"]) for row in rows)


def expected(status: str, message: str | None = None) -> dict[str, Any]:
    return ERRORS[status] | ({"message": message} if message else {})


def body_of(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert body.pop("requestId")
    return body


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_required_parameter_is_the_documented_400(name: str, ask: Ask) -> None:
    answer = ask(**{name: None})
    assert answer.status_code == 400
    assert body_of(answer) == expected("400", f"Missing required parameter: {name}")


def test_more_than_ten_rows_a_page_are_refused(ask: Ask) -> None:
    assert ask(page_size=10).status_code == 200
    answer = ask(page_size=11)
    assert answer.status_code == 400
    assert body_of(answer) == expected("400", "page_size max is 10")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, "many") for name, kind in PARAMETERS.items() if kind != "string"],
        *[(name, "1.5") for name, kind in PARAMETERS.items() if kind == "integer"],
        *[(name, "nan") for name, kind in PARAMETERS.items() if kind == "number"],
        ("page_num", 0),
        ("page_num", 100_001),
        ("page_size", 0),
        ("page_size", "1_0"),
        ("product_sort_field", 0),
        ("product_sort_field", 8),
        ("sort_type", 2),
        ("sales_trend_flag", 3),
        ("sales_flag", 3),
        ("is_s_shop", 2),
        ("free_shipping", -1),
    ],
)
def test_a_wrong_type_or_a_value_out_of_range_is_a_400(name: str, value: object, ask: Ask) -> None:
    answer = ask(**{name: value})
    assert answer.status_code == 400
    body = body_of(answer)
    assert (body["code"], body["data"]) == (400, None)
    assert name in body["message"]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic sk_test", "sk_test"])
def test_a_missing_key_is_the_documented_401(header: str | None, sandbox: RunningSandbox) -> None:
    headers = {} if header is None else {"authorization": header}
    answer = httpx.get(sandbox.url + PATH, headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert body_of(answer) == expected("401")


def test_a_wrong_key_is_a_401() -> None:
    asked = {"region": "US", "page_num": "1", "page_size": "1"}
    with running_sandbox(products=20, token="sk_right") as own:
        for key, status in (("sk_right", 200), ("sk_wrong", 401), ("right", 401)):
            headers = {"authorization": f"Bearer {key}"}
            answer = httpx.get(own.url + PATH, params=asked, headers=headers, trust_env=False)
            assert (answer.status_code, answer.json()["code"]) == (status, 0 if status == 200 else 401)


def test_other_paths_and_methods_are_refused_and_counted(sandbox: RunningSandbox, client: httpx.Client) -> None:
    answers = [client.get("/v2/elsewhere"), client.post(PATH), client.get("/_sandbox/requests")]
    assert [answer.status_code for answer in answers] == [404, 405, 404]
    assert [body_of(answer)["code"] for answer in answers] == [404, 405, 404]
    assert [request["path"] for request in sandbox.requests[-3:]] == ["/v2/elsewhere", PATH, "/_sandbox/requests"]


def test_what_arrived_can_be_read(sandbox: RunningSandbox, ask: Ask) -> None:
    ask(category_id="601450")
    assert sandbox.requests[-1] == {
        "path": PATH,
        "params": {"region": "US", "page_num": "1", "page_size": "10", "category_id": "601450"},
        "authorization": True,
    }
