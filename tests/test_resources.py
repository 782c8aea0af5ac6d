"""Resources and completion as a client of either era sees them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client, MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, ResourceTemplateReference, TextResourceContents

from keyapi_mcp import resources
from keyapi_mcp.reference import categories, regions
from keyapi_mcp.results.untrusted import clean
from keyapi_mcp.store.views import COLUMNS
from support.connections import ERAS, Era
from support.kept import connected, product_id, row

pytestmark = pytest.mark.anyio

TEMPLATE = ResourceTemplateReference(uri="keyapi://product/{region}/{product_id}")
each_era = pytest.mark.parametrize("era", ERAS)


async def text_of(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert (content.uri, content.mime_type) == (uri, "application/json")
    return content.text


async def document(client: Client, uri: str) -> Any:
    return json.loads(await text_of(client, uri))


def texts(value: Any) -> list[str]:
    """Every text in a document, keys included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for one in value.values() for text in texts(one))]
    return [text for one in value for text in texts(one)] if isinstance(value, list) else []


# --- what there is ------------------------------------------------------------------------------------------------


@each_era
async def test_what_there_is_is_listed_with_words_and_can_be_read(era: Era) -> None:
    async with connected(era=era) as client:
        listed = (await client.list_resources()).resources
        assert [one.uri for one in listed] == [
            "keyapi://schema",
            "keyapi://glossary",
            "keyapi://categories",
            "keyapi://regions",
        ]
        for one in listed:
            assert one.title
            assert one.description
            assert one.mime_type == "application/json"
            assert one.name == one.uri.removeprefix("keyapi://")
            text = await text_of(client, one.uri)
            assert 100 < len(text.encode()) < 120_000, one.uri
            assert all(part.isprintable() for part in texts(json.loads(text))), one.uri
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == TEMPLATE.uri
        assert template.title
        assert template.description


@each_era
async def test_tools_resources_prompts_and_completions_are_all_that_is_promised(era: Era) -> None:
    async with connected(era=era) as client:
        given = client.server_capabilities.model_dump(exclude_none=True)
        assert set(given) == {"tools", "resources", "prompts", "completions"}
        assert not given["resources"].get("subscribe")
        assert not given["resources"].get("list_changed")


async def test_the_schema_has_every_column_of_every_view() -> None:
    async with connected() as client:
        schema = await document(client, "keyapi://schema")
        assert {view: tuple(one["name"] for one in columns) for view, columns in schema.items()} == COLUMNS
        assert all(one["meaning"] for columns in schema.values() for one in columns)
        assert {"name": "gmv_30d_usd", "unit": "USD", "meaning": "GMV of the last 30 days (estimated)"} in schema[
            "products"
        ]


async def test_the_glossary_says_how_a_metric_is_computed_and_when() -> None:
    async with connected() as client:
        entries = {entry["name"]: entry for entry in await document(client, "keyapi://glossary")}
        assert entries["growth_7d"]["formula"] == "(u7/7) / ((u15−u7)/8) − 1"
        assert entries["growth_7d"]["guard"]
        assert set(COLUMNS["products"]) <= set(entries)


async def test_categories_and_regions_are_whole() -> None:
    async with connected() as client:
        tree = await document(client, "keyapi://categories")
        assert tree["columns"] == ["id", "level", "parent_id", "name"]
        assert len(tree["rows"]) == len(categories.everything())
        assert ["601450", 1, "0", "Beauty & Personal Care"] in tree["rows"]
        known = await document(client, "keyapi://regions")
        assert {one["code"]: one["name"] for one in known["regions"]} == regions.KNOWN


@each_era
@pytest.mark.parametrize(
    "uri",
    [
        "keyapi://products",
        "keyapi://schema/",
        "keyapi://product/US",
        f"keyapi://product/US/{product_id(5)}",
        f"keyapi://product/GB/{product_id(0)}",
        f"keyapi://product/Atlantis/{product_id(0)}",
        "keyapi://product/US/17293845abc",
        "keyapi://product/US/" + "1" * 30,
        f"keyapi://product/US/{product_id(0)}/more",
        f"keyapi://product/US/{product_id(0)}?x=1",
        f"keyapi://product/US/..%2f{product_id(0)}",
        "file:///etc/hostname",
        "https://www.tiktok.com/view/product/1",
        "nothing",
    ],
)
async def test_what_there_is_not_is_an_error_that_names_it(uri: str, era: Era) -> None:
    async with connected(row(0), era=era) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)
        assert refused.value.code == INVALID_PARAMS
        assert refused.value.data == {"uri": uri}


# --- a product ----------------------------------------------------------------------------------------------------


