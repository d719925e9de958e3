"""A Redis Cluster: which node has which slot, and what to do when slots move or a node fails.

redis-py's cluster client is not used. Its pipeline never recovers from a dead node without retries, repeats scripts
with them, and closes the connections of healthy nodes on faults. Its topology is that of the first node that answers,
which may be one that the others have replaced. Ours asks all nodes and believes the one with the newest epoch.
https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import chain, repeat
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from conf.redis_url import RedisAddress
from models.time_limit import TimeLimit
from services.background import Background
from services.redis.connections import Command, Connections

# Before each redirection of a command, and the last one until the time limit: nodes that elect a primary send it to and
# fro until they agree.
_PAUSES_S = (0, 0, 0.01, 0.02, 0.04, 0.08, 0.16)
_MIN_REFRESH_INTERVAL_S = 0.1
_DEFAULT_PORT = 6379

_UNKNOWN = (False, -1)

Endpoint = tuple[str, int]


class _View(NamedTuple):
    """The topology as one node sees it."""

    rank: tuple[bool, int]
    """The state is "ok", and the epoch. The highest rank is right: a node that is cut off has an older epoch."""
    ranges: list[tuple[int, int, list[Endpoint]]]
    """First slot, last slot, their primary and its replicas."""


class Cluster:
    """The primaries of a cluster. It reads the topology at the first call, and again whenever that seems wrong."""

    def __init__(self, address: RedisAddress, *, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._rank = _UNKNOWN
        self._nodes: dict[Endpoint, _ClusterNode] = {}
        self._nowhere = _Nowhere(self)
        self._owners: list[_ClusterNode | _Nowhere] = [self._nowhere] * REDIS_CLUSTER_HASH_SLOTS
        self._primaries: set[_ClusterNode | _Nowhere] = {self._nowhere}
        self._refreshed = asyncio.Event()
        self._failure: Exception | None = None
        self._closed = False
        self._refreshes = Background()
        self._redirections = Background()
        self._retirements = Background()
        self._seeds = {_endpoint(url) for url in address.urls}
        for seed in self._seeds:
            self._node(seed)

    def of(self, key: str) -> "_ClusterNode | _Nowhere":
        return self._owners[key_slot(key.encode())]

    async def all(self) -> "Collection[_ClusterNode | _Nowhere]":
        if self._rank == _UNKNOWN:
            await self._learn()
        return self._primaries

    async def close(self) -> None:
        self._closed = True
        self._refreshed.set()
        await self._refreshes.cancel()
        await self._redirections.cancel()
        await self._retirements.cancel()
        await asyncio.gather(*(node.connections.close() for node in self._nodes.values()))

    def refresh(self) -> None:
        """Read the topology again, in the background, once at a time."""
        if not (self._refreshes or self._closed):
            self._refreshed.clear()
            self._refreshes.start(self._refresh())

    async def deliver(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to commands whose slots were nowhere, from the nodes that the topology now says."""
        with TimeLimit(self._timeout):
            await self._learn()
        if self._rank == _UNKNOWN:
            cause = self._failure and (self._failure.__cause__ or self._failure)
            raise RedisConnectionError(f"no node tells the topology of the cluster: {cause}") from cause
        replies: list[Any] = [ClusterDownError("no node has the slot")] * len(commands)
        parts: defaultdict[tuple[_ClusterNode, bool], list[int]] = defaultdict(list)
        for position, command in enumerate(commands):
            node = self.of(_key(command))
            if not isinstance(node, _Nowhere):
                parts[node, False].append(position)
        await self._send_parts(parts, commands, replies)
        return await self.follow(commands, replies)

    def redirected(self, commands: Sequence[Command], replies: list[Any], host: str) -> list[Any]:
        """The replies, and futures of those to commands that a node at `host` has redirected.

        So whoever shares a batch with them does not wait for another node, which may hang.
        """
        loop = asyncio.get_running_loop()
        late = {position: loop.create_future() for position, reply in enumerate(replies) if isinstance(reply, AskError)}
        self._redirections.start(self._settle(late, commands, replies, host))
        return [late.get(position, reply) for position, reply in enumerate(replies)]

    async def _settle(
        self, late: Mapping[int, asyncio.Future[Any]], commands: Sequence[Command], replies: list[Any], host: str
    ) -> None:
        try:
            await self.follow(commands, replies, host)
        finally:
            for position, future in late.items():
                if not future.done():
                    future.set_result(replies[position])

    async def follow(self, commands: Sequence[Command], replies: list[Any], host: str = "") -> list[Any]:
        """The replies, with those of the right nodes for commands that a node at `host` has redirected."""
        with suppress(TimeoutError), TimeLimit(self._timeout):
            for pause in chain(_PAUSES_S, repeat(_PAUSES_S[-1])):
                redirected: defaultdict[tuple[_ClusterNode, bool], list[int]] = defaultdict(list)
                for position, reply in enumerate(replies):
                    if isinstance(reply, AskError):
                        redirected[self._destination(reply, host)].append(position)
                if not redirected:
                    break
                await asyncio.sleep(pause)
                await self._send_parts(redirected, commands, replies)
        return replies

    async def _learn(self) -> None:
        """Return when the topology has been read again, or no node has told it in time."""
        self.refresh()
        await self._refreshed.wait()

    def _destination(self, redirection: AskError, host: str) -> "tuple[_ClusterNode, bool]":
        """The node, and True when it serves only who is asking: the slot is on its way to it."""
        node = self._node((redirection.host or host, redirection.port))
        if not isinstance(redirection, MovedError):
            return node, True
        self._owners[redirection.slot_id] = node
        self._primaries = {*self._primaries, node}
        self.refresh()  # other slots may have moved, too
        return node, False

    async def _send_parts(
        self, parts: "Mapping[tuple[_ClusterNode, bool], list[int]]", commands: Sequence[Command], replies: list[Any]
    ) -> None:
        """Send the commands at some positions to their nodes. The replies take their places, errors too."""

        async def send(node: _ClusterNode, asking: bool, positions: list[int]) -> None:
            part = [commands[position] for position in positions]
            try:
                fresh = await (node.ask(part) if asking else node.send(part))
            except TimeoutError:
                fresh = [RedisTimeoutError("no answer in time")] * len(part)
            except RedisError as error:
                fresh = [error] * len(part)
            for position, reply in zip(positions, fresh, strict=True):
                replies[position] = reply

        await asyncio.gather(*(send(node, asking, positions) for (node, asking), positions in parts.items()))

    async def _refresh(self) -> None:
        """Take the topology from the first node that knows as much as we did: one that hangs does not delay us.

        Only when no node does, take the best of what they know: the cluster is down, or new.
        """
        views = await asyncio.gather(*map(self._look_at, self._nodes.values()))
        if not self._refreshed.is_set():
            if known := [view for view in views if view is not None]:
                self._take(max(known, key=lambda view: view.rank))
            self._refreshed.set()
        await asyncio.sleep(_MIN_REFRESH_INTERVAL_S)

    async def _look_at(self, node: "_ClusterNode") -> _View | None:
        try:
            view = await node.view()
        except (TimeoutError, RedisError) as error:
            self._failure = error
            return None
        if view.rank >= self._rank:
            self._take(view)
        return view

    def _take(self, view: _View) -> None:
        self._rank = view.rank
        owners: list[_ClusterNode | _Nowhere] = [self._nowhere] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, endpoints in view.ranges:
            primary, *_ = [self._node(endpoint) for endpoint in endpoints]  # replicas will tell when it has failed
            owners[first : last + 1] = [primary] * (last + 1 - first)
        self._owners = owners
        self._primaries = set(owners)
        known = self._seeds.union(*(endpoints for _, _, endpoints in view.ranges))
        for endpoint in self._nodes.keys() - known:
            self._retirements.start(self._retire(self._nodes.pop(endpoint)))
        self._refreshed.set()

    async def _retire(self, node: "_ClusterNode") -> None:
        """Close the connections to a node that has left, when its last calls have ended."""
        try:
            await asyncio.sleep(2 * self._timeout)
        finally:
            await node.connections.close()

    def _node(self, endpoint: Endpoint) -> "_ClusterNode":
        if endpoint not in self._nodes:
            url = _with_endpoint(self._address.urls[0], endpoint)
            connections = Connections(url, timeout=self._timeout, tls=self._address.tls)
            self._nodes[endpoint] = _ClusterNode(self, endpoint, connections)
        return self._nodes[endpoint]


