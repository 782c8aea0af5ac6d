"""The short form of the soak (`make soak` runs half an hour): many sessions, dropped at random, and nothing grows."""

from __future__ import annotations

import sys

import pytest
from quality.soak import soak

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
