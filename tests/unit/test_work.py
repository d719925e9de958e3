"""Requests that run into their deadline are given up."""

import asyncio
import time
from typing import cast

import pytest

from handlers.transport.handler import DirectHandler
from handlers.transport.work import Work
from services.deadline import Deadline
from services.errors import ServiceError

DEADLINE_S = 0.2
PAUSE_S = DEADLINE_S / 4
"""Several times as long as a check may be late."""


class Handler:
    """Waits until it is given up."""

    deadline: Deadline
    claimed_by = ""

    def __init__(self) -> None:
        self.given_up = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        await self.given_up

    def give_up(self, _: ServiceError) -> None:
        self.deadline.at = float("inf")
        self.given_up.set_result(None)


def start(work: Work) -> Handler:
    handler = Handler()
    work.start(cast(DirectHandler, handler))
    return handler


@pytest.mark.gen_test
async def test_a_request_is_given_up_although_the_loop_is_busy_all_the_time() -> None:
    work = Work(deadline=DEADLINE_S, max_of_user=1)
    handler = start(work)
    async with asyncio.timeout(20 * DEADLINE_S):
        while not handler.given_up.done():
            time.sleep(PAUSE_S)  # as many other requests would
            await asyncio.sleep(0)


@pytest.mark.gen_test
async def test_what_has_arrived_in_a_pause_of_the_loop_comes_first() -> None:
    work = Work(deadline=DEADLINE_S, max_of_user=1)
    handler = start(work)
    await asyncio.sleep(0)
    time.sleep(2 * DEADLINE_S)  # the machine may stand still
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not handler.given_up.done()
    handler.given_up.set_result(None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(work) == 0
