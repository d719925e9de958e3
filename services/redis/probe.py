"""Writes to every node of Redis, for /readyz. A node that only reads cannot serve."""

import asyncio
from collections.abc import Mapping

from services.errors import StoreError
from services.redis.client import RedisClient
from services.redis.nodes import Node

# Others than the first one that succeeds get so long: one that hangs delays nobody who needs only the others.
_GRACE_S = 0.05


class RedisProbe:
    """Probes the nodes. A node fails until its next probe succeeds."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._probes: dict[Node, asyncio.Task[None]] = {}
        self._failures: dict[Node, StoreError] = {}

    async def run(self, machine: int) -> tuple[bool, Mapping[str, StoreError]]:
        """True when a node takes writes, and the failures of nodes by name: for one that hangs, its last one."""
        nodes = await self._redis.nodes()
        pending = {self._probe(node, machine) for node in nodes}
        while pending and not any(self._succeeded(node) for node in nodes):
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if pending:
            await asyncio.wait(pending, timeout=_GRACE_S)
        self._failures = {node: failure for node, failure in self._failures.items() if node in nodes}
        return len(self._failures) < len(nodes), {node.name: failure for node, failure in self._failures.items()}

    def _probe(self, node: Node, machine: int) -> asyncio.Task[None]:
        if node not in self._probes:
            self._probes[node] = asyncio.create_task(self._write(node, machine))
        return self._probes[node]

    async def _write(self, node: Node, machine: int) -> None:
        try:
            await self._redis.probe(node, machine)
            self._failures.pop(node, None)
        except StoreError as error:
            self._failures[node] = error
        finally:
            del self._probes[node]

    def _succeeded(self, node: Node) -> bool:
        return node not in self._probes and node not in self._failures
