"""The answer to: what changed? The table, how many products it is about, and how to get newer figures."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from keyapi_mcp.research.change_list import Changes, Scope, Watched
from keyapi_mcp.research.changes import Severity, rules
from keyapi_mcp.results.answer import Answer, Spending
from keyapi_mcp.results.change_rows import Row, change_table, common_days
from keyapi_mcp.results.numbers import numbered, percent, ranges
from keyapi_mcp.results.recipe_turnover import turnover_facts, turnover_lines
from keyapi_mcp.results.room import fitted, own_tokens, within
from keyapi_mcp.results.scope import SANDBOX_MARK
from keyapi_mcp.results.untrusted import clean, shown_name

DEFAULT_ROWS: Final = 15
MOST_ROWS: Final = 50
# Of either form, with the default number of rows; with more it is so many times more. A thousand, less what the
# estimate is off at most where rows are full of figures.
_MOST_TOKENS: Final = 940
# A name, and a note, takes what is left, but this much is kept for each. (Tokens at the worst.)
_LEAST_NAME, _NAME_TOKENS = 8, 10
_MOST_CALLS: Final = 4
_ALL_IN_SQL: Final = (
    "SELECT region, product_id, severity FROM products WHERE severity > 0 ORDER BY severity DESC, gmv_30d_usd DESC"
)
_LATER_DAY: Final = "a search or recipe on a later data day brings the next state"


@dataclass(frozen=True, slots=True)
class WatchedProducts:
    """What else there is to say of the watch list.

    listed: all of it; unseen: those that no search has shown; elsewhere: how many were seen in other regions only than
    the one asked for; calls: by region and id (no region for unseen ones), what brings newer figures, for those whose
    figures could be newer.
    """

    listed: Sequence[Watched] = ()
    unseen: Sequence[str] = ()
    elsewhere: int = 0
    calls: Mapping[tuple[str, str], str] | None = None


def change_answer(
    found: Changes,
    scope: Scope,
    since: date | None,
    limit: int,
    *,
    today: date,
    watched: WatchedProducts | None = None,
    run_again: str = "",
    spending: Spending,
    synthetic: bool,
) -> Answer:
    """since: the day asked for, `None` = the one before each product's latest; today: in UTC; watched: for that scope;
    run_again: of a recipe, the run to go on with, empty for none.
    """
    about = _About(found, scope, since, limit, today, watched or WatchedProducts(), run_again, spending, synthetic)
    rows = about.rows()
    most = _MOST_TOKENS * max(limit, DEFAULT_ROWS) / DEFAULT_ROWS

    def left(shown: int) -> float:
        bare = about.answer([replace(row, name="", note="") for row in rows[:shown]])
        return most - own_tokens(bare.text(), bare.structured())

    texts = 2 if any(row.note for row in rows) else 1
    dropped = bisect_left(range(len(rows)), True, key=lambda less: left(len(rows) - less) >= _need(rows, less, texts))
    shown = rows[: len(rows) - dropped]
    each = min(_NAME_TOKENS, within(left(len(shown)) / max(1, len(shown) * texts)))
    return about.answer([replace(row, name=fitted(row.name, each), note=fitted(row.note, each)) for row in shown])


def _need(rows: Sequence[Row], dropped: int, texts: int) -> float:
    return (len(rows) - dropped) * texts * _LEAST_NAME


@dataclass(frozen=True, slots=True)
class _About:
    found: Changes
    scope: Scope
    since: date | None
    limit: int
    today: date
    watched: WatchedProducts
    run_again: str
    spending: Spending
    synthetic: bool

    def rows(self) -> list[Row]:
        """All that may be listed; names and notes clean, but whole."""
        notes = {one.product_id: clean(one.note) for one in self.watched.listed}
        rows = [
            Row(one.product_id, one, shown_name(one.name), notes.get(one.product_id, "")) for one in self.found.listed
        ]
        rows += [Row(one, None, note=notes.get(one, "")) for one in self.watched.unseen]
        return rows[: self.limit]

    def answer(self, rows: Sequence[Row]) -> Answer:
        counts, words = self._counts()
        days = common_days(rows)
        return Answer(
            scope=self._scope(days),
            table=change_table(rows) if rows else None,
            notes=tuple(self._notes(rows)),
            next_step=self._next_step(),
            spending=self.spending,
            facts=counts
            | ({"since_day": str(days[0]), "day": str(days[1])} if days else {})
            | turnover_facts(self.found.turnover, self.today),
            lines=[*([words] if words else []), *turnover_lines(self.found.turnover)],
        )

    def _scope(self, days: tuple[date, date] | None) -> str:
        of = {"all": "all known products", "watch": "watch list", "recipe": f"recipe {self.scope.recipe}"}
        parts = [*[SANDBOX_MARK] * self.synthetic, f"What changed: {of[self.scope.kind]}"]
        parts += [self.scope.region] if self.scope.region else []
        against = f"since {self.since}" if self.since else "against the data day before each product's latest"
        parts.append(against + (f", {days[0]} → {days[1]}" if days else ""))
        return " · ".join([*parts, "T+1, USD, sales and GMV estimated"])

    def _counts(self) -> tuple[dict[str, Any], str]:
        found, unseen = self.found, len(self.watched.unseen)
        severities = {level.word: found.by_severity.get(level, 0) for level in sorted(Severity, reverse=True) if level}
        facts = {"known": found.known, "moved": found.moved, **severities, "same": found.same}
        facts |= {"no_earlier_day": found.once, "not_seen_since": found.idle, "never_seen": unseen}
        facts |= {"not_compared_yet": found.pending, "moved_before_last_run": found.earlier}
        facts = {name: count for name, count in facts.items() if count or name in ("known", "moved")}
        if not found.known:
            return facts, ""
        kinds = ", ".join(f"{count:,} {word}" for word, count in severities.items() if count)
        words = [f"{found.moved:,} of {found.known:,} moved{kinds and f': {kinds}'}"]
        words += [f"{found.same:,} did not"] if found.same else []
        words += [f"{found.idle:,} not seen after {self.since}"] if found.idle else []
        words += [f"{found.once:,} without an earlier day to compare with"] if found.once else []
        words += [f"{found.pending:,} not compared yet"] if found.pending else []
        words += [f"{unseen:,} watched that no search has shown yet"] if unseen else []
        return facts, "; ".join(words) + "."

    def _notes(self, rows: Sequence[Row]) -> Iterator[str]:
        found, watched = self.found, self.watched
        if reason := self._why_nothing():
            yield reason
        if found.pending:
            yield "An older version has kept these; what moved is worked out while nothing is asked."
        if found.later:
            yield f"{found.later:,} compared with the first kept day after {self.since}, as nothing older is kept."
        if found.earlier:
            yield f"{found.earlier:,} of these moved before the last run: nothing newer of them has come since."
        if watched.elsewhere:
            yield f"{watched.elsewhere:,} watched were seen in other markets only; without region they are here, too."
        yield from self._calls(rows)
        listed = self.found.moved if self.scope.kind != "watch" else found.known + len(watched.unseen)
        if left := listed - len(rows):
            yield f"{left:,} more not shown: {self._how_to_get_more(len(rows))}."
        if any(row.severity not in ("", "none") for row in rows):
            yield thresholds()

    def _why_nothing(self) -> str:
        found = self.found
        where = f" for {self.scope.region}" if self.scope.region else ""
        if self.scope.kind == "watch" and not self.watched.listed:
            return "Nothing is watched."
        if not found.known:
            if self.watched.unseen or (found.turnover and not any(one.last.product_ids for one in found.turnover)):
                return ""  # is said
            return f"No product of these is in the store{where}."
        if found.moved or found.pending:
            return ""
        if found.same:
            return "Nothing moved."
        if found.idle == found.known:
            return f"Nothing to compare with: none was seen after {self.since}."
        return "Nothing to compare with: no product here was seen on two days."

    def _calls(self, rows: Sequence[Row]) -> Iterator[str]:
        """The calls that bring newer figures, each with its rows."""
        calls = self.watched.calls or {}
        numbers: dict[str, list[int]] = {}
        for number, row in enumerate(rows, 1):
            if call := calls.get((row.change.region if row.change else "", row.product_id)):
                numbers.setdefault(call, []).append(number)
        most_first = sorted(numbers.items(), key=lambda item: -len(item[1]))
        if most_first:
            told = "; ".join(f"{numbered('row', of)}: {call}" for call, of in most_first[:_MOST_CALLS])
            yield f"No newer figures yet; what returned them last, and what asking again costs: {told}."
        if rest := sorted(number for _, of in most_first[_MOST_CALLS:] for number in of):
            yield f"For rows {ranges(rest)} get_product names a search each."

    def _how_to_get_more(self, shown: int) -> str:
        if self.limit > shown:
            return "no room at this limit; a larger one, or a region, shows them"
        if self.limit < MOST_ROWS:
            return f"limit up to {MOST_ROWS} lists more"
        if self.since is None and self.scope.kind == "all":
            return f"query_products lists all: {_ALL_IN_SQL}"
        return "a region narrows it"

    def _next_step(self) -> str:
        if self.scope.kind == "watch" and not self.watched.listed:
            return "watch_products action=add product_ids=[…] watches products."
        if self.run_again:
            return self.run_again
        if not self.found.known and self.scope.kind != "watch":
            return f"search_products brings products in (1 credit a page); {_LATER_DAY}."
        if self.found.pending:
            return "call again in a minute."
        if self.found.moved:
            return "get_product has one of them whole."
        if self.watched.unseen and not self.found.known:
            return "search_products with their region, category and filters brings them in (1 credit a page)."
        return f"{_LATER_DAY}{'; an earlier since compares with older days' if self.found.idle else ''}."


def thresholds() -> str:
    """From when on a move is high or notable, in one line."""
    of = rules()

    def sizes(level: str) -> list[str]:
        return [f"±{percent(of[name][level])} %" for name in ("price_usd", "units_30d", "gmv_30d_usd", "creators")]

    def points(level: str) -> str:
        return f"±{percent(of['commission'][f'{level}_points'])} points"

    (price, units, gmv, creators), lower = sizes("high"), sizes("notable")
    sales = f"units 30 d {units}, GMV 30 d {gmv}" if units != gmv else f"units or GMV 30 d {units}"
    lower = [lower[0], *dict.fromkeys(lower[1:3]), lower[3]]
    least = f"{of['units_30d']['least']} units, ${of['gmv_30d_usd']['least']:,} or {of['creators']['least']} creators"
    return (
        f"High: price {price}, {sales}, creators {creators}, commission {points('high')}, on or off sale, stage to "
        f"{', '.join(of['stage']['high'])}. Notable: {', '.join(lower)}, {points('notable')}, another stage. "
        f"Otherwise minor, as where both values are below {least}."
    )
