"""Shared by all tests: the one async back end, and no environment of the developer's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings

from support.command import KEYAPI_MCP
from support.sandbox_server import RunningSandbox

# The same examples every time, and no timing: these machines are shared.
settings.register_profile(
    "project", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A key, proxy or setting of whoever runs the tests must not reach them, nor the tests their stores."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("KEYAPI_") and not name.lower().endswith("_proxy")
    }
    # The command of this very program: texts then name it briefly.
    kept["PATH"] = f"{Path(KEYAPI_MCP).parent}{os.pathsep}{kept.get('PATH', '')}"
    kept["KEYAPI_MCP_HOME"] = str(tmp_path_factory.mktemp("home"))
    with mock.patch.dict(os.environ, kept, clear=True):
        yield


@pytest.fixture(autouse=True)
def _own_store(_clean_environment: None, tmp_path: Path) -> Iterator[None]:
    """What one test has kept is not there for another."""
    with mock.patch.dict(os.environ, {"KEYAPI_MCP_HOME": str(tmp_path / "home")}):
        yield


@pytest.fixture
def sandbox(served: RunningSandbox) -> Iterator[RunningSandbox]:
    """A module's own sandbox, `served`, as new: without faults, and nothing asked yet."""
    served.reset()
    yield served
    served.reset()
