"""A product's row as the service sends it: all 100 fields, with JSON inside strings and descriptions full of images."""

from __future__ import annotations

import json
import random
from typing import Any, Final

from keyapi_mcp.sandbox.catalogue import Snapshot
from keyapi_mcp.sandbox.names import sentences

_IMAGES: Final = "https://p16-oec-ttp.tiktokcdn-us.com/tos-useast5-i-omjb5zjo8w-tx"
_COVERS: Final = "https://echosell-images.tos-ap-southeast-1.volces.com/product-cover/1004"
_ALPHABET: Final = "0123456789abcdef"


def render(snapshot: Snapshot) -> bytes:
    """The row as JSON bytes."""
    return json.dumps(row(snapshot), ensure_ascii=False, separators=(",", ":")).encode()


def row(snapshot: Snapshot) -> dict[str, Any]:
    """All fields of the contract, and on some rows newer ones that it does not name."""
    listing = snapshot.listing
    # The texts of a listing do not change with the day.
    draw = random.Random(f"text/{listing.product_id}")
    fields = dict(snapshot.fields)
    fields["product_name"] = listing.name
    fields["cover_url"] = _cover(draw, listing.product_id)
    fields["desc_detail"] = _description(draw, snapshot)
    fields["discount"] = ("", None, "48%", "15%", "")[listing.number % 5]
    fields["skus"], fields["sale_props"] = _variants(draw, snapshot)
    if listing.number % 7 == 0:
        fields |= {"is_hot": 0, "shop_type": "1", "from_flag": 1, "last_crawl_dt": int(f"{snapshot.day:%Y%m%d}")}
    return dict(sorted(fields.items()))


def _hex(draw: random.Random, length: int) -> str:
    return "".join(draw.choices(_ALPHABET, k=length))


def _image_url(draw: random.Random, host: int = 16) -> str:
    name = _hex(draw, 32)
    query = (
        f"dr=10507&nonce={draw.randrange(10**5)}&refresh_token={_hex(draw, 32)}&from=1826719393&idc=useast8"
        f"&ps=933b5bde&shcp=7745054a&shp=6ce186a1&t=555f072d"
    )
    return f"{_IMAGES.replace('p16', f'p{host}')}/{name}~tplv-omjb5zjo8w-resize-webp:800:800.webp?{query}"


def _cover(draw: random.Random, product_id: str) -> str:
    if draw.random() < 0.03:
        return f"{_COVERS}/{product_id}_0.webp"
    order = list(range(draw.randint(4, 8)))
    draw.shuffle(order)
    return json.dumps([{"url": f"{_COVERS}/{product_id}_{index}.webp", "index": index} for index in order])


def _description(draw: random.Random, snapshot: Snapshot) -> str:
    market = snapshot.listing.market
    first, second, *points = sentences(draw, market, 6)
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": first},
        {"type": "ul", "content": points},
        {"type": "text", "text": second, "sub": [{"t": second}]},
    ]
    for _ in range(draw.randint(6, 9)):
        image = {
            "height": 800,
            "width": 800,
            "uri": f"tos-useast5-i-omjb5zjo8w-tx/{_hex(draw, 32)}",
            "url_list": [_image_url(draw, 19), _image_url(draw, 16)],
        }
        blocks.append({"type": "image", "image": image})
    if draw.random() < 0.4:
        blocks.append({"type": "text", "text": "Seller information"})
        town = draw.choice(("Putian", "Yiwu", "Bangkok", "Leeds"))
        owner = f"Business name: {town} {draw.choice(('Fulin', 'Haode', 'Siam', 'North'))} Trading Co Ltd"
        blocks.append({"type": "ul", "content": [owner, f"Business address: 1 Example Road, {town}"]})
    return json.dumps(blocks, ensure_ascii=False)


def _variants(draw: random.Random, snapshot: Snapshot) -> tuple[str, str]:
    listing, fields = snapshot.listing, snapshot.fields
    market = listing.market
    values = [str(6_900_000_000_000_000_000 + draw.randrange(10**17)) for _ in range(listing.variants)]
    skus = []
    for position, value in enumerate(values):
        step = (fields["max_price"] - fields["min_price"]) * position / max(1, len(values) - 1)
        amount = (fields["min_price"] + step) * market.rate
        shown = f"{amount:.0f}" if market.rate > 100 else f"{amount:.2f}"
        price: dict[str, Any] = {
            "price_str": f"{market.symbol}{shown}",
            "price_val": shown,
            "currency": market.currency,
        }
        if listing.number % 2:
            price |= {"currency_name": market.currency, "currency_symbol": market.symbol, "sale_price_decimal": shown}
        identifier = str(int(listing.product_id) + position + 1)
        skus.append({"sku_id": identifier, "sale_prop_value_ids": value, "real_price": price})
    newer = listing.number % 3 == 0
    keys = ("property_value_id", "property_value_name") if newer else ("prop_value_id", "prop_value")
    colours = ("golden", "silver", "black", "white", "pink", "green")
    choices = [
        {keys[0]: value, keys[1]: colours[position], "image": _image_url(draw)} for position, value in enumerate(values)
    ]
    props = [{"prop_name": "Colour", "has_image": "true", "prop_id": "100000", "sale_prop_values": choices}]
    return json.dumps(skus, ensure_ascii=False), json.dumps(props, ensure_ascii=False)
