"""What metrics are judged by: the package's rules, and what the user's own file changes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from keyapi_mcp.home import BrokenFile, home, own_file
from keyapi_mcp.research.derived import Rules
from keyapi_mcp.research.opportunity import read_weights
from keyapi_mcp.settings import Settings

WEIGHTS_FILE: Final = "opportunity.toml"


@dataclass(frozen=True, slots=True)
class Judging:
    """own_weights: the score's weights are the user's; broken: why the user's file is not used, a sentence."""

    rules: Rules = field(default_factory=Rules)
    own_weights: bool = False
    broken: str = ""


def read_judging(settings: Settings) -> Judging:
    """The rules in force. A broken file changes nothing and is told: it must not keep a server from starting."""
    try:
        own = own_file(home(settings) / WEIGHTS_FILE)
        if own is None:
            return Judging()
        try:
            return Judging(Rules(read_weights(own.document)), own_weights=True)
        except KeyError as error:
            raise own.broken(*error.args) from None
    except BrokenFile as error:
        return Judging(broken=f"{error}. The package's own weights are used.")
