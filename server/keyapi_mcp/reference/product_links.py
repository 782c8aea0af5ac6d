"""Links to product pages: every answer hands them out, so they come back where an id is asked for."""

from __future__ import annotations

import re
from typing import Final

# .../view/product/<id>, .../pdp/<id>, .../pdp/<name>/<id>, with or without a query behind. Videos have such digits too.
_LINK: Final = re.compile(
    r"(?:https?://)?\b(?:[a-z0-9-]{1,60}\.){0,3}tiktok\.com/(?:[\w-]{1,20}/){0,3}(?:product|pdp)/"
    r"(?:[^\s/?#,;\"'\[\]]{1,400}/)?(\d{1,25})(?![\w-])/?(?:[?#][^\s,;\"'\[\]]*)?",
    re.IGNORECASE,
)
# Eight links of the longest kind; beyond, nobody wrote it by hand.
_LONGEST_TEXT: Final = 20_000


def as_ids(text: str) -> str:
    """The text with the product id in place of each link to a product's page."""
    return _LINK.sub(r"\1", text) if len(text) <= _LONGEST_TEXT else text


def page_of(product_id: str) -> str:
    """The address of a product's page in the shop."""
    return f"https://www.tiktok.com/view/product/{product_id}"
