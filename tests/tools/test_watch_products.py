"""watch_products through the whole server: what becomes of each id, what is refused, and that nothing is asked."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import Client

from keyapi_mcp.app import App
from keyapi_mcp.errors import InvalidQuery, StoreUnavailable
from support.connections import ERAS, Era, Told
from support.kept import Service, open_app, product_id, row

pytestmark = pytest.mark.anyio

ONE, TWO, UNKNOWN = product_id(1), product_id(2), product_id(99_999)


async def notes_of(app: App) -> dict[str, str]:
    assert app._services is not None
    return {one.product_id: one.note for one in await app._services.store.watch_list.everything()}


async def refusal(app: App, **arguments: Any) -> InvalidQuery:
    with pytest.raises(InvalidQuery) as refused:
        await app.call("watch_products", arguments)
    return refused.value


async def test_what_is_added_is_told_with_name_market_and_day_and_nothing_is_asked() -> None:
    service = Service(row(1), row(2))
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        answer = await app.call("watch_products", {"action": "add", "product_ids": [ONE, UNKNOWN]})
        assert answer.text() == (
            "Watch list in the local store · 2 new · 2 watched now, each in every market where it is seen\n"
            "product_id|product|regions|last day|done\n"
            f"{ONE}|Lip oil 1|US|2026-11-22|new\n"
            f"{UNKNOWN}||||new\n"
            "No search has shown this one yet: changes are known from the first search or recipe on that returns it; "
            "there is no look-up by id.\n"
            "Next: get_changes scope=watch says what moved. Credits: 0 for this call (local store); 1 today, 199 left "
            "within your limits (account balance not visible)."
        )
        told = answer.structured()
        assert told["facts"] == {"watched": 2, "new": 2, "watched_already": 0}
        assert told["columns"] == ["product_id", "product", "regions", "last_day", "done"]
        assert told["rows"] == [
            [ONE, "Lip oil 1", "US", "2026-11-22", "new"],
            [UNKNOWN, None, None, None, "new"],
        ]
    assert len(service.requests) == 1


async def test_an_unknown_id_that_lost_its_last_digits_is_told_with_the_one_that_it_may_stand_for() -> None:
    kept = product_id(67_890)
    lost = str(int(float(kept)))
    assert lost != kept
    async with open_app(Service(row(67_890))) as app:
        await app.call("search_products", {"region": "US"})
        answer = await app.call("watch_products", {"action": "add", "product_ids": [lost]})
        assert f"{lost}: There is {kept} (US): digits at the end are lost" in answer.text()


async def test_an_unknown_id_of_another_length_than_usual_is_taken_with_a_remark() -> None:
    service = Service(row(1), row(2, product_id="123"))
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        answer = await app.call("watch_products", {"action": "add", "product_ids": [ONE, "123", "77", UNKNOWN]})
        assert "TikTok's product ids usually have 19 digits; not so: 77." in answer.notes
        assert answer.facts["new"] == 4
        many = await app.call("watch_products", {"action": "add", "product_ids": [str(n) for n in range(7)]})
        assert "TikTok's product ids usually have 19 digits; not so: 0, 1, 2, 3, 4 and 2 more." in many.notes
        removed = await app.call("watch_products", {"action": "remove", "product_ids": ["77"]})
        assert removed.notes == []


async def test_again_is_no_harm_and_is_told() -> None:
    async with open_app(Service()) as app:
        await app.call("watch_products", {"action": "add", "product_ids": [ONE]})
        again = (await app.call("watch_products", {"action": "add", "product_ids": [ONE, TWO]})).structured()
        assert again["facts"] == {"watched": 2, "new": 1, "watched_already": 1}
        assert [told[-1] for told in again["rows"]] == ["watched already", "new"]
        assert "No search has shown 2 of these yet" in again["notes"][0]


async def test_what_is_removed_is_told_and_what_was_not_there_too() -> None:
    async with open_app(Service()) as app:
        await app.call("watch_products", {"action": "add", "product_ids": [ONE, TWO]})
        answer = await app.call("watch_products", {"action": "remove", "product_ids": [ONE, UNKNOWN]})
        assert answer.scope.startswith("Watch list in the local store · 1 removed, 1 was not watched · 1 watched now")
        assert answer.structured()["facts"] == {"watched": 1, "removed": 1, "was_not_watched": 1}
        assert answer.notes == []
        last = await app.call("watch_products", {"action": "remove", "product_ids": TWO})
        assert last.next_step == "watch_products action=add watches products."
        assert await notes_of(app) == {}


@pytest.mark.parametrize(
    "given", [ONE, int(ONE), [int(ONE)], f" {ONE} ", f'["{ONE}"]', f"{ONE},{ONE}", [ONE, f" {ONE}"]]
)
async def test_ids_are_taken_as_clients_send_them(given: Any) -> None:
    async with open_app(Service()) as app:
        if isinstance(given, int):
            assert "product_ids" in (await refusal(app, action="add", product_ids=given)).what
            return
        answer = await app.call("watch_products", {"action": " ADD ", "product_ids": given})
        assert await notes_of(app) == {ONE: ""}
        assert ("An id that was given more than once counts once." in answer.notes) == (str(given).count(ONE) > 1)


async def test_a_note_is_cleaned_kept_and_shown_with_the_changes() -> None:
    async with open_app(Service(row(1))) as app:
        await app.call("search_products", {"region": "US"})
        await app.call(
            "watch_products", {"action": "add", "product_ids": [ONE], "note": " for\nspring | \u202e[x](y) "}
        )
        assert await notes_of(app) == {ONE: "for spring / (x)(y)"}
        await app.call("watch_products", {"action": "add", "product_ids": [ONE], "note": "\u200b"})
        assert await notes_of(app) == {ONE: "for spring / (x)(y)"}, "an empty note changes nothing"
        changes = (await app.call("get_changes", {"scope": "watch"})).structured()
        assert dict(zip(changes["columns"], changes["rows"][0], strict=True))["note"] == "for spring / (x)(y)"
        removed = await app.call("watch_products", {"action": "remove", "product_ids": [ONE], "note": "x"})
        assert removed.notes == ["A note goes with action=add; it was not used."]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"product_ids": [ONE]}, "action: is required (add or remove)."),
        ({"action": "add"}, "product_ids: is required."),
        ({"action": "watch", "product_ids": [ONE]}, "action: input should be 'add' or 'remove'"),
        ({"action": "list"}, "'add' or 'remove'; get_changes scope=watch shows the list (got \"list\")."),
        ({"action": "add", "product_ids": []}, "product_ids: needs at least 1 (got 0)"),
        ({"action": "add", "product_ids": [product_id(n) for n in range(51)]}, "takes at most 50."),
        pytest.param({"action": "add", "product_ids": "[" * 100_000}, "product_ids: ", id="nested too deeply"),
        ({"action": "add", "product_ids": [1.7e18]}, "as a number it loses its last digits"),
        ({"action": "add", "product_ids": [ONE], "note": "x" * 201}, "note: string should have at most 200 characters"),
        ({"action": "add", "product_ids": [ONE], "region": "US"}, '"region": unknown parameter'),
    ],
)
async def test_what_is_wrong_is_refused_and_nothing_is_written(arguments: dict[str, Any], reason: str) -> None:
    async with open_app(Service()) as app:
        assert reason in (await refusal(app, **arguments)).what
        assert await notes_of(app) == {}


async def test_a_store_that_may_only_be_read_refuses_with_the_reason_and_still_tells_what_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_app(Service(row(1))) as app:
        await app.call("search_products", {"region": "US"})
        await app.call("watch_products", {"action": "add", "product_ids": [ONE]})
    monkeypatch.setattr("keyapi_mcp.store.opening.os.access", lambda *_: False)
    async with open_app(Service()) as app:
        for action in ("add", "remove"):
            with pytest.raises(StoreUnavailable, match="it cannot be written"):
                await app.call("watch_products", {"action": action, "product_ids": [TWO]})
        assert (await app.call("get_changes", {"scope": "watch"})).structured()["rows"][0][0] == ONE


async def test_in_memory_it_is_said_how_long_the_list_lasts() -> None:
    async with open_app(Service(), store="memory") as app:
        answer = await app.call("watch_products", {"action": "add", "product_ids": [ONE]})
        assert answer.notes[-1] == "KEYAPI_MCP_STORE=memory: the list ends with this process."
        assert (await app.call("get_changes", {"scope": "watch"})).structured()["facts"]["never_seen"] == 1


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_adds_and_another_one_finds_it(era: Era) -> None:
    async with open_app(Service()) as app, open_app(Service()) as other:
        async with Client(app.server, mode=era) as client:
            told = Told.of(await client.call_tool("watch_products", {"action": "add", "product_ids": [ONE]}))
            assert not told.is_error
            assert told.structured is not None
        assert await notes_of(other) == {ONE: ""}
