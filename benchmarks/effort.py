"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Effort:
    """Rounds of each part and calls in each round; memory_calls: calls until the last look at the memory."""

    startup_rounds: int
    call_rounds: int
    calls: int
    flood_rounds: int
    flood_calls: int
    pages: int
    memory_warm: int
    memory_calls: int
    stored_pages: int
    restart_questions: int
    web_rounds: int
    web_calls_each: int
    scan_rounds: int
    statistics_rounds: int


FULL: Final = Effort(
    startup_rounds=20,
    call_rounds=24,
    calls=25,
    flood_rounds=16,
    flood_calls=256,
    pages=20,
    memory_warm=500,
    memory_calls=2_000,
    stored_pages=200,
    restart_questions=200,
    web_rounds=10,
    web_calls_each=6,
    scan_rounds=3,
    statistics_rounds=100,
)
QUICK: Final = Effort(
    startup_rounds=3,
    call_rounds=8,
    calls=15,
    flood_rounds=3,
    flood_calls=96,
    pages=8,
    memory_warm=250,
    memory_calls=500,
    stored_pages=60,
    restart_questions=60,
    web_rounds=2,
    web_calls_each=2,
    scan_rounds=1,
    statistics_rounds=30,
)