class _ClusterNode:
    """A node at a host and a port."""

    def __init__(self, cluster: Cluster, endpoint: Endpoint, connections: Connections) -> None:
        self._cluster = cluster
        self._host, port = endpoint
        self.name = f"{self._host}:{port}"
        self.connections = connections

    async def call(self, keys: Sequence[str], commands: Sequence[Command]) -> list[Any]:
        commands = [*(("GET", key) for key in keys), *commands]
        replies = await self.send(commands)
        if any(isinstance(reply, AskError) for reply in replies):
            return self._cluster.redirected(commands, replies, self._host)
        return replies

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """The replies of this node, as they are. A failure is a reason to read the topology again."""
        try:
            replies = await self.connections.call(commands)
        except (TimeoutError, RedisTimeoutError, RedisConnectionError):  # the second one: it took no connection
            self._cluster.refresh()
            raise
        if any(isinstance(reply, ClusterDownError) for reply in replies):
            self._cluster.refresh()
        return replies

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to commands for slots that are on their way to this node."""
        replies = await self.send([each for command in commands for each in (("ASKING",), command)])
        return replies[1::2]

    async def view(self) -> _View:
        """The topology as this node sees it. Raises TimeoutError or RedisError."""
        slots, info = await self.connections.call([("CLUSTER", "SLOTS"), ("CLUSTER", "INFO")])
        for reply in (slots, info):
            if isinstance(reply, ResponseError):
                raise reply
        state = dict(line.split(b":", 1) for line in info.split())
        rank = (state[b"cluster_state"] == b"ok", int(state[b"cluster_current_epoch"]))
        return _View(rank, [(first, last, [self._told(*node) for node in nodes]) for first, last, *nodes in slots])

    def _told(self, host: bytes | None, port: int, *_: object) -> Endpoint:
        """A node in the answer to CLUSTER SLOTS. Without a name it is where this one is."""
        return (host or b"").decode() or self._host, port


class _Nowhere:
    """Stands for the node of slots that no node has, as far as we know: at the start, and in a fault."""

    name = "slots without a node"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def call(self, keys: Sequence[str], commands: Sequence[Command]) -> list[Any]:
        return await self._cluster.deliver([*(("GET", key) for key in keys), *commands])


def _key(command: Command) -> str:
    """The key of a command. All keys of a script are in one slot."""
    return str(command[3] if command[0] in ("EVALSHA", "EVAL") else command[1])


def _endpoint(url: str) -> Endpoint:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _DEFAULT_PORT


def _with_endpoint(url: str, endpoint: Endpoint) -> str:
    """The URL of another node, with the same credentials."""
    parts = urlsplit(url)
    host, port = endpoint
    credentials, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{credentials}{at}{f'[{host}]' if ':' in host else host}:{port}").geturl()
