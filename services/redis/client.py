"""The Redis client: what one iteration of the event loop asks a node travels together."""

import asyncio
import hashlib
import time
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, Self

from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from conf.redis_url import redis_address
from services.batch_loader import BatchLoader
from services.errors import StoreError, StoreUnavailable
from services.metrics.catalogue import Metrics, kind_of
from services.redis.cluster import Cluster
from services.redis.connections import Command
from services.redis.keys import probe as probe_key
from services.redis.nodes import Node, Nodes
from services.redis.single import Single

# Before repetitions of a call whose keys are moving; a small slot takes milliseconds.
_PAUSES_S = (0.01, 0.02, 0.04, 0.08, 0.16)

_PROBE_EXPIRES_S = 60
# A node with one slot of a cluster has every 16,384th key. To try one takes a microsecond.
_MAX_PROBES = 20_000

_PASSING = (
    RedisConnectionError,
    RedisTimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
    AskError,
)
# redis-py makes these connection errors.
_CREDENTIALS = (AuthenticationError, AuthorizationError)
# Errors without a class of their own: Redis cannot write to its disk or to its replicas, or a script hangs.
_PASSING_PREFIXES = ("MISCONF", "NOREPLICAS", "BUSY")
# Replies that are no values.
_SPECIAL = (RedisError, asyncio.Future)

_names: dict[str | bytes | int, str] = {}
"""The name of each script, by its sha and by its text."""


class Script(NamedTuple):
    """A Lua script, its name in the log and the name by which Redis caches it."""

    name: str
    text: str
    sha: str

    @classmethod
    def of(cls, name: str, text: str) -> "Script":
        """The script with this text."""
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        _names[sha] = _names[text] = name
        return cls(name, text, sha)


class _ScriptMissing(StoreError):
    """Redis has lost its cache of scripts."""


class _KeysMoving(StoreUnavailable):
    """The keys of a call are on their way, or no node has their slot yet: in a moment one has them all."""


