"""Servers on every transport for the tests that only ask them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.connections import Everywhere, everywhere


@pytest.fixture(scope="session")
def servers() -> Iterator[Everywhere]:
    """As a user has them: kept answers are on."""
    with everywhere() as opened:
        yield opened


@pytest.fixture(scope="session")
def hurried_servers() -> Iterator[Everywhere]:
    """Nothing is kept, and the time-outs are short enough to wait for."""
    settings = {"fresh_s": "0", "read_timeout_s": "2.5", "total_timeout_s": "6", "max_body_bytes": "2000000"}
    with everywhere(**settings) as opened:
        yield opened
