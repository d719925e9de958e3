"""A gate lets a number of callers in, the others in their order, and refuses at once who would wait too long."""

import asyncio

import pytest

from models.gate import Gate, Overloaded

PATIENCE_S = 20


@pytest.mark.gen_test
async def test_no_more_callers_than_places_are_inside_and_the_first_comes_next() -> None:
    gate = Gate(2)
    inside: list[int] = []
    order: list[int] = []

    async def work(number: int) -> None:
        async with gate.place(PATIENCE_S):
            inside.append(number)
            order.append(number)
            assert len(inside) <= 2
            await asyncio.sleep(0)
            inside.remove(number)

    await asyncio.gather(*map(work, range(10)))
    assert order == list(range(10))
    assert (gate.taken, gate.waiting) == (0, 0)


@pytest.mark.gen_test
async def test_a_caller_whose_expected_wait_is_too_long_is_refused_at_once() -> None:
    gate = Gate(2)
    for _ in range(2):
        await gate.enter(PATIENCE_S)
        gate.leave(10)  # seconds
    assert gate.expected_wait == 0
    await gate.enter(PATIENCE_S)
    await gate.enter(PATIENCE_S)
    assert gate.expected_wait == 5
    waiting = asyncio.ensure_future(gate.enter(6))
    await asyncio.sleep(0)
    assert gate.expected_wait == 10
    for limits in ((6,), (PATIENCE_S, 6)):
        with pytest.raises(Overloaded):
            await gate.enter(*limits)
    assert gate.waiting == 1
    gate.leave(10)
    await waiting


@pytest.mark.gen_test
async def test_a_caller_who_waits_too_long_is_refused() -> None:
    gate = Gate(1)
    await gate.enter(PATIENCE_S)
    with pytest.raises(Overloaded):
        await gate.enter(0.01)
    assert (gate.taken, gate.waiting) == (1, 0)


@pytest.mark.gen_test
async def test_the_place_of_a_cancelled_caller_goes_to_the_next() -> None:
    gate = Gate(1)
    await gate.enter(PATIENCE_S)
    gone, here = (asyncio.ensure_future(gate.enter(PATIENCE_S)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    gate.leave(1)
    await here
    assert gate.taken == 1


@pytest.mark.gen_test
async def test_the_time_of_a_place_is_a_moving_average() -> None:
    gate = Gate(1)
    for seconds in (1.0, *[0.1] * 50):
        await gate.enter(PATIENCE_S)
        gate.leave(seconds)
    assert 0.1 < gate.seconds < 0.11


@pytest.mark.gen_test
async def test_a_place_that_comes_in_the_moment_of_a_cancellation_is_not_lost() -> None:
    for give_first in (True, False):
        gate = Gate(1)
        await gate.enter(PATIENCE_S)
        gone = asyncio.ensure_future(gate.enter(PATIENCE_S))
        await asyncio.sleep(0)
        (gate.leave if give_first else gone.cancel)()
        (gone.cancel if give_first else gate.leave)()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert (gate.taken, gate.waiting) == (0, 0)