class RedisClient:
    """Coalesces calls: at most `max_batch` travel together to a node, GETs and other commands alike.

    Each call of a node has `timeout` seconds, its connection included; what a cluster redirects has as many again.
    Every method raises StoreUnavailable when Redis cannot answer now, and StoreError when it refuses. All keys of a
    call are of one user: they share a node.
    """

    def __init__(self, nodes: Nodes, *, max_batch: int, metrics: Metrics) -> None:
        self._nodes = nodes
        self._batches = _Batches(max_batch, metrics)

    @classmethod
    def from_url(cls, url: str, *, timeout: float, max_batch: int, metrics: Metrics) -> Self:
        """A client that connects at its first call."""
        address = redis_address(url)
        nodes = Cluster(address, timeout=timeout) if address.is_cluster else Single(address, timeout=timeout)
        return cls(nodes, max_batch=max_batch, metrics=metrics)

    def get(self, key: str) -> asyncio.Future[bytes | None]:
        """A future of the value of a key."""
        return self._batches[self._nodes.of(key)].load(key)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run a script; its return value."""
        try:
            return await self._run(keys[0], ("EVALSHA", script.sha, len(keys), *keys, *args))
        except _ScriptMissing:
            return await self._run(keys[0], ("EVAL", script.text, len(keys), *keys, *args))

    async def set(self, key: str, value: str | bytes, expires: int | None = None) -> None:
        """Set a key, for `expires` seconds."""
        await self._run(key, ("SET", key, value) if expires is None else ("SET", key, value, "EX", expires))

    async def set_range(self, key: str, offset: int, value: bytes) -> None:
        """Overwrite a part of a value, from an offset. What is missing before that becomes zero bytes."""
        await self._run(key, ("SETRANGE", key, offset, value))

    async def delete(self, *keys: str) -> None:
        """Delete keys."""
        await self._run(keys[0], ("DEL", *keys))

    async def nodes(self) -> Collection[Node]:
        """The nodes that share the keys now."""
        return await self._nodes.all()

    async def probe(self, node: Node, machine: int) -> None:
        """Prove that a node can write, with a key of its own."""
        probes = (probe_key(machine, number) for number in range(_MAX_PROBES))
        key = next((probe for probe in probes if self._nodes.of(probe) is node), probe_key(machine, 0))
        await self._batches[node].load(("SET", key, "", "EX", _PROBE_EXPIRES_S))

    async def ask(self, node: Node, *command: str | int) -> Any:
        """The reply of one node to a command without a key."""
        return await self._batches[node].load(command)

    async def close(self) -> None:
        """Cancel the calls under way and close every connection."""
        await asyncio.gather(*(batch.close() for batch in self._batches.values()))
        await self._nodes.close()

    async def _run(self, key: str, command: Command) -> Any:
        for pause in _PAUSES_S:
            try:
                return await self._batches[self._nodes.of(key)].load(command)
            except _KeysMoving:
                await asyncio.sleep(pause)
        return await self._batches[self._nodes.of(key)].load(command)


class _Batches(dict[Node, BatchLoader[str | Command, Any]]):
    """The batch of each node. A look-up in it is the key, and everything else a command."""

    def __init__(self, max_batch: int, metrics: Metrics) -> None:
        self._max_batch = max_batch
        self._metrics = metrics

    def __missing__(self, node: Node) -> BatchLoader[str | Command, Any]:
        self[node] = batch = BatchLoader(
            partial(self._call, node), max_batch=self._max_batch, sizes=self._metrics.batch_size[node.name]
        )
        return batch

    async def _call(self, node: Node, items: list[str | Command]) -> list[Any]:
        """The replies. An error that Redis replies is a value: only the caller of its command fails."""
        keys = list({item: None for item in items if isinstance(item, str)})
        commands = [item for item in items if not isinstance(item, str)]
        started = time.monotonic()
        try:
            replies = await node.call(keys, commands)
        except TimeoutError:
            raise self._noted(StoreUnavailable("redis", "no answer in time", _outline(items)), node) from None
        except RedisError as error:
            raise self._noted(_translated(error, _outline(items)), node) from error
        finally:
            self._metrics.redis_seconds[node.name].observe(time.monotonic() - started)
        values = dict(zip(keys, replies, strict=False))
        others = iter(replies[len(keys) :])
        outcomes = [values[item] if isinstance(item, str) else next(others) for item in items]
        return [
            self._special(item, outcome, node) if isinstance(outcome, _SPECIAL) else outcome
            for item, outcome in zip(items, outcomes, strict=True)
        ]

    def _special(
        self, item: str | Command, outcome: RedisError | asyncio.Future[Any], node: Node
    ) -> StoreError | asyncio.Future[Any]:
        """An error as its caller gets it, or a future that raises it."""
        if isinstance(outcome, asyncio.Future):
            return asyncio.ensure_future(self._late(item, outcome, node))
        return self._noted(_translated(outcome, _outline([item])), node)

    async def _late(self, item: str | Command, reply: asyncio.Future[Any], node: Node) -> Any:
        outcome = await reply
        if isinstance(outcome, RedisError):
            raise self._noted(_translated(outcome, _outline([item])), node)
        return outcome

    def _noted(self, error: StoreError, node: Node) -> StoreError:
        error.details["node"] = node.name
        if not isinstance(error, _ScriptMissing):
            self._metrics.store_errors["redis", kind_of(error)] += 1
        return error


def _outline(items: Iterable[str | Command]) -> str:
    """The scripts that the commands run, and the names of the other commands."""
    return ", ".join(sorted({_name(item) for item in items}))


def _name(item: str | Command) -> str:
    if isinstance(item, str):
        return "GET"
    return _names[item[1]] if item[0] in ("EVALSHA", "EVAL") else str(item[0])


def _translated(error: RedisError, call: str) -> StoreError:
    if isinstance(error, NoScriptError):
        return _ScriptMissing("redis", "script not cached", call)
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, TryAgainError | ClusterDownError):
        return _KeysMoving("redis", reason, call)
    # redis-py wraps a refusal of the credentials in an error of the connection.
    refused = isinstance(error, _CREDENTIALS) or isinstance(error.__cause__, _CREDENTIALS)
    passing = isinstance(error, _PASSING) and not refused
    if passing or (isinstance(error, ResponseError) and str(error).startswith(_PASSING_PREFIXES)):
        return StoreUnavailable("redis", reason, call)
    return StoreError("redis", reason, call)
