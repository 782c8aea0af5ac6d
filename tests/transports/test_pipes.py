"""Messages on standard output are whole and in order, whatever the reader does."""

from __future__ import annotations

import os

import anyio
import anyio.to_thread
import pytest

from keyapi_mcp.transports import pipes

# More than a pipe holds.
MESSAGES = [letter * 200_000 + b"\n" for letter in (b"a", b"b", b"c")]


@pytest.mark.anyio
@pytest.mark.parametrize("on_loop", [True, False])
async def test_several_writers_take_turns_on_a_pipe_that_is_full(
    on_loop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not on_loop:
        monkeypatch.setattr(pipes, "_is_pipe", lambda _descriptor: False)
    reading, writing = os.pipe()
    writer = pipes.Writer(writing)
    with os.fdopen(reading, "rb") as stream, anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for message in MESSAGES:
                tasks.start_soon(writer.write, message)
            await anyio.wait_all_tasks_blocked()
            received = await anyio.to_thread.run_sync(stream.read, sum(map(len, MESSAGES)))
    os.close(writing)
    assert received.splitlines(keepends=True) == MESSAGES
