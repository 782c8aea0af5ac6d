"""ProductQuery against the published contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from keyapi_mcp.query import PARAMETERS, RANGES, ProductQuery, input_schema, meaning

CONTRACT = json.loads((Path(__file__).parent / "data" / "keyapi.openapi.json").read_text("utf-8"))
PUBLISHED: dict[str, dict[str, Any]] = {
    parameter["name"]: parameter
    for parameter in CONTRACT["paths"]["/v1/tiktok/product/list/analytics"]["get"]["parameters"]
}
PROPERTIES: dict[str, dict[str, Any]] = input_schema()["properties"]


def test_the_query_has_the_published_parameters_and_no_others() -> None:
    assert set(PARAMETERS) == set(PUBLISHED)
    assert len(PARAMETERS) == 36


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_parameter_has_the_published_type_and_a_description(name: str) -> None:
    assert PROPERTIES[name]["type"] == PUBLISHED[name]["schema"]["type"]
    assert PROPERTIES[name]["description"]


def test_only_region_is_required_because_paging_has_defaults() -> None:
    schema = input_schema()
    assert schema["required"] == ["region"]
    assert schema["additionalProperties"] is False
    assert {name for name, parameter in PUBLISHED.items() if parameter["required"]} == {
        "region",
        "page_num",
        "page_size",
    }
    assert (PROPERTIES["page_num"]["default"], PROPERTIES["page_size"]["default"]) == (1, 10)


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("sales_trend_flag", [0, 1, 2]),
        ("is_s_shop", [0, 1]),
        ("free_shipping", [0, 1]),
        ("sales_flag", [1, 2]),
        ("product_sort_field", [1, 2, 3, 4, 5, 6, 7]),
        ("sort_type", [0, 1]),
    ],
)
def test_a_coded_parameter_explains_each_of_its_values(name: str, codes: list[int]) -> None:
    assert PROPERTIES[name]["enum"] == codes
    for code in codes:
        assert f"{code} " in PROPERTIES[name]["description"]


def test_bounds_stand_in_the_schema_where_they_are_known() -> None:
    for name, node in PROPERTIES.items():
        if name.endswith(("_cnt", "_amt", "_price", "review_count")):
            assert node["minimum"] == 0, name
    for name in ("min_product_rating", "max_product_rating"):
        assert (PROPERTIES[name]["minimum"], PROPERTIES[name]["maximum"]) == (0, 5)
    for name in ("min_product_commission_rate", "max_product_commission_rate"):
        assert (PROPERTIES[name]["minimum"], PROPERTIES[name]["maximum"]) == (0, 1)
    assert (PROPERTIES["page_num"]["minimum"], PROPERTIES["page_num"]["maximum"]) == (1, 100_000)
    assert PROPERTIES["page_size"]["maximum"] == 10


def test_the_schema_is_flat_and_has_nothing_that_some_client_refuses() -> None:
    for name, node in PROPERTIES.items():
        assert set(node) <= {"type", "enum", "minimum", "maximum", "default", "description"}, name


def test_without_integer_enums_the_bounds_say_the_same() -> None:
    properties = input_schema(integer_enums=False)["properties"]
    assert all("enum" not in node for node in properties.values())
    assert (properties["product_sort_field"]["minimum"], properties["product_sort_field"]["maximum"]) == (1, 7)
    for name, node in PROPERTIES.items():
        if "enum" in node:
            codes = node["enum"]
            assert codes == list(range(min(codes), max(codes) + 1)), "bounds would admit a value that is no code"
            assert properties[name]["description"] == node["description"]


def test_what_is_sent_is_the_published_names_with_text_values() -> None:
    query = ProductQuery(region="US", min_spu_avg_price=9.5, min_product_commission_rate=0.15, page_num=2)
    assert query.to_params() == {
        "min_spu_avg_price": "9.5",
        "min_product_commission_rate": "0.15",
        "product_sort_field": "7",
        "sort_type": "1",
        "region": "US",
        "page_num": "2",
        "page_size": "10",
    }


def test_commission_is_sent_in_the_unit_in_force() -> None:
    query = ProductQuery(region="US", min_product_commission_rate=0.15, max_product_commission_rate=0.29)
    params = query.to_params("percent")
    assert (params["min_product_commission_rate"], params["max_product_commission_rate"]) == ("15", "29")


@pytest.mark.parametrize(
    ("name", "given_value", "sent"),
    [
        ("min_total_sale_30d_cnt", "1,000", "1000"),
        ("min_total_sale_30d_cnt", 1000.0, "1000"),
        ("min_spu_avg_price", "$9.99", "9.99"),
        ("sales_trend_flag", "1", "1"),
        ("product_sort_field", "4", "4"),
        ("min_first_crawl_dt", "2026-11-01", "20261101"),
        ("min_first_crawl_dt", "2026-11-01T10:00:00Z", "20261101"),
        ("min_first_crawl_dt", "20261101", "20261101"),
        ("min_product_commission_rate", "10%", "0.1"),
        ("category_id", 601450, "601450"),
        ("page_num", "3", "3"),
    ],
)
def test_what_models_write_is_understood_where_it_can_mean_only_one_thing(
    name: str, given_value: object, sent: str
) -> None:
    assert ProductQuery.model_validate({"region": "US", name: given_value}).to_params()[name] == sent


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sales_trend_flag", True),
        ("is_s_shop", "maybe"),
        ("sales_flag", True),
        ("sales_trend_flag", 3),
        ("min_total_sale_cnt", True),
        ("min_total_sale_cnt", 1.5),
        ("min_total_sale_cnt", -1),
        ("min_total_sale_cnt", 10**30),
        ("min_total_sale_cnt", "many"),
        ("min_total_sale_cnt", [1]),
        ("min_spu_avg_price", float("nan")),
        ("min_spu_avg_price", float("inf")),
        ("min_first_crawl_dt", 20260230),
        ("min_first_crawl_dt", "yesterday"),
        ("min_first_crawl_dt", True),
        ("min_product_rating", 5.1),
        ("page_num", 0),
        ("page_num", 100_001),
        ("page_size", 11),
        ("sort_type", True),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        ProductQuery.model_validate({"region": "US", name: value})


def test_every_minimum_has_its_maximum_and_both_say_the_same_quantity() -> None:
    assert len(RANGES) == 12
    for low, high in RANGES:
        assert meaning(low) == meaning(high)


@given(st.permutations(["min_total_sale_cnt", "max_spu_avg_price", "sales_flag", "page_num"]))
def test_the_key_does_not_depend_on_the_order_of_arguments(names: list[str]) -> None:
    values = {"min_total_sale_cnt": 5, "max_spu_avg_price": 10, "sales_flag": 1, "page_num": 2}
    query = ProductQuery.model_validate({"region": "US"} | {name: values[name] for name in names})
    assert query.key == ProductQuery(region="US", **values).key


def test_a_default_and_the_same_value_given_are_one_question() -> None:
    assert ProductQuery(region="US").key == ProductQuery(region="US", product_sort_field=7, sort_type=1).key


def test_another_page_of_the_same_question_has_a_key_of_its_own() -> None:
    query = ProductQuery(region="US", min_total_sale_cnt=5)
    assert query.key
    other = query.at_page(3)
    assert other.key == ProductQuery(region="US", min_total_sale_cnt=5, page_num=3).key != query.key
    assert "product_sort_field" not in other.model_fields_set
