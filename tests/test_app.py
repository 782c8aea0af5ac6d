"""What the process shares is opened once, and closed after everything that uses it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx2 as httpx
import pytest

from keyapi_mcp.app import App
from keyapi_mcp.errors import KeyApiMcpError
from keyapi_mcp.settings import read_settings


class _SlowToClose(httpx.AsyncByteStream):
    """An answer that never ends, on a connection that takes its time to be given up."""

    def __init__(self) -> None:
        self.begun = anyio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"code":0,'
        self.begun.set()
        await anyio.sleep_forever()

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.05)


@pytest.mark.anyio
async def test_the_store_is_closed_after_the_requests_under_way_have_settled(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    stream = _SlowToClose()
    upstream = httpx.MockTransport(lambda _request: httpx.Response(200, stream=stream))
    app = App(read_settings(token="sk_live_test", home=tmp_path, min_interval_s=0), upstream=upstream)

    async def ask() -> None:
        with pytest.raises(KeyApiMcpError):
            await app.call("search_products", {"region": "US"})

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks, app.running():
            tasks.start_soon(ask)
            await stream.begun.wait()
    # A store that is asked for something after its end begins anew, with a thread that nobody ends.
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "store"]
