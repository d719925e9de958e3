"""The state of the stores."""

import asyncio
import math
import socket
import time
import zlib
from collections.abc import Awaitable, Mapping, Sequence

import structlog

from models import probe
from models.database import Database
from models.deadline import Deadline, begin
from services.background import Background
from services.errors import StoreError
from services.redis.client import RedisClient
from services.redis.probe import RedisProbe

log = structlog.get_logger()

_MIN_INTERVAL_S = 1
_TIMEOUT_S = 1  # for MySQL; the client of Redis has its own


class Health:
    """Writes to the stores as requests do: a store that only reads cannot serve. At most once a second.

    `down` has the names of the parts that cannot serve while others of the same store can.
    """

    def __init__(self, db: Database, redis: RedisClient) -> None:
        self._db = db
        self._redis = RedisProbe(redis)
        # A row and a key for each machine: those of a cluster that write the same ones would wait for each other.
        self._machine = zlib.crc32(socket.gethostname().encode())
        self._checks = Background()
        self._checked_at = -math.inf
        self._problems: list[str] = []
        self.down: list[str] = []

    async def problems(self) -> list[str]:
        """The names of the stores that cannot serve now. The log has the reasons when that changes."""
        if not self._checks and time.monotonic() - self._checked_at >= _MIN_INTERVAL_S:
            self._checked_at = time.monotonic()
            self._checks.start(self._write())
        await self._checks.wait()
        return self._problems

    async def _write(self) -> None:
        begin(Deadline(time.monotonic() + _TIMEOUT_S))
        mysql, (serves, nodes) = await asyncio.gather(
            _failure(probe.write(self._db, self._machine)), self._redis.run(self._machine)
        )
        self._note_problems([failure for failure in (mysql, *([] if serves else nodes.values())) if failure])
        self._note_parts(nodes if serves else {})

    def _note_problems(self, failures: Sequence[StoreError]) -> None:
        before, self._problems = self._problems, list(dict.fromkeys(failure.store for failure in failures))
        if before == self._problems:
            return
        for failure in failures:
            log.warning("not ready", **failure.details)
        if not self._problems:
            log.info("ready again")

    def _note_parts(self, failures: Mapping[str, StoreError]) -> None:
        before, self.down = self.down, sorted(failures)
        for name in failures.keys() - before:
            log.warning("part of a store is down", **failures[name].details)
        for name in set(before) - failures.keys():
            log.info("part of a store is back", part=name)


async def _failure(write: Awaitable[None]) -> StoreError | None:
    try:
        await write
    except StoreError as error:
        return error
    return None
