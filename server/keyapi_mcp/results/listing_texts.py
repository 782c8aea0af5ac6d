"""What a listing says in its own words: description, variants, and prices as the shop shows them.

These fields are JSON in text, in several shapes, written by strangers: whatever they hold, reading them never fails.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyapi_mcp.results.room import fitted
from keyapi_mcp.results.seller_information import before_seller
from keyapi_mcp.results.untrusted import clean

LONGEST_EXCERPT: Final = 300
# About as many tokens as an excerpt of that many English characters has; other scripts have fewer characters then.
_EXCERPT_TOKENS: Final = 75
_OPTIONS_TOKENS: Final = 14
_OPTION_TOKENS: Final = 5
_MOST_PROPS, _MOST_VALUES = 3, 4
# A field beyond this is no listing's any more, and not worth the time.
_LONGEST_FIELD: Final = 1_000_000
_LONGEST_LINE: Final = 2_000
_MOST_ITEMS: Final = 1_000
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]{0,300}>")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_AMOUNT: Final = re.compile(r"\d{1,12}(?:\.\d{1,6})?|\d{1,3}(?:,\d{3}){1,3}(?:\.\d{1,6})?")


@dataclass(frozen=True, slots=True)
class LocalPrice:
    """What the variants cost in the market's currency (its ISO code), as the shop shows it."""

    currency: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Variants:
    """count: `None` where unknown; options: what they differ in, in words; price: `None` where unreadable."""

    count: int | None
    options: str
    price: LocalPrice | None


# --- the description --------------------------------------------------------------------------------------------------


def description(row: Mapping[str, Any]) -> str:
    """The beginning of the description in one clean line, ending before seller information; longer than an excerpt."""
    text, told = "", set()
    for raw in _lines(row.get("desc_detail")):
        line = clean(_TAG.sub(" ", html.unescape(raw[:_LONGEST_LINE])))
        before = before_seller(line)
        line = line if before is None else before
        if line and line not in told:
            told.add(line)
            ended = not text or text[-1] in ".!?。！？:：;,"
            text = f"{text}{'' if ended else ';'} {line}".strip()
        if before is not None or len(text) > LONGEST_EXCERPT:
            break
    return text


def excerpt(text: str, tokens: float) -> str:
    """At most 300 characters of a description, and at most about so many tokens."""
    return fitted(text, min(tokens, _EXCERPT_TOKENS), LONGEST_EXCERPT)


def _lines(detail: Any) -> Iterator[str]:
    """The texts of a description's blocks, in their order. A description that is no JSON is one text."""
    blocks = _document(detail)
    if blocks is None and isinstance(detail, str) and not detail.lstrip().startswith(("[", "{")):
        yield from detail[:_LONGEST_LINE].splitlines()
    for block in _items(blocks):
        if isinstance(block, str):
            yield block
        elif isinstance(block, Mapping):
            yield from _of_block(block)


def _of_block(block: Mapping[str, Any]) -> Iterator[str]:
    text = block.get("text")
    if not (isinstance(text, str) and text.strip()):
        # The same in runs.
        runs = (run.get("t") for run in _items(block.get("sub")) if isinstance(run, Mapping))
        text = "".join(run for run in runs if isinstance(run, str))
    yield from text[:_LONGEST_LINE].splitlines()
    for entry in _items(block.get("content")):
        if isinstance(entry, Mapping):
            entry = entry.get("text")
        if isinstance(entry, str):
            yield entry


# --- variants ---------------------------------------------------------------------------------------------------------


def variants(row: Mapping[str, Any]) -> Variants:
    """How many variants there are, what they differ in, and what they cost."""
    offered = _document(row.get("skus"))
    skus = [sku for sku in offered if isinstance(sku, Mapping)] if isinstance(offered, list) else []
    props = [prop for prop in _items(_document(row.get("sale_props"))) if isinstance(prop, Mapping)]
    options = [words for prop in props[:_MOST_PROPS] if (words := _options(prop))]
    return Variants(len(skus) or None, fitted("; ".join(options), _OPTIONS_TOKENS), _local_price(skus[:_MOST_ITEMS]))


def _options(prop: Mapping[str, Any]) -> str:
    """Two shapes are about; the newer one has other names for the values."""
    names = [
        name
        for value in _items(prop.get("sale_prop_values"))
        if isinstance(value, Mapping) and (name := _name(value, "prop_value", "property_value_name"))
    ]
    if not names:
        return ""
    more = f" +{len(names) - _MOST_VALUES}" if len(names) > _MOST_VALUES else ""
    what = _name(prop, "prop_name", "property_name")
    return f"{what}{what and ': '}{', '.join(names[:_MOST_VALUES])}{more}"


def _name(of: Mapping[str, Any], *keys: str) -> str:
    for key in keys:
        if isinstance(value := of.get(key), str) and (text := clean(value[:_LONGEST_LINE])):
            return fitted(text, _OPTION_TOKENS)
    return ""


def _local_price(skus: list[Mapping[str, Any]]) -> LocalPrice | None:
    """From the currency that most variants are in."""
    amounts: dict[str, list[float]] = {}
    for sku in skus:
        price = sku.get("real_price")
        if not isinstance(price, Mapping):
            continue
        currency = price.get("currency")
        amount = next(
            (found for key in ("price_val", "sale_price_decimal") if (found := _amount(price.get(key)))), None
        )
        if amount is not None and isinstance(currency, str) and _CURRENCY.fullmatch(currency.strip()):
            amounts.setdefault(currency.strip(), []).append(amount)
    if not amounts:
        return None
    currency, most = max(amounts.items(), key=lambda entry: len(entry[1]))
    return LocalPrice(currency, min(most), max(most))


def _amount(value: Any) -> float | None:
    """An amount above 0; text as the shop writes it, with or without commas between thousands."""
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text := text.strip()) or not text.isascii():
        return None
    return float(text.replace(",", "")) or None


# --- JSON in text -----------------------------------------------------------------------------------------------------


def _document(value: Any) -> Any:
    """What JSON in a text says; `None` where it is none."""
    if not isinstance(value, str):
        return value
    if len(value) > _LONGEST_FIELD:
        return None
    try:
        return json.loads(value, strict=False)
    except (ValueError, RecursionError):
        return None


def _items(value: Any) -> list[Any]:
    return value[:_MOST_ITEMS] if isinstance(value, list) else []
