"""The short form of the soak (`make soak` runs half an hour): many sessions, dropped at random, and nothing grows."""

from __future__ import annotations

import sys

import pytest
from quality.soak import KEPT_MEMORY, MORE_MEMORY, Held, Outcome, soak

SECONDS = 20
SESSIONS = 64


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
async def test_sessions_that_are_dropped_leave_nothing_behind() -> None:
    outcome = await soak(SECONDS, SESSIONS)
    assert outcome.wrong == [], outcome.in_words()
    # At every moment of a visit somebody has left.
    assert len(outcome.dropped) == 4, outcome.in_words()
    assert max(one.sessions for one in outcome.during) >= SESSIONS // 2


START = 100 * 1024 * 1024


def judged(after: int, *during: int) -> list[str]:
    """What is wrong with a run of these bytes of memory, beside no client and under load."""
    outcome = Outcome(before=held(START), after=held(after), during=[held(one) for one in during])
    outcome.calls.update(http=1, sse=1)
    outcome.judge()
    return outcome.wrong


def held(memory: int) -> Held:
    return Held(memory, threads=3, files=14, sessions=0, tasks=5)


def test_memory_that_grows_or_does_not_come_back_is_wrong() -> None:
    flat = [START] * 9
    assert judged(START + KEPT_MEMORY, *flat) == []
    (kept,) = judged(START + KEPT_MEMORY + 1, *flat)
    assert "32 MB more are held without a client" in kept
    (grown,) = judged(START, *flat[3:], *[START + MORE_MEMORY + 1] * 3)
    assert "memory grew by 24 MB under the same load" in grown
