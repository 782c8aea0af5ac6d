"""What a listing says: read whatever its shape, cut before the seller's particulars, never trusted, never failing."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.results.listing_texts import LocalPrice, Variants, description, excerpt, variants
from keyapi_mcp.results.seller_information import before_seller
from keyapi_mcp.sandbox.names import vocabulary

EXAMPLE = Path(__file__).parents[1] / "data" / "response_example.json"
ROOM = 1_000.0  # tokens: more than an excerpt takes


def blocks(*texts: str) -> dict[str, Any]:
    """A row whose description has these texts, a block each."""
    return {"desc_detail": json.dumps([{"type": "text", "text": text} for text in texts], ensure_ascii=False)}


def documented() -> dict[str, Any]:
    row: dict[str, Any] = json.loads(EXAMPLE.read_bytes())["data"][0]
    return row


# --- the description ----------------------------------------------------------------------------------------------


def test_blocks_lists_and_runs_of_text_become_one_line_in_their_order() -> None:
    detail = [
        {"type": "text", "text": "A lip oil."},
        {"type": "image", "image": {"url_list": ["https://example.com/1.webp"], "width": 800}},
        {"type": "ul", "content": ["light", "not sticky"]},
        {"type": "text", "text": "", "sub": [{"t": "Made "}, {"t": "for summer"}]},
        {"type": "text", "text": "Good for winter", "sub": [{"t": "Good for winter"}]},
    ]
    assert description({"desc_detail": json.dumps(detail)}) == (
        "A lip oil. light; not sticky; Made for summer; Good for winter"
    )


def test_a_text_that_is_there_twice_is_told_once() -> None:
    assert description(blocks("Soft.", "Warm.", "Soft.")) == "Soft. Warm."


def test_plain_text_and_html_are_read_too() -> None:
    assert description({"desc_detail": "Soft socks.\nThree pairs"}) == "Soft socks. Three pairs"
    assert description(blocks("<p>Soft &amp; <b>warm</b></p>")) == "Soft & warm"


def test_it_is_cleaned() -> None:
    text = description(blocks("a\u202eb\u200b [click](https://evil.example) | `x` \x1b[31mred"))
    assert text == "ab (click)(https: //evil.example) / 'x' red"


def test_the_documented_example_ends_before_its_seller() -> None:
    text = description(documented())
    assert text.startswith("This Halloween Personality Cartoon Couple Pendant")
    short = documented() | {"desc_detail": json.dumps(json.loads(documented()["desc_detail"])[1:])}
    whole = description(short)
    assert whole.endswith("that is sure to stand out.")
    for private in ("Seller", "Business", "Putian", "Fujian"):
        assert private not in text + whole


LANGUAGES = sorted(vocabulary())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("shape", ["heading and list", "list without heading", "one text", "lines of a text"])
def test_in_every_language_of_the_sandbox_it_ends_before_seller_information(language: str, shape: str) -> None:
    words = vocabulary()[language]
    company, address = words["companies"][0], words["addresses"][0]
    heading, *lines = (line.format(company=company, address=address) for line in words["seller"])
    first, second = words["sentences"][:2]
    blocks_of: dict[str, list[dict[str, Any]]] = {
        "heading and list": [{"type": "text", "text": heading}, {"type": "ul", "content": lines}],
        "list without heading": [{"type": "ul", "content": lines}],
        "one text": [{"type": "text", "text": f"{heading} {' '.join(lines)}"}],
        "lines of a text": [{"type": "text", "text": "\n".join([heading, *lines])}],
    }
    for more in ([], [{"type": "text", "text": "after it"}]):
        detail = [{"type": "text", "text": first}, {"type": "text", "text": second}, *blocks_of[shape], *more]
        text = description({"desc_detail": json.dumps(detail, ensure_ascii=False)})
        assert text.startswith(first)
        assert text.endswith(second)
        for private in (company, address, heading, "after it"):
            assert private not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_every_language_what_only_describes_is_kept_whole(language: str) -> None:
    for sentence in vocabulary()[language]["sentences"]:
        assert before_seller(sentence) is None, sentence


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("Great lamp. Seller information: Acme Ltd", "Great lamp."),
        ("SELLER INFO", ""),
        ("About us. Company name：Acme", "About us."),
        ("Manufacturer: Acme GmbH, Berlin", ""),
        ("Importer (EU): Acme", ""),
        ("Size: M. Address: 5 High Street", "Size: M."),
        ("Address", ""),
        ("Ask us. Write to shop@example.com for a discount", "Ask us."),
        ("shop@example.com", ""),
        ("Ask us. Write to shop@ example.com for a discount", "Ask us."),  # as the cleaning leaves it
        ("Soft and warm. Call +1 (555) 123-4567 now", "Soft and warm."),
        ("ติดต่อ: 081-234-5678", ""),
        ("ผลิตจากผ้าฝ้าย โทร 0812345678", ""),
        ("Hotline: 0912 345 678", ""),
        ("WhatsApp 6281234567890", ""),
        ("Fabricante: Hogar Bonito S.L.", ""),
        ("Hersteller: Musterhandel GmbH", ""),
        ("【販売者情報】株式会社サンプル商事", ""),
        ("住所:東京都例示区1-2-3", ""),
        ("Nhà sản xuất: Công ty Mẫu", ""),
        ("Informações do vendedor: Casa Ltda", ""),
        ("Razão social: Casa Ltda, CNPJ 1", ""),
        ("Raison sociale : Maison SARL", ""),
        ("Informazioni sul venditore", ""),
        ("معلومات البائع: شركة", ""),
        ("卖家信息:公司", ""),
    ],
)
def test_particulars_are_recognised_in_many_forms(line: str, kept: str) -> None:
    assert before_seller(line) == kept


@pytest.mark.parametrize(
    "line",
    [
        "Please ask the seller before you order.",
        "The company has made lamps since 1990",
        "Fits phone 12 13 14 15 Pro",
        "20.5 x 30-40 cm, 100 000 uses, 2026-11-22",
        "A gift for every address in town",
        "Contactless thermometer",
        "Telescope 50x60 with tripod",
        "Email-shaped cushion",
        "ที่อยู่ในบ้าน",  # "that is in the house": the word for address is in it
        "Đổi trả miễn phí trong vòng 7 ngày nếu lỗi từ nhà sản xuất.",
        "お客様の住所に発送いたします。",
        "Modelo 2026, 1234567890",
    ],
)
def test_what_only_sounds_like_it_is_kept(line: str) -> None:
    assert before_seller(line) is None


def test_invisible_characters_inside_of_the_words_do_not_hide_them() -> None:
    assert description(blocks("Soft.", "Sel\u200bler infor\u2060mation", "Acme")) == "Soft."


# --- the excerpt --------------------------------------------------------------------------------------------------


def test_an_excerpt_ends_at_a_word_and_counts_its_mark() -> None:
    cut = excerpt("word " * 200, ROOM)
    assert len(cut) <= 300
    assert cut.endswith("word…")
    assert excerpt("a" * 300, ROOM) == "a" * 300
    assert len(excerpt("a" * 301, ROOM)) == 300


def test_an_excerpt_does_not_part_a_character_from_its_marks() -> None:
    text = "น้ำหอมผู้หญิงกลิ่นหอมติดทนนาน" * 20
    for tokens in range(5, 70):
        cut = excerpt(text, tokens).removesuffix("…")
        assert unicodedata.category(text[len(cut)]) not in ("Mn", "Mc")


def test_without_room_there_is_none() -> None:
    assert excerpt("Soft and warm", 0) == ""
    assert excerpt("Soft and warm", -5) == ""
    assert excerpt("", ROOM) == ""


@given(st.text(max_size=800), st.floats(-10, 200))
def test_an_excerpt_is_the_beginning_and_never_longer(text: str, tokens: float) -> None:
    cut = excerpt(text, tokens)
    assert len(cut) <= 300
    assert cut == text or text.startswith(cut.removesuffix("…"))


# --- variants -----------------------------------------------------------------------------------------------------


def sku(value: Any, currency: Any = "USD", **price: Any) -> dict[str, Any]:
    return {"sku_id": "1", "real_price": {"price_val": value, "currency": currency, **price}}


def of_skus(*skus: Any) -> LocalPrice | None:
    return variants({"skus": json.dumps(skus)}).price


def test_the_documented_variants_are_counted_named_and_priced() -> None:
    assert variants(documented()) == Variants(2, "Colour: golden, silver", LocalPrice("USD", 1.99, 1.99))


def test_the_newer_shape_is_read_as_well() -> None:
    props = [
        {"prop_name": "Size", "sale_prop_values": [{"property_value_id": "1", "property_value_name": "S"}]},
        {"prop_name": "Colour", "sale_prop_values": [{"prop_value": name} for name in "abcdef"]},
        {"prop_name": "Nothing", "sale_prop_values": []},
    ]
    assert variants({"sale_props": json.dumps(props)}).options == "Size: S; Colour: a, b, c, d +2"


def test_prices_are_those_of_the_shop_in_its_currency() -> None:
    assert of_skus(sku("429", "THB"), sku("459.50", "THB")) == LocalPrice("THB", 429, 459.5)
    assert of_skus(sku("1,299,000", "VND")) == LocalPrice("VND", 1_299_000, 1_299_000)
    assert of_skus(sku(None, "JPY", sale_price_decimal="865")) == LocalPrice("JPY", 865, 865)
    assert of_skus(sku(12, "EUR"), sku(9.5, "EUR")) == LocalPrice("EUR", 9.5, 12)


def test_of_several_currencies_the_one_of_most_variants_counts() -> None:
    assert of_skus(sku("5", "USD"), sku("170", "THB"), sku("180", "THB")) == LocalPrice("THB", 170, 180)


@pytest.mark.parametrize(
    "value", ["", "free", "-5", "1.299,00", "1e5", "NaN", "٣", "9" * 40, True, [], {}, None, "0", 0, -1, 1e300]
)
def test_a_price_that_is_none_is_left_out(value: Any) -> None:
    assert of_skus(sku(value)) is None
    assert of_skus(sku(value), sku("5")) == LocalPrice("USD", 5, 5)


@pytest.mark.parametrize("currency", ["", "usd$", None, 5, "US", "<b>"])
def test_a_price_without_a_currency_is_left_out(currency: Any) -> None:
    assert of_skus(sku("5", currency)) is None


def test_names_of_options_are_cleaned_and_cut() -> None:
    props = [{"prop_name": "Co|lour\u202e", "sale_prop_values": [{"prop_value": "<b>red</b> " + "very " * 50}]}]
    options = variants({"sale_props": json.dumps(props)}).options
    assert options.startswith("Co/lour: ‹b›red")
    assert len(options) < 60


# --- whatever there is --------------------------------------------------------------------------------------------

KEYS = (
    *("type", "text", "sub", "t", "content", "image", "real_price", "price_val", "currency", "sale_price_decimal"),
    *("prop_name", "sale_prop_values", "prop_value", "property_value_name"),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)
fields = st.one_of(
    json_values,
    json_values.map(json.dumps),
    json_values.map(lambda value: json.dumps(value)[:-1]),
    st.text(),
    st.sampled_from(["[" * 100_000, '{"a":' * 50_000, "[1e999]", '"\\ud800"', "[" + "9" * 5_000 + "]", "\x00[]"]),
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("desc_detail", "skus", "sale_props"), fields)))
def test_odd_and_broken_fields_never_raise_and_never_get_through_raw(row: dict[str, Any]) -> None:
    text, offered = excerpt(description(row), ROOM), variants(row)
    for shown in (text, offered.options):
        assert not set(shown) & set("|<>[]`\\\n")
        assert all(unicodedata.category(one)[0] != "C" for one in shown)
    assert len(text) <= 300
    assert offered.count is None or offered.count > 0
    if offered.price is not None:
        assert 0 < offered.price.low <= offered.price.high < 1e15


def test_a_field_of_megabytes_is_not_read() -> None:
    assert variants({"skus": json.dumps([sku("5")] * 20_000)}) == Variants(None, "", None)
    assert description({"desc_detail": json.dumps(["x" * 2_000_000])}) == ""


def test_of_thousands_of_variants_all_are_counted() -> None:
    assert variants({"skus": json.dumps([sku("5")] * 3_000)}).count == 3_000
