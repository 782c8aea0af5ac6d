"""A product's row as the service sends it: all 100 fields, with JSON inside strings and descriptions full of images."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any, Final

from keyapi_mcp.sandbox.catalogue import Snapshot
from keyapi_mcp.sandbox.names import Market, seller_lines, sentences

_STORE: Final = "tos-useast5-i-omjb5zjo8w-tx"
_COVERS: Final = "https://echosell-images.tos-ap-southeast-1.volces.com/product-cover/1004"
_COLOURS: Final = ("golden", "silver", "black", "white", "pink", "green")
_SIZES: Final = ("S", "M", "L", "XL")
_DISCOUNTS: Final = ("", None, "48%", "15%", "", "7%", "", "62%")


def render(snapshot: Snapshot) -> bytes:
    """The row as JSON bytes, about 11,000 of them."""
    return _packed(row(snapshot)).encode()


def row(snapshot: Snapshot) -> dict[str, Any]:
    """All fields of the contract, and on some rows newer ones that it does not name."""
    listing = snapshot.listing
    # The texts of a listing do not change with the day.
    draw = random.Random(f"text/{listing.product_id}")
    fields = dict(snapshot.fields)
    fields["product_name"] = listing.name
    fields["cover_url"] = _cover(draw, listing.product_id)
    fields["desc_detail"] = _description(draw, listing.market)
    fields["discount"] = _DISCOUNTS[listing.number % len(_DISCOUNTS)]
    fields["skus"], fields["sale_props"] = _variants(draw, snapshot)
    if listing.number % 7 == 0:
        fields |= {
            "from_flag": 1,
            "is_hot": listing.number % 2,
            "last_crawl_dt": int(f"{snapshot.day + timedelta(days=1):%Y%m%d}"),
            "shipping_price": round(draw.uniform(0, 4), 2),
            "shop_type": "1",
            "specification": json.dumps([{"name": "Origin", "value": "China"}]),
        }
    return dict(sorted(fields.items()))


def _hex(draw: random.Random, length: int) -> str:
    return f"{draw.getrandbits(4 * length):0{length}x}"


def _image_url(draw: random.Random, uri: str, host: int, shape: str = "resize") -> str:
    url = f"https://p{host}-oec-ttp.tiktokcdn-us.com/{uri}~tplv-omjb5zjo8w-{shape}-webp:800:800.webp"
    if draw.random() < 0.13:
        return f"{url}?from=1826719393"
    return (
        f"{url}?dr=10507&nonce={draw.randrange(10**5)}&refresh_token={_hex(draw, 32)}&from=1826719393&idc=useast8"
        f"&ps=933b5bde&shcp=7745054a&shp=6ce186a1&t=555f072d"
    )


def _cover(draw: random.Random, product_id: str) -> str:
    """Pictures in any order; now and then a bare URL."""
    if draw.random() < 0.03:
        return f"{_COVERS}/{product_id}_0.webp"
    order = list(range(draw.randint(3, 8)))
    draw.shuffle(order)
    return json.dumps([{"url": f"{_COVERS}/{product_id}_{index}.webp", "index": index} for index in order])


def _description(draw: random.Random, market: Market) -> str:
    first, second, *points = sentences(draw, market, 6)
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": first},
        {"type": "ul", "content": points},
        {"type": "text", "text": second, "sub": [{"t": second}]} if draw.random() < 0.3 else _text(second),
    ]
    for _ in range(draw.randint(6, 9)):
        uri = f"{_STORE}/{_hex(draw, 32)}"
        hosts = draw.sample((16, 19), 2)
        urls = [_image_url(draw, uri, host) for host in hosts]
        height = draw.choice((800, 800, 532, 1000))
        blocks.append({"type": "image", "image": {"height": height, "width": 800, "uri": uri, "url_list": urls}})
    if draw.random() < 0.4:
        heading, lines = seller_lines(draw, market)
        blocks += [_text(heading), {"type": "ul", "content": lines}]
    return _packed(blocks)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _variants(draw: random.Random, snapshot: Snapshot) -> tuple[str, str]:
    """`skus` with prices in the market's currency, and the `sale_props` that their value ids name."""
    listing, fields = snapshot.listing, snapshot.fields
    # Two shapes are about: the newer one has other key names and more about the price.
    newer = listing.number % 3 == 0
    colours = {_value_id(draw): name for name in _COLOURS[: listing.variants]}
    sizes = {_value_id(draw): name for name in _SIZES[: draw.randint(2, 4)]} if listing.variants == 2 else {}
    props = [_prop("Colour", "100000", colours, newer, draw)]
    if sizes:
        props.append(_prop("Size", "100007", sizes, newer, None))
    combinations = [f"{colour}_{size}" for colour in colours for size in sizes] or list(colours)
    low, high = fields["min_price"], fields["max_price"]
    skus = [
        {
            "sku_id": str(int(listing.product_id) + position + 1),
            "sale_prop_value_ids": values,
            "real_price": _price(listing.market, low + (high - low) * position / max(1, len(combinations) - 1), newer),
        }
        for position, values in enumerate(combinations)
    ]
    return _packed(skus), _packed(props)


def _packed(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _value_id(draw: random.Random) -> str:
    return str(6_900_000_000_000_000_000 + draw.randrange(10**17))


def _prop(
    name: str, identifier: str, values: dict[str, str], newer: bool, pictures: random.Random | None
) -> dict[str, Any]:
    id_key, name_key = ("property_value_id", "property_value_name") if newer else ("prop_value_id", "prop_value")
    shown = []
    for value_id, value in values.items():
        picture = {"image": _image_url(pictures, f"{_STORE}/{_hex(pictures, 32)}", 16, "crop")} if pictures else {}
        shown.append(picture | {id_key: value_id, name_key: value})
    return {
        "prop_name": name,
        "has_image": "true" if pictures else "false",
        "prop_id": identifier,
        "sale_prop_values": shown,
    }


def _price(market: Market, dollars: float, newer: bool) -> dict[str, Any]:
    local = dollars * market.rate
    # Currencies of many units have no cents.
    value = f"{local:.0f}" if market.rate > 100 else f"{local:.2f}"
    shown = f"{float(value):,.0f}" if market.rate > 100 else f"{float(value):,.2f}"
    price: dict[str, Any] = {
        "price_str": f"{market.symbol}{shown}",
        "price_val": value,
        "currency": market.currency,
    }
    if newer:
        price |= {
            "currency_name": market.currency_name,
            "currency_symbol": market.symbol,
            "sale_price_decimal": value,
            "sale_price_format": shown,
            "promotion_deduction_details": None,
        }
    return price
