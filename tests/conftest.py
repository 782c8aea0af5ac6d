"""Shared by all tests: the one async back end, and no environment of the developer's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings

# The same examples every time, and no timing: these machines are shared.
settings.register_profile(
    "project", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    """A key, proxy or setting of whoever runs the tests must not reach them."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("KEYAPI_") and not name.lower().endswith("_proxy")
    }
    with mock.patch.dict(os.environ, kept, clear=True):
        yield
