"""One sandbox on a socket for the tests that only read from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import httpx2 as httpx
import pytest

from sandbox.contract import PATH
from support.sandbox_server import RunningSandbox, running_sandbox


class Ask(Protocol):
    def __call__(self, **parameters: object) -> httpx.Response: ...


class Collect(Protocol):
    def __call__(self, **parameters: object) -> list[dict[str, Any]]: ...


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(products=450) as running:
        yield running


@pytest.fixture(scope="session")
def client(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    headers = {"authorization": "Bearer sk_test"}
    with httpx.Client(base_url=sandbox.url, headers=headers, timeout=30, trust_env=False) as opened:
        yield opened


@pytest.fixture(scope="session")
def ask(client: httpx.Client) -> Ask:
    """The first ten products of the US, or what the parameters say otherwise; `None` leaves one out."""

    def get(**parameters: object) -> httpx.Response:
        asked = {"region": "US", "page_num": 1, "page_size": 10} | parameters
        return client.get(PATH, params={name: str(value) for name, value in asked.items() if value is not None})

    return get


@pytest.fixture(scope="session")
def collect(ask: Ask) -> Collect:
    """All rows, page by page up to the empty one."""

    def read(**parameters: object) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for number in range(1, 100):
            page = ask(**parameters, page_num=number).json()
            assert page["code"] == 0
            if not page["data"]:
                return rows
            rows += page["data"]
        raise AssertionError("the pages do not end")

    return read


@pytest.fixture(scope="session")
def american(collect: Collect) -> list[dict[str, Any]]:
    """Every row of the US market."""
    return collect()
