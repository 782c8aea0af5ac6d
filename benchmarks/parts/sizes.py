"""(e) Bytes and tokens (o200k_base): what the listing and the answers cost a model.

Clients differ in which form of an answer the model sees, text or structured content, so each is counted by itself; the
bare tool's answer is the service's page as text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from statistics import mean
from typing import Any, Final

from benchmarks import processes
from benchmarks.effort import Effort
from benchmarks.pipe_client import LIST, call, connected
from benchmarks.questions import pages_of_all_markets
from benchmarks.report import BARE, Figure, Part
from keyapi_mcp.commands.schemas import seen_by_model, token_counter

_COUNT: Final = token_counter()
_SEARCH_AT_MOST, _LISTING_AT_MOST, _AVERAGE_AT_MOST, _ANSWER_AT_MOST = 1_250, 3_900, 1_000, 1_200
_SEARCH: Final = "search_products, the model's part"


@dataclass(slots=True)
class _Sizes:
    """Bytes and tokens of several texts."""

    bytes_: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.bytes_.append(len(text.encode()))
        self.tokens.append(_COUNT(text) if _COUNT else 0)

    def cells(self) -> tuple[str, str, str, str]:
        return tuple(
            f"{value:,.0f}" for value in (mean(self.bytes_), max(self.bytes_), mean(self.tokens), max(self.tokens))
        )  # type: ignore[return-value]


def measure(effort: Effort) -> Part:
    names = ("tools/list, the model's part", "tools/list, whole", "answer: text", "answer: structured content")
    peers = ("bare tools/list, the model's part", "bare tools/list, whole", "bare answer: text (the raw page)")
    sizes = {name: _Sizes() for name in (_SEARCH, *names, *peers)}
    with (
        processes.sandbox() as upstream,
        connected(processes.OURS, processes.ours(upstream)) as ours,
        connected(processes.RAW_JSON, processes.bare(upstream)) as bare,
    ):
        for client, (seen, whole) in ((ours, names[:2]), (bare, peers[:2])):
            listing = client.ask(LIST)
            sizes[whole].add(_compact(listing))
            sizes[seen].add("\n".join(map(seen_by_model, listing["tools"])))
        (search,) = [tool for tool in ours.ask(LIST)["tools"] if tool["name"] == "search_products"]
        sizes[_SEARCH].add(seen_by_model(search))
        for number, question in enumerate(pages_of_all_markets(effort.pages), 2):
            answer = ours.ask(call(number, "search_products", question))
            sizes[names[2]].add(answer["content"][0]["text"])
            sizes[names[3]].add(_compact(answer["structuredContent"]))
            sizes[peers[2]].add(bare.ask(call(number, "search_products", question))["content"][0]["text"])
    listing_tokens, text, structured, raw = (sizes[name] for name in (names[0], names[2], names[3], peers[2]))
    bare_listing, search_tokens = sizes[peers[0]], sizes[_SEARCH]
    return Part(
        "Sizes",
        ("", "bytes", "most", "tokens", "most"),
        [(name, *size.cells()) for name, size in sizes.items()],
        (f"{effort.pages} pages of ten from eight markets, average and most; tokens of o200k_base.",),
        [
            Figure(
                "`search_products`, what the model sees",
                f"{search_tokens.tokens[0]:,} tokens",
                f"{bare_listing.tokens[0]:,} tokens ({BARE})",
                f"{search_tokens.tokens[0] / bare_listing.tokens[0]:.2f}",
                f"≤ {_SEARCH_AT_MOST:,} tokens",
                search_tokens.tokens[0] <= _SEARCH_AT_MOST,
            ),
            Figure(
                "all tools, what the model sees",
                f"{listing_tokens.tokens[0]:,} tokens",
                "",
                "",
                f"≤ {_LISTING_AT_MOST:,} tokens",
                listing_tokens.tokens[0] <= _LISTING_AT_MOST,
            ),
            *(_answer_figure(name, size, raw) for name, size in (("text", text), ("structured content", structured))),
        ]
        if _COUNT
        else (),
    )


def _answer_figure(name: str, size: _Sizes, raw: _Sizes) -> Figure:
    average, most, page = mean(size.tokens), max(size.tokens), mean(raw.tokens)
    return Figure(
        f"ten products as {name}, average (most)",
        f"{average:,.0f} ({most:,}) tokens",
        f"{page:,.0f} tokens (raw page)",
        f"1/{page / average:.0f}",
        f"≤ {_AVERAGE_AT_MOST:,} ({_ANSWER_AT_MOST:,}) tokens",
        average <= _AVERAGE_AT_MOST and most <= _ANSWER_AT_MOST,
    )


def _compact(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
