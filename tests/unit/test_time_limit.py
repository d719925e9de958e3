"""A time limit gives up an answer that has not come, and none that has."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvloop

from models.time_limit import TimeLimit

LIMIT_S = 0.02


@contextmanager
def event() -> Iterator[socket.socket]:
    """A socket that can be read."""
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"now")
        yield here


LOOPS = pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])


@LOOPS
def test_an_answer_that_arrived_while_the_loop_stood_still_counts(
    make_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def ask() -> bytes:
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair()
        with there, event() as happened:
            reader, writer = await asyncio.open_connection(sock=here)

            def stall() -> None:
                loop.remove_reader(happened)
                time.sleep(2 * LIMIT_S)
                there.sendall(b"answer")

            loop.add_reader(happened, stall)
            try:
                with TimeLimit(LIMIT_S):
                    return await reader.readexactly(6)
            finally:
                writer.close()
                await writer.wait_closed()

    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert runner.run(ask()) == b"answer"


@LOOPS
@pytest.mark.parametrize("seconds", [LIMIT_S, 0, -1])
def test_an_answer_that_does_not_come_is_given_up(
    make_loop: Callable[[], asyncio.AbstractEventLoop], seconds: float
) -> None:
    async def ask() -> None:
        with TimeLimit(seconds):
            await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=make_loop) as runner, pytest.raises(TimeoutError):
        runner.run(ask())


@LOOPS
def test_a_cancellation_from_outside_stays_one(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def ask() -> None:
        with TimeLimit(20):
            await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(cancel())
