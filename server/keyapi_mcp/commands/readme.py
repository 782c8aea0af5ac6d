"""The README's generated parts: what stands between `<!-- name -->` and `<!-- /name -->`, from the code itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import anyio
import httpx2 as httpx

from keyapi_mcp.app import App
from keyapi_mcp.clock import data_day
from keyapi_mcp.recipes.loading import shipped
from keyapi_mcp.results.recipe_words import screen_words
from keyapi_mcp.settings import Settings, settings_table
from keyapi_mcp.tools import TOOLS

# A fixed moment, so that the example is the same whenever it is made.
_MOMENT: Final = datetime(2026, 11, 23, 9, tzinfo=UTC)
_QUESTION: Final = {
    "region": "US",
    "category_id": "Beauty & Personal Care",
    "sales_trend_flag": 1,
    "min_total_sale_30d_cnt": 1000,
}
_SHOWN_ROWS: Final = 3


def filled(text: str, create_sandbox: Callable[..., Any]) -> str:
    """The README with its generated parts made anew. Ends the process when a part's marks are missing."""
    parts = {
        "tools": _tools(),
        "recipes": _recipes(),
        "settings": _settings(),
        "answer": anyio.run(_answer, create_sandbox),
    }
    for name, content in parts.items():
        marked = re.compile(rf"<!-- {name} -->\n.*?<!-- /{name} -->", re.DOTALL)
        # A function, because a replacement text would be read for backslashes.
        replacement = f"<!-- {name} -->\n{content}\n<!-- /{name} -->"
        text, count = marked.subn(partial(_always, replacement), text)
        if count != 1:
            raise SystemExit(f"the README has to have one part between <!-- {name} --> and <!-- /{name} -->")
    return text


def _always(replacement: str, _found: re.Match[str]) -> str:
    return replacement


def _tools() -> str:
    lines = ["| tool | answers with |", "| --- | --- |"]
    return "\n".join(lines + [f"| `{tool.name}` | {tool.summary} |" for tool in TOOLS])


def _recipes() -> str:
    lines = ["| recipe | what it is for | filters; conditions; sort | pages |", "| --- | --- | --- | --- |"]
    return "\n".join(
        lines + [f"| `{one.name}` | {one.purpose} | {screen_words(one)} | {one.pages} |" for one in shipped().values()]
    )


def _settings() -> str:
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    return "\n".join(lines + [f"| `{name}` | {default} | {text} |" for name, default, text in settings_table()])


async def _answer(create_sandbox: Callable[..., Any]) -> str:
    """A question and the beginning of its answer, exactly as a model gets it."""
    upstream = httpx.ASGITransport(create_sandbox(today=lambda: data_day(_MOMENT)))
    app = App(Settings.model_construct(sandbox=True, store="memory"), upstream=upstream, clock=lambda: _MOMENT)
    async with app.running():
        lines = (await app.call("search_products", _QUESTION)).text().split("\n")
    table = [number for number, line in enumerate(lines) if line.count("|") > 10]
    first, last = table[_SHOWN_ROWS + 1], table[-1]
    lines[first : last + 1] = [f"… ({last - first + 1} more rows)"]
    return "\n".join(["```text", f"search_products {json.dumps(_QUESTION)}", "", *lines, "```"])
