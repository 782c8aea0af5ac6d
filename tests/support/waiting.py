"""A bounded wait for something outside of the test that cannot be awaited."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Return as soon as the condition holds. Raises AssertionError when it does not in time."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        pause.wait(0.01)
