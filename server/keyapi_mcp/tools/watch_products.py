"""watch_products: the one tool that writes, to the watch list in the local store only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, Field

from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.untrusted import clean
from keyapi_mcp.results.watch_list import watch_answer
from keyapi_mcp.settings import Settings
from keyapi_mcp.tools.base import Hints, Services, ToolSpec
from keyapi_mcp.tools.missing import meant
from keyapi_mcp.tools.reading import Listed, ProductId

DESCRIPTION: Final = """\
Adds products to the watch list of get_changes, or removes them: 0 credits, written to the local store only. \
Repeating it is harmless; ids that no search has shown yet are accepted."""
_MOST: Final = 50
_LONGEST_NOTE: Final = 200
# What the ids of products have that were seen so far.
_DIGITS: Final = 19
_MOST_NAMED: Final = 5


def _action(value: object) -> object:
    action = value.strip().lower() if isinstance(value, str) else value
    if action not in ("add", "remove"):
        raise ValueError("input should be 'add' or 'remove'; get_changes scope=watch shows the list")
    return action


def _note(value: object) -> object:
    return clean(value) or None if isinstance(value, str) else value


class _Arguments(BaseModel):
    action: Annotated[Literal["add", "remove"], BeforeValidator(_action), Field(description="What to do")]
    product_ids: Annotated[
        list[ProductId], Field(min_length=1, max_length=_MOST, description="19 digits each, as text"), Listed
    ]
    note: Annotated[
        Annotated[str, Field(max_length=_LONGEST_NOTE)] | None,
        BeforeValidator(_note),
        Field(description="Why, for all of them"),
    ] = None


async def run(services: Services, asked: _Arguments) -> Answer:
    ids = list(dict.fromkeys(asked.product_ids))
    watch_list = services.store.watch_list
    changed = await (watch_list.add(ids, asked.note) if asked.action == "add" else watch_list.remove(ids))
    states = await services.store.states(ids)
    unseen = [one for one in ids if one not in states] if asked.action == "add" else []
    return watch_answer(
        asked.action,
        ids,
        changed,
        len(await watch_list.everything()),
        states,
        remarks=[*await meant(services.store, unseen), *_remarks(services.settings, asked, ids, unseen)],
        spending=await services.spending(source="local store"),
        synthetic=await services.store.synthetic(),
    )


def _remarks(settings: Settings, asked: _Arguments, ids: Sequence[str], unseen: Sequence[str]) -> Iterator[str]:
    if odd := [one for one in unseen if len(one) != _DIGITS]:
        more = f" and {len(odd) - _MOST_NAMED} more" if len(odd) > _MOST_NAMED else ""
        yield f"TikTok's product ids usually have {_DIGITS} digits; not so: {', '.join(odd[:_MOST_NAMED])}{more}."
    if len(ids) < len(asked.product_ids):
        yield "An id that was given more than once counts once."
    if asked.note and asked.action == "remove":
        yield "A note goes with action=add; it was not used."
    if settings.store == "memory":
        yield "KEYAPI_MCP_STORE=memory: the list ends with this process."


TOOL: Final = ToolSpec.of(
    _Arguments,
    run,
    name="watch_products",
    title="Watch products",
    description=DESCRIPTION,
    summary="adds products to the watch list or removes them; writes to the local store only (free)",
    hints=Hints(read_only=False, destructive=False, idempotent=True, open_world=False),
)
