"""The gate: so many at once, spaced, and closed for as long as the service asks."""

from __future__ import annotations

from itertools import pairwise
from time import monotonic

import anyio
import pytest

from keyapi_mcp.api.limits import Gate
from keyapi_mcp.errors import RateLimited

pytestmark = pytest.mark.anyio

BOUND_S = 10.0


class Clock:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 500.0

    def __call__(self) -> float:
        return self.now


async def pass_through(gate: Gate, deadline: float) -> None:
    async with gate.admitted(deadline):
        pass


async def test_no_more_than_so_many_are_inside_at_once() -> None:
    gate = Gate(2, 0)
    inside, most, leave = 0, 0, anyio.Event()

    async def stay() -> None:
        nonlocal inside, most
        async with gate.admitted(monotonic() + BOUND_S):
            inside += 1
            most = max(most, inside)
            await leave.wait()
            inside -= 1

    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(stay)
            await anyio.wait_all_tasks_blocked()
            assert inside == 2
            leave.set()
    assert (inside, most) == (0, 2)


async def test_starts_are_spaced_by_the_interval_also_when_many_come_at_once() -> None:
    gate = Gate(10, 0.05)
    starts: list[float] = []

    async def start() -> None:
        async with gate.admitted(monotonic() + BOUND_S):
            starts.append(monotonic())

    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(start)
    # The loop's clock is coarser than ours; a twentieth covers it.
    assert all(later - earlier >= 0.0475 for earlier, later in pairwise(starts))


async def test_without_an_interval_nobody_waits() -> None:
    clock = Clock()
    gate = Gate(1, 0, clock)
    with anyio.fail_after(BOUND_S):
        for _ in range(1_000):
            await pass_through(gate, clock.now)


async def test_a_closed_gate_refuses_at_once_who_could_not_wait_so_long() -> None:
    clock = Clock()
    gate = Gate(4, 0, clock)
    gate.hold_back(5)
    with anyio.fail_after(BOUND_S), pytest.raises(RateLimited) as refused:
        await pass_through(gate, clock.now + 4.9)
    assert refused.value.retry_after == 5
    assert refused.value.what == ("The service asked to wait (429), longer than this call may take. Nothing was sent.")
    assert refused.value.next_step == "call again in 5 s."
    assert refused.value.maybe_spent == 0


async def test_a_closed_gate_lets_nobody_in_before_its_time() -> None:
    gate = Gate(4, 0)
    closed = monotonic()
    gate.hold_back(0.1)
    with anyio.fail_after(BOUND_S):
        await pass_through(gate, closed + BOUND_S)
    assert monotonic() - closed >= 0.1


async def test_the_longer_of_two_waiting_times_counts() -> None:
    clock = Clock()
    gate = Gate(4, 0, clock)
    gate.hold_back(20)
    clock.now += 5
    gate.hold_back(1)
    with pytest.raises(RateLimited) as refused:
        await pass_through(gate, clock.now + 10)
    assert refused.value.retry_after == 15
    gate.hold_back(40)
    with pytest.raises(RateLimited) as refused:
        await pass_through(gate, clock.now + 10)
    assert refused.value.retry_after == 40


async def test_after_its_time_the_gate_is_open_again_but_slower_and_later_as_before() -> None:
    clock = Clock()
    gate = Gate(4, 0, clock)
    gate.hold_back(20)
    clock.now += 20
    with anyio.fail_after(BOUND_S):
        await pass_through(gate, clock.now + 1)
        with anyio.move_on_after(0.1) as second:
            await pass_through(gate, clock.now + 1)
        assert second.cancelled_caught, "the second start right after a 429 has to wait a second"
        clock.now += 60
        for _ in range(10):
            await pass_through(gate, clock.now + 1)


async def test_those_who_wait_already_are_held_back_too() -> None:
    clock = Clock()
    gate = Gate(4, 0.1, clock)
    refusals: list[RateLimited] = []

    async def late() -> None:
        try:
            await pass_through(gate, clock.now + 1)
        except RateLimited as refusal:
            refusals.append(refusal)

    with anyio.fail_after(BOUND_S):
        await pass_through(gate, clock.now + 1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(late)
            await anyio.wait_all_tasks_blocked()
            gate.hold_back(30)
    assert [refusal.retry_after for refusal in refusals] == [30]


async def test_who_is_refused_fails_or_gives_up_leaves_the_place_to_the_next() -> None:
    clock = Clock()
    gate = Gate(1, 0, clock)
    with anyio.fail_after(BOUND_S):
        gate.hold_back(5)
        with pytest.raises(RateLimited):
            await pass_through(gate, clock.now + 1)
        clock.now += 5 + 60
        with pytest.raises(ValueError, match="inside"):
            async with gate.admitted(clock.now + 1):
                raise ValueError("inside")
        with anyio.move_on_after(0.01):
            async with gate.admitted(clock.now + 1):
                await anyio.sleep_forever()
        await pass_through(gate, clock.now + 1)