@each_era
async def test_a_product_is_its_last_row_with_the_day_it_is_from(era: Era) -> None:
    async with connected(row(0, from_flag=7), era=era) as client:
        for region in ("US", "us", "USA", "United%20States"):
            found = await document(client, f"keyapi://product/{region}/{product_id(0)}")
            assert (found["region"], found["product_id"]) == ("US", product_id(0))
        assert found["page"] == f"https://www.tiktok.com/view/product/{product_id(0)}"
        assert (found["data_day"], found["first_day"], found["days_seen"]) == ("2026-11-22", "2026-11-22", 1)
        assert found["fetched_at"] == "2026-11-23T09:00:00+00:00"
        # Fields that have no column are there as well.
        assert found["row"]["from_flag"] == 7
        assert found["row"]["total_sale_30d_cnt"] == 300
        assert "estimates" in found["note"]
        assert "source" not in found


async def test_texts_of_strangers_are_cleaned_and_json_inside_of_them_is_unfolded() -> None:
    odd = row(
        0,
        product_name="Lip|oil\x1b[31m\u202e\n[buy](https://evil.example)",
        skus=json.dumps([{"sku_id": 1729384501234599999, "real_price": {"price_str": "$<1>"}, "a|b": "`x`"}]),
        desc_detail='[{"type": "text", "text": "ignore\\u200b all"}',
        cover_url="{not json",
        seller_id=7495000000000000001,
        shop_type=True,
        specification={"nested": [{"deep\u200b": ["a\u0000b", None, 1.5]}]},
    )
    async with connected(odd) as client:
        text = await text_of(client, f"keyapi://product/US/{product_id(0)}")
        found = json.loads(text)["row"]
        assert found["product_name"] == "Lip/oil (buy)(https: //evil.example)"
        assert found["skus"] == [{"sku_id": "1729384501234599999", "real_price": {"price_str": "$‹1›"}, "a/b": "'x'"}]
        # What is no JSON after all is a text.
        assert found["desc_detail"] == clean(odd["desc_detail"])
        assert found["cover_url"] == "{not json"
        assert found["seller_id"] == "7495000000000000001"
        assert found["shop_type"] is True
        assert found["specification"] == {"nested": [{"deep": ["ab", None, 1.5]}]}
        assert all(part == clean(part) for part in texts(found))
        assert "\u202e" not in text
        assert "\x1b" not in text


async def test_a_large_row_is_bounded_and_says_what_is_missing() -> None:
    large = row(
        0,
        product_name="ü" * 10_000,
        desc_detail=json.dumps([{"type": "text", "text": "x" * 3_000} for _ in range(40)]),
        skus=json.dumps([{"sku_id": str(number), "name": "y" * 50} for number in range(2_000)]),
        deep=json.dumps([]).replace("[]", "[" * 60 + "]" * 60),
    )
    async with connected(large) as client:
        text = await text_of(client, f"keyapi://product/US/{product_id(0)}")
        assert len(text) < 65_000
        found = json.loads(text)
        assert found["left_out"] == ["desc_detail", "skus"]
        assert not {"desc_detail", "skus"} & found["row"].keys()
        assert found["row"]["product_name"] == "ü" * 4_000 + "…"
        assert "…" in texts(found["row"]["deep"])
        assert found["row"]["total_sale_30d_cnt"] == 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON, max_size=6))
def test_any_row_becomes_json_that_every_client_can_read(raw: dict[str, Any]) -> None:
    document = resources._bounded(raw)
    written = json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    assert json.loads(written) == document
    assert all(part == clean(part) for part in texts(document["row"]))


async def test_a_synthetic_row_is_marked() -> None:
    async with connected(row(0), sandbox=True) as client:
        found = await document(client, f"keyapi://product/US/{product_id(0)}")
        assert found["source"] == "SANDBOX (synthetic data)"


@each_era
async def test_a_store_that_cannot_be_read_is_an_error_and_the_rest_is_there(era: Era, tmp_path: Path) -> None:
    home = tmp_path / "occupied"
    home.write_text("a file where a directory has to be")
    async with connected(era=era, home=home) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(f"keyapi://product/US/{product_id(0)}")
        assert refused.value.code == INTERNAL_ERROR
        assert str(home) in refused.value.message
        assert await document(client, "keyapi://schema")
        assert (await client.complete(TEMPLATE, {"name": "product_id", "value": "17"})).completion.values == []
        assert (await client.complete(TEMPLATE, {"name": "region", "value": "U"})).completion.values


# --- start-up -----------------------------------------------------------------------------------------------------


def test_a_server_that_is_only_listed_does_not_load_the_database() -> None:
    script = (
        "import sys, anyio\n"
        "from mcp import Client\n"
        "from keyapi_mcp.app import App\n"
        "from keyapi_mcp.settings import read_settings\n"
        "async def main():\n"
        "    app = App(read_settings())\n"
        "    async with app.running(), Client(app.server) as client:\n"
        "        await client.list_tools()\n"
        "        await client.list_resources()\n"
        "        await client.list_resource_templates()\n"
        "anyio.run(main)\n"
        "assert 'sqlalchemy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
