"""The answer about one product: everything that is kept of it, on one card."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from keyapi_mcp.clock import data_day
from keyapi_mcp.judging import Judging
from keyapi_mcp.product import Product
from keyapi_mcp.reference import categories
from keyapi_mcp.reference.product_links import page_of
from keyapi_mcp.research.age import contradictions, days_since_first_seen
from keyapi_mcp.research.derived import metrics
from keyapi_mcp.research.history import Seen, Snapshot
from keyapi_mcp.results.answer import Answer, Spending
from keyapi_mcp.results.asking_again import by_what_stays, known_categories
from keyapi_mcp.results.card_figures import figure_lines
from keyapi_mcp.results.card_judgement import score_line, stage_line
from keyapi_mcp.results.listing_texts import Variants, description, excerpt, variants
from keyapi_mcp.results.numbers import exact, money
from keyapi_mcp.results.product_history import history
from keyapi_mcp.results.product_windows import run_rate_line, run_rates, windows_table
from keyapi_mcp.results.room import beyond_own, fitted, own_tokens, within
from keyapi_mcp.results.scope import sandbox_prefix
from keyapi_mcp.results.untrusted import clean_message, shown_name

# Of either form of a card. The description has what the rest leaves.
MOST_TOKENS: Final = 700
# What a description's heading takes, or the note that there is none.
_HEADING_TOKENS: Final = 14
# Fewer characters of a description say nothing.
_LEAST_EXCERPT: Final = 12
_NAME_TOKENS: Final = 16
# A broken file is quoted in it.
_BROKEN_TOKENS: Final = 60
_DISCOUNT: Final = re.compile(r"\d{1,3}(?:\.\d)? ?%", re.ASCII)


@dataclass(slots=True)
class _Card:
    """The two forms, written side by side so that they say the same."""

    facts: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def add(self, line: str, **facts: Any) -> None:
        """A line of the text, and the same as facts; what is absent is left out."""
        if line:
            self.lines.append(line)
        self.facts |= {name: value for name, value in facts.items() if value not in (None, "", [], {})}


def product_card(
    seen: Seen,
    row: Mapping[str, Any],
    *,
    first: Snapshot | None,
    previous: Snapshot | None,
    spending: Spending,
    now: datetime,
    synthetic: bool,
    judging: Judging,
) -> Answer:
    """The card of one product.

    row: as the service sent it, for its texts; first, previous: the first kept day and the last but one; now: the
    moment of the answer; synthetic: it comes from the sandbox; judging: what the
    score is computed by.
    """
    offered, text = variants(row), description(row)
    left_out: list[str] = []

    def card() -> Answer:
        return _card(
            seen, offered, first, previous, spending, now, synthetic=synthetic, left_out=left_out, judging=judging
        )

    answer = card()
    room = _room(answer)
    # Of a card that is full, the description goes first, then what says least beside the rest.
    if room < 0 and previous is not None and first is not None and previous.day > first.day:
        left_out.append(f"changes since {previous.day}")
        previous = None
        room = _room(answer := card())
    if room < 0 and offered.options:
        left_out.append("what the variants are")
        offered = replace(offered, options="")
        room = _room(answer := card())
    if room < 0 and first is not None:
        left_out.append(f"changes since {first.day}")
        first = None
        answer = card()
    shown = excerpt(text, within(room - _HEADING_TOKENS))
    if len(shown) < min(len(text), _LEAST_EXCERPT):
        left_out.append("description")
        return card()
    if shown:
        line = f"Description, in the seller's words: {shown}"
        return replace(answer, lines=(*answer.lines, line), facts={**answer.facts, "description": shown})
    return answer


def _room(answer: Answer) -> float:
    """How many tokens are left, the texts of strangers counted as what they may take at most."""
    strangers = (str(answer.facts.get(name, "")) for name in ("name", "options"))
    return MOST_TOKENS - own_tokens(answer.text(), answer.structured()) - sum(map(beyond_own, strangers))


def _card(
    seen: Seen,
    offered: Variants,
    first: Snapshot | None,
    previous: Snapshot | None,
    spending: Spending,
    now: datetime,
    *,
    synthetic: bool,
    left_out: Sequence[str],
    judging: Judging,
) -> Answer:
    """All but the description."""
    product = seen.product
    card = _Card()
    _identity(card, seen)
    _prices(card, product, offered)
    seen_days = days_since_first_seen(product, seen.day)
    rates = run_rates(product, seen_days)
    card.add(run_rate_line(rates))
    for lines, facts in (
        _one(stage_line(product, seen.day)),
        figure_lines({**metrics(product, seen.day), "rating": product.rating, "reviews": product.reviews}),
        _one(score_line(product, judging.rules.weights, own_weights=judging.own_weights)),
    ):
        card.lines += lines
        card.facts |= facts
    if product.first_seen is not None:
        days = "" if seen_days is None else f", {seen_days} d ago"
        card.add(
            f"First seen by the source {product.first_seen}{days}; not its listing date",
            first_seen=product.first_seen.isoformat(),
            seen_days=seen_days,
        )
    told, seen_facts = history(seen, first, previous)
    card.add(told, seen=seen_facts)
    return Answer(
        scope=f"{sandbox_prefix(synthetic)}Product · {seen.region} · data of {seen.day} (T+1), USD, "
        "sales and GMV estimated",
        table=windows_table(product, rates),
        notes=tuple(_remarks(product, left_out, judging.broken)),
        next_step=_next_step(seen, now),
        spending=spending,
        facts=card.facts,
        lines=card.lines,
    )


def _one(told: tuple[str, dict[str, Any]]) -> tuple[list[str], dict[str, Any]]:
    return [told[0]], told[1]


def _identity(card: _Card, seen: Seen) -> None:
    product = seen.product
    name = fitted(shown_name(product.name), _NAME_TOKENS)
    flags = [
        flag
        for holds, flag in (
            (product.delisted, "delisted"),
            (product.fully_managed, "managed"),
            (product.free_shipping, "freeship"),
            (product.trend, str(product.trend)),
        )
        if holds
    ]
    card.add(f"{product.product_id} {name}", product_id=product.product_id, region=seen.region, name=name)
    card.add(f"Flags: {', '.join(flags)}" if flags else "", flags=flags)
    page = page_of(product.product_id)
    card.add(page, page=page)
    known = known_categories(product)
    path = " > ".join(entry.name if (entry := categories.by_id(one)) else one for _, one in known)
    # The narrowest one is all that a search needs.
    narrowest = dict(known[-1:])
    parameter = "".join(f" ({name}={identifier})" for name, identifier in narrowest.items())
    card.add(
        f"Category: {path or 'unknown'}{parameter}",
        category=path,
        **narrowest,
    )


def _prices(card: _Card, product: Product, offered: Variants) -> None:
    """USD for comparing, and the shop's own currency as it is given."""
    low, high = product.number("min_price"), product.number("max_price")
    parts = [f"average ${money(product.price)}" if product.price else "unknown"]
    card.add("", price_usd=exact(product.price))
    if low and high and low < high:
        parts.append(f"${money(low)}–{money(high)}")
        card.add("", price_range_usd=[exact(low), exact(high)])
    local = offered.price
    if local and not (local.currency == "USD" and {local.low, local.high} <= {low, high}):
        amounts = [f"{amount:.2f}".removesuffix(".00") for amount in dict.fromkeys((local.low, local.high))]
        shown = f"{local.currency} {'–'.join(amounts)}"
        parts.append(f"in the shop {shown}")
        card.add("", shop_price=shown)
    discount = (product.text("discount") or "").strip()
    if _DISCOUNT.fullmatch(discount):
        card.add("", discount=discount)
        parts.append(f"discount {discount}")
    if offered.count:
        parts.append(f"{offered.count} variant{'' if offered.count == 1 else 's'}")
    options = f" ({offered.options})" if offered.options else ""
    card.add(f"Price: {', '.join(parts)}{options}", variants=offered.count, options=offered.options)


def _remarks(product: Product, left_out: Sequence[str], broken: str) -> Iterable[str]:
    if broken:
        yield fitted(clean_message(broken), _BROKEN_TOKENS)
    kinds = ["no sales in 30 d"] if product.units(30) == 0 else []  # unknown is not none
    kinds += contradictions(product)
    if product.commission_read_as_percent:
        kinds.append("commission above 1 read as a percentage")
    if kinds:
        yield f"Notes: {'; '.join(kinds)}."
    if left_out:
        yield f"Left out, this card is full: {', '.join(left_out)}."
    yield "a day: of the days beyond the shorter window; creators: upper bound."


def _next_step(seen: Seen, now: datetime) -> str:
    """How to get a newer state, if there can be one: since ids do not work, by what stays as it is."""
    if seen.day >= data_day(now):
        return "compare_products sets it beside others."
    return f"a newer state: {by_what_stays(seen)}."
