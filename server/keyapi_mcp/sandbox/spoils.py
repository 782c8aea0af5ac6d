"""Faults of the document: each takes the bytes of a right answer and gives those of a wrong one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final


def _changed(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """`change` changes the document in place, or gives what to send instead."""

    def spoil(body: bytes) -> bytes:
        document = json.loads(body)
        instead = change(document)
        return json.dumps(document if instead is None else instead, ensure_ascii=False).encode()

    return spoil


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong_types(document: dict[str, Any]) -> None:
    for row in document["data"]:
        for position, name in enumerate(sorted(row)):
            if _number(row[name]):
                row[name] = (str(row[name]), float(row[name]), [row[name]], {"value": row[name]}, True)[position % 5]


def _quoted_numbers(document: dict[str, Any]) -> None:
    for row in document["data"]:
        row.update({name: str(value) for name, value in row.items() if _number(value)})


def _missing_fields(document: dict[str, Any]) -> None:
    for row in document["data"]:
        for name in sorted(row)[::2]:
            if name != "product_id":
                del row[name]


def _nulls(document: dict[str, Any]) -> None:
    for row in document["data"]:
        row.update({name: None for name in row if name != "product_id"})


def _percent_commission(document: dict[str, Any]) -> None:
    for row in document["data"]:
        row["product_commission_rate"] = round(row["product_commission_rate"] * 100, 2)


def _broken_row(document: dict[str, Any]) -> None:
    rows = document["data"]
    if len(rows) > 3:
        del rows[3]["product_id"]
    rows[1:2] = ["not a row"]


def _in_names(text: bytes) -> Callable[[bytes], bytes]:
    """Raw bytes at the front of every name, as no serialiser would write them."""
    return lambda body: body.replace(b'"product_name":"', b'"product_name":"' + text)


SPOILS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "not_json": lambda body: body[:-40],
    "control_characters": _in_names(b"bell\x07\x00\x1b[31m\n\t "),
    "bad_utf8": _in_names(b"cup\xff\xfe "),
    "data_null": _changed(lambda document: document | {"data": None}),
    "data_object": _changed(lambda document: document | {"data": {"list": document["data"]}}),
    "data_text": _changed(lambda document: document | {"data": "no rows today"}),
    "not_an_object": _changed(lambda document: document["data"]),
    "nulls": _changed(_nulls),
    "wrong_types": _changed(_wrong_types),
    "quoted_numbers": _changed(_quoted_numbers),
    "missing_fields": _changed(_missing_fields),
    "broken_row": _changed(_broken_row),
    "all_rows_broken": _changed(lambda document: document | {"data": ["no", "rows"]}),
    "percent_commission": _changed(_percent_commission),
    "deep": lambda _: b'{"code":0,"data":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
}
