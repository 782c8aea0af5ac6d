"""Each fault does on a socket what it says."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.applications import Starlette

from keyapi_mcp.sandbox.app import create_app
from keyapi_mcp.sandbox.attacks import ATTACKS
from keyapi_mcp.sandbox.faults import KINDS, Fault
from sandbox.contract import ERRORS, PATH
from support.sandbox_server import DAY, RunningSandbox, running_sandbox

ASKED = {"region": "US", "page_num": "1", "page_size": "10"}
KEY = {"authorization": "Bearer sk_test"}


@pytest.fixture(scope="module")
def broken() -> Iterator[RunningSandbox]:
    with running_sandbox(products=200, faults=True) as running:
        yield running


@pytest.fixture
def sandbox(broken: RunningSandbox) -> Iterator[RunningSandbox]:
    broken.reset()
    yield broken
    broken.reset()
    broken.set_day(DAY)


@pytest.fixture
def get(sandbox: RunningSandbox) -> Iterator[Callable[..., httpx.Response]]:
    """Push a fault and ask once, on a connection of its own."""
    with httpx.Client(base_url=sandbox.url, headers=KEY, timeout=20, trust_env=False) as client:

        def ask(kind: str | None = None, timeout: float = 5, **details: Any) -> httpx.Response:
            if kind is not None:
                sandbox.faults.push(Fault(kind, **details))
            return client.get(PATH, params=ASKED, timeout=timeout)

        yield ask


Get = Callable[..., httpx.Response]


@pytest.mark.parametrize("status", [400, 401, 402, 429, 500])
def test_status_gives_the_documented_body(status: int, get: Get) -> None:
    answer = get("status", status=status)
    body = answer.json()
    assert answer.status_code == status
    assert body.pop("requestId")
    assert body == ERRORS[str(status)]
    assert "retry-after" not in answer.headers
    assert get().status_code == 200


def test_status_can_carry_retry_after_as_seconds_or_as_a_date(get: Get) -> None:
    assert get("status", status=429, retry_after="2").headers["retry-after"] == "2"
    answer = get("status", status=503, retry_date_in=30, message="busy")
    assert answer.json()["message"] == "busy"
    assert 20 < parsedate_to_datetime(answer.headers["retry-after"]).timestamp() - time.time() < 40


def test_an_exhausted_quota_can_be_told_as_a_500(get: Get) -> None:
    answer = get("quota_500")
    assert answer.status_code == 500
    assert "quota" in answer.json()["message"]


def test_a_failure_can_stand_inside_a_200(get: Get) -> None:
    answer = get("code_in_200", code=402)
    assert (answer.status_code, answer.json()["code"]) == (200, 402)
    assert answer.json()["data"] is None


def test_redirect_leads_to_a_place_that_tells_who_came(get: Get, sandbox: RunningSandbox) -> None:
    answer = get("redirect")
    assert answer.status_code == 302
    httpx.get(answer.headers["location"], trust_env=False)
    assert sandbox.requests[-1] == {"path": "/elsewhere", "params": ASKED, "authorization": False}
    assert get("redirect", location="http://127.0.0.1:9/").headers["location"] == "http://127.0.0.1:9/"


@pytest.mark.parametrize(("kind", "status"), [("html", 502), ("html_200", 200)])
def test_html_is_a_gateway_s_page(kind: str, status: int, get: Get) -> None:
    answer = get(kind)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<html>")


def test_empty_has_no_body(get: Get) -> None:
    answer = get("empty")
    assert (answer.status_code, answer.content) == (200, b"")


def test_hang_never_answers_but_lets_others_in(get: Get) -> None:
    with pytest.raises(httpx.ReadTimeout):
        get("hang", timeout=0.2)
    assert get().status_code == 200


def test_reset_resets_the_connection(get: Get) -> None:
    with pytest.raises(httpx.ReadError):
        get("reset")
    assert get().status_code == 200


def test_cut_sends_less_than_it_announced(get: Get) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        get("cut")


def test_delay_answers_late(get: Get) -> None:
    with pytest.raises(httpx.ReadTimeout):
        get("delay", seconds=30, timeout=0.2)
    begin = time.monotonic()
    assert get("delay", seconds=0.1).json()["code"] == 0
    assert time.monotonic() - begin >= 0.1


def test_drip_sends_a_little_at_a_time(sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("drip", seconds=0.02, chunk=1))
    with (
        httpx.Client(headers=KEY, timeout=20, trust_env=False) as client,
        client.stream("GET", sandbox.url + PATH, params=ASKED) as answer,
    ):
        chunks = answer.iter_raw()
        assert [next(chunks), next(chunks), next(chunks)] == [b"{", b'"', b"c"]


def test_huge_and_gzip_bomb_grow_to_the_size_asked_for(sandbox: RunningSandbox) -> None:
    size = 4_000_000
    with httpx.Client(headers=KEY, timeout=20, trust_env=False) as client:
        sandbox.faults.push(Fault("huge", size=size), Fault("gzip_bomb", size=size))
        with client.stream("GET", sandbox.url + PATH, params=ASKED) as answer:
            assert sum(map(len, answer.iter_raw())) >= size * 0.95
        with client.stream("GET", sandbox.url + PATH, params=ASKED) as answer:
            packed = b"".join(answer.iter_raw())
            assert answer.headers["content-encoding"] == "gzip"
    assert len(packed) < size / 50
    assert len(gzip.decompress(packed)) >= size


def test_not_json_is_cut_off_though_the_transfer_is_whole(get: Get) -> None:
    with pytest.raises(json.JSONDecodeError):
        get("not_json").json()


def test_control_characters_stand_raw_inside_strings(get: Get) -> None:
    answer = get("control_characters")
    assert b"\x07\x00\x1b" in answer.content
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert len(json.loads(answer.content, strict=False)["data"]) == 10


def test_bad_utf8_is_none(get: Get) -> None:
    with pytest.raises(UnicodeDecodeError):
        get("bad_utf8").content.decode()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("data_null", None), ("data_text", "no rows today"), ("all_rows_broken", ["no", "rows"])],
)
def test_data_can_be_something_else_than_rows(kind: str, expected: object, get: Get) -> None:
    assert get(kind).json()["data"] == expected


def test_data_and_envelope_can_have_another_shape(get: Get) -> None:
    assert isinstance(get("data_object").json()["data"], dict)
    assert isinstance(get("not_an_object").json(), list)


def test_nulls_leave_only_the_product_ids(get: Get) -> None:
    for row in get("nulls").json()["data"]:
        assert {name for name, value in row.items() if value is not None} == {"product_id"}


def test_numbers_can_come_in_other_types(get: Get) -> None:
    kinds = {type(value) for row in get("wrong_types").json()["data"] for value in row.values()}
    assert {str, float, list, dict, bool} <= kinds
    for row in get("quoted_numbers").json()["data"]:
        assert {type(value) for value in row.values()} <= {str, type(None)}


def test_fields_can_be_missing(get: Get) -> None:
    good, gaps = get().json()["data"], get("missing_fields").json()["data"]
    assert [row["product_id"] for row in gaps] == [row["product_id"] for row in good]
    assert all(len(row) < 60 for row in gaps)


def test_broken_row_stands_among_good_ones(get: Get) -> None:
    rows = get("broken_row").json()["data"]
    assert len(rows) == 10
    assert sum(isinstance(row, dict) for row in rows) == 9
    assert sum(isinstance(row, dict) and "product_id" in row for row in rows) == 8


def test_commission_can_be_a_percentage(get: Get) -> None:
    good, percent = get().json()["data"], get("percent_commission").json()["data"]
    for one, other in zip(good, percent, strict=True):
        assert other["product_commission_rate"] == pytest.approx(one["product_commission_rate"] * 100)


def test_attacks_change_texts_and_no_figure(get: Get) -> None:
    good, hostile = get().json()["data"], get("attacks").json()["data"]
    changed = {"product_name", "discount", "desc_detail", "sale_props", "skus"}
    for one, other, attack in zip(good, hostile, ATTACKS, strict=False):
        assert {name for name, value in one.items() if other[name] != value} == changed
        assert other["product_name"] == attack.text
    assert get().json()["data"] == good


def test_deep_is_deeper_than_a_parser_goes(get: Get) -> None:
    assert get("deep").content.count(b"[") == 50_000


def test_every_kind_is_tested_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert {kind for kind in KINDS if f'"{kind}"' not in source} == set()


def test_every_kind_is_explained() -> None:
    from keyapi_mcp.sandbox import faults

    assert {kind for kind in KINDS if f"`{kind}`" not in (faults.__doc__ or "")} == set()


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault is called fire"):
        Fault("fire")


def test_faults_queue_up_and_each_lasts_as_long_as_it_should(get: Get, sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("status", status=429, times=2), Fault("status", status=503, times=1))
    assert [get().status_code for _ in range(4)] == [429, 429, 503, 200]
    sandbox.faults.push(Fault("status", status=500, times=None))
    assert [get().status_code for _ in range(3)] == [500, 500, 500]
    sandbox.reset()
    assert get().status_code == 200


def test_a_fault_can_wait_for_some_requests_and_for_a_path(get: Get, sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("status", status=500, after=2))
    assert [get().status_code for _ in range(4)] == [200, 200, 500, 200]
    sandbox.faults.push(Fault("status", status=500, path="/elsewhere"))
    assert get().status_code == 200
    assert httpx.get(f"{sandbox.url}/elsewhere", trust_env=False).status_code == 500


def test_another_process_can_do_all_that_over_http(get: Get, sandbox: RunningSandbox) -> None:
    with httpx.Client(base_url=f"{sandbox.url}/_sandbox", trust_env=False) as control:
        pushed = control.post("/faults", json=[{"kind": "status", "status": 429, "retry_after": "2", "times": None}])
        assert pushed.json() == {"ok": True}
        assert pushed.headers["x-keyapi-sandbox"] == "synthetic"
        assert [get().status_code, get().headers["retry-after"]] == [429, "2"]
        seen = control.get("/requests").json()
        assert (seen["count"], seen["requests"][0]["params"]) == (2, ASKED)
        assert control.post("/reset").json() == {"ok": True}
        assert control.get("/requests").json() == {"count": 0, "requests": []}
        first = get().json()["data"]
        assert control.post("/date", json={"day": "2026-11-25"}).json() == {"ok": True}
        assert get().json()["data"] != first


@pytest.mark.parametrize(
    ("path", "body"), [("faults", [{"kind": "fire"}]), ("faults", [{"heat": 1}]), ("faults", 3), ("date", {"day": "x"})]
)
def test_a_switch_that_makes_no_sense_is_a_400(path: str, body: object, sandbox: RunningSandbox) -> None:
    answer = httpx.post(f"{sandbox.url}/_sandbox/{path}", json=body, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.fixture
def app() -> Starlette:
    return create_app(products=50, today=lambda: DAY)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["reset", "cut"])
async def test_without_a_socket_a_lost_connection_is_raised(kind: str, app: Starlette) -> None:
    app.state.faults.push(Fault(kind))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=KEY) as client:
        with pytest.raises(ConnectionResetError):
            await client.get(PATH, params=ASKED)
        assert (await client.get(PATH, params=ASKED)).json()["code"] == 0
    assert len(app.state.requests) == 2
