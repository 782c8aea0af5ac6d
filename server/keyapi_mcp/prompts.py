"""Workflows that a person starts by name; clients show them as slash commands. They name tools, and what to tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.reference import product_links
from keyapi_mcp.results.untrusted import clean

# What a person types into a client's form is short.
_LONGEST_ARGUMENT: Final = 400
_TELL: Final = (
    "Give every figure with its unit and window, say how many products it rests on and from which day the data is "
    "(T+1, estimates), and end with the credits spent. Say plainly what this source cannot tell instead of guessing."
)


@dataclass(frozen=True, slots=True)
class Argument:
    """One field of a client's form. usual: what stands in for it when it is left empty, `None` = it is required."""

    name: str
    description: str
    usual: str | None = None

    @property
    def required(self) -> bool:
        return self.usual is None


_REGION: Final = Argument("region", "Market, for example US")
_REGION_OR_US: Final = Argument("region", "Market; US by default", "US")
_CATEGORY: Final = Argument("category", "Category, id or English name; all by default", "")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One workflow. words: from its arguments to the message, as the person would write it."""

    name: str
    title: str
    description: str
    arguments: tuple[Argument, ...]
    words: Callable[[Mapping[str, str]], str]

    def message(self, given: Mapping[str, str]) -> str:
        """The message with these arguments. Raises InvalidQuery for one that is missing or not known."""
        known = {argument.name for argument in self.arguments}
        if unknown := [name for name in given if name not in known]:
            raise InvalidQuery(
                f"{self.name} has no argument {unknown[0][:60]!r}.", f"its arguments are: {', '.join(sorted(known))}."
            )
        values = {}
        for argument in self.arguments:
            # A path of categories is written with >, which is no more than a sign here.
            written = product_links.as_ids(given.get(argument.name, ""))
            value = clean(written[:_LONGEST_ARGUMENT]).replace("›", ">").strip(", ") or argument.usual
            if value is None:
                raise InvalidQuery(f"{self.name} needs {argument.name}.", f"{argument.name}: {argument.description}.")
            values[argument.name] = value
        return f"{self.words(values)}\n\n{_TELL}"


def _in(category: str) -> str:
    return f", category {category}" if category else ""


def _argument(category: str) -> str:
    return f" category={category}" if category else ""


def _find_winning_products(given: Mapping[str, str]) -> str:
    region, category, recipe = given["region"], given["category"], given["recipe"]
    return f"""\
Find TikTok Shop products worth promoting or selling now: market {region}{_in(category)}.
1. run_recipe recipe={recipe} region={region}{_argument(category)}. If few are left, loosen one condition by overrides \
and say which.
2. get_product for the three that look best: stage, follow window, channels, payoff, what moved.
3. compare_products for these three.
Then name up to three, each with the numbers that speak for it and the one that speaks against it. The opportunity \
score is a screen, not validated against outcomes."""


def _check_niche(given: Mapping[str, str]) -> str:
    region, category, pages = given["region"], given["category"], given["pages"]
    return f"""\
Is the niche {category} on TikTok Shop {region} still worth entering?
1. find_categories for {category}, unless it is an id; choose the narrowest that fits and say which.
2. scan_products region={region} with that category and pages={pages} (1 credit a page at most).
Then tell: size of the sample and what it says of the market (a lower bound, or all that match), how concentrated it \
is by product and by seller (top 3 under 30 % is open, above 50 % closed), how much newcomers sell, price bands with \
the best median, channels, commission, and how crowded with creators. Name the two strongest findings for and against, \
and the price band to look at first."""


def _can_i_still_follow(given: Mapping[str, str]) -> str:
    product_id, region = given["product_id"].strip("\"' "), given["region"]
    there = f" region={region}" if region else ""
    return f"""\
Can I still start to sell or promote the TikTok Shop product {product_id}?
1. get_product product_id="{product_id}"{there} (free). If it is not in the store, say which search would bring it in.
2. What moved since it was first seen stands on the card; if it was seen on one day only, say that nothing can be \
compared yet, and which search brings its next day.
Then answer yes, with reserve or no, from its stage and follow window, growth, creator inflow, creators, channels, \
payoff and whether it is still on sale, each with its number, and what would change the answer."""


def _compare_shortlist(given: Mapping[str, str]) -> str:
    ids = re.findall(r"\d+", given["product_ids"]) or [given["product_ids"]]
    # In quotes, so that nobody sends them as numbers, which lose their last digits.
    quoted = ", ".join(f'"{one}"' for one in ids)
    region = f" region={given['region']}" if given["region"] else ""
    return f"""\
Compare these TikTok Shop products: {", ".join(ids)}.
1. compare_products product_ids=[{quoted}]{region} (free).
2. get_product for the two that come out ahead.
Then tell why each of them sells (video, live or neither), what separates them, which pays more a sale, which is less \
crowded, and which you would take first and why, by numbers."""


def _morning_brief(given: Mapping[str, str]) -> str:
    region, recipes = given["region"], given["recipes"]
    # Commas part recipes, blanks only where there is no comma: a name may be written with them.
    names = re.split(r"\s*,\s*" if "," in recipes else r"\s+", recipes)
    each = [f"recipe={name.replace(' ', '-')} region={region}" for name in names if name]
    runs = "; ".join(f"run_recipe {one}" for one in each)
    changes = "; ".join(f"get_changes scope=recipe {one}" for one in each)
    return f"""\
My morning brief for TikTok Shop {region}.
1. get_usage: what is left within my limits.
2. {runs} (each a few credits; kept pages cost nothing).
3. {changes} (free: what is new there, what is no longer, what moved).
4. get_changes scope=watch, then get_changes scope=all region={region}.
Then, in at most twelve lines: what on my watch list moved and by how much, what is new in the recipes, what to look \
at today and why. Leave out what did not move, but say how many that were."""


_ALL: Final = (
    Prompt(
        "find_winning_products",
        "Find winning products",
        "Screen a market by a recipe, look closer at three, and compare them.",
        (_REGION, _CATEGORY, Argument("recipe", "Recipe; breaking-out by default", "breaking-out")),
        _find_winning_products,
    ),
    Prompt(
        "check_niche",
        "Check a niche",
        "How big, concentrated, crowded and paying one category is, from a sample.",
        (
            Argument("category", "Category, id or English name"),
            _REGION_OR_US,
            Argument("pages", "Pages of 10 products to read; 5 by default", "5"),
        ),
        _check_niche,
    ),
    Prompt(
        "can_i_still_follow",
        "Can I still follow this one?",
        "Stage, follow window, crowding and payoff of one product that was seen before.",
        (Argument("product_id", "19 digits"), Argument("region", "Market, if it is known in several", "")),
        _can_i_still_follow,
    ),
    Prompt(
        "compare_shortlist",
        "Compare a shortlist",
        "Two to eight products side by side, and why each of them sells.",
        (
            Argument("product_ids", "Two to eight product ids, separated by commas"),
            Argument("region", "Market, if they are known in several", ""),
        ),
        _compare_shortlist,
    ),
    Prompt(
        "morning_brief",
        "Morning brief",
        "What moved on the watch list and in your recipes since the last data day.",
        (
            _REGION_OR_US,
            Argument("recipes", "Recipes, separated by commas", "breaking-out, new-and-rising"),
        ),
        _morning_brief,
    ),
)
PROMPTS: Final = {prompt.name: prompt for prompt in _ALL}
