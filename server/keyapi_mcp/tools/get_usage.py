"""get_usage: what was spent, what is left within the limits, what the store holds and has saved."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pydantic import BaseModel

from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.usage import usage
from keyapi_mcp.store import rescue
from keyapi_mcp.tools.base import Hints, Services, ToolSpec


class _Arguments(BaseModel):
    """None."""


async def run(services: Services, _asked: _Arguments) -> Answer:
    found = await services.store.usage()
    where, synthetic = str(services.store.path or "memory"), await services.store.synthetic()
    answer = usage(found, services.settings, await services.spending(), where, synthetic=synthetic)
    rescued = rescue.last(services.store.path)
    return answer if rescued is None else replace(answer, notes=(rescued.in_words(), *answer.notes))


TOOL: Final = ToolSpec.of(
    _Arguments,
    run,
    name="get_usage",
    title="Credits and store",
    description="Credits spent today, this month and per day of the last 14 days, what is left within the user's "
    "limits, what kept answers saved, and size and span of the local store. 0 credits.",
    summary="credits spent and left within the limits, what kept answers saved, size of the store (free)",
    hints=Hints(read_only=True, destructive=False, idempotent=True, open_world=False),
)
