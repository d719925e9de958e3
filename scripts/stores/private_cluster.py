"""A private Redis Cluster on the loopback address: three primaries, with replicas or without.

    with private_redis_cluster(Path("var/cluster")) as cluster:
        ...  # cluster.url

It takes two to three seconds: a primary takes no writes in its first two.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any
from urllib.parse import quote

from redis import Redis
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from scripts.stores.ports import reserved_port
from scripts.stores.private_servers import REDIS_FAST, ServerError, find_program
from scripts.stores.processes import Child, Pause, child, has_ended

PRIMARIES = 3
SLOTS = 16384
START_TIMEOUT_S = 60
HOST = "127.0.0.1"


class Node:
    """A server of the cluster. `client` sends it commands."""

    def __init__(self, port: int, process: Child, log: Path, connect: Mapping[str, Any]) -> None:
        self.port = port
        self.process = process
        self.log = log
        self.password = connect.get("password")
        self.client = Redis(HOST, port, socket_timeout=5, **connect)

    @property
    def name(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def id(self) -> str:
        return str(self.run("CLUSTER MYID"))

    def run(self, command: str, *arguments: object) -> Any:
        """The reply to a command, text as str."""
        reply = self.client.execute_command(*command.split(), *arguments)  # type: ignore[no-untyped-call]
        return reply.decode() if isinstance(reply, bytes) else reply

    def slots(self) -> frozenset[int]:
        """The slots that this node serves as a primary."""
        mine = self.client.cluster("NODES")[self.name]
        return slots_of(mine) if "master" in mine["flags"] else frozenset()

    def knows(self, expected: Mapping[str, str]) -> bool:
        """True when CLUSTER INFO has these values."""
        return bool(self.client.cluster("INFO").items() >= expected.items())


def slots_of(member: Mapping[str, Any]) -> frozenset[int]:
    """The slots of a node in CLUSTER NODES, whose ranges redis-py gives as one or two texts."""
    return frozenset(each for first, *last in member["slots"] for each in range(int(first), int(*last or [first]) + 1))


class PrivateCluster:
    """A running cluster. The replica of `nodes[i]` is `nodes[i + 3]`."""

    def __init__(self, nodes: Sequence[Node], url: str) -> None:
        self.nodes = nodes
        self.url = url

    def primary(self, key: str) -> Node:
        """The node that has the slot of a key now."""
        slot = key_slot(key.encode())
        return next(node for node in self.nodes if not has_ended(node.process) and slot in node.slots())


def move_slot(slot: int, source: Node, target: Node) -> None:
    """Move a slot with its keys, as `redis-cli --cluster reshard` does."""
    begin_move(slot, source, target)
    while names := source.client.cluster("GETKEYSINSLOT", slot, 100):
        move_keys(source, target, *names)
    end_move(slot, source, target)


def begin_move(slot: int, source: Node, target: Node) -> None:
    """From now on the source sends those who ask for a missing key of the slot to the target."""
    target.run("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
    source.run("CLUSTER SETSLOT", slot, "MIGRATING", target.id)


def move_keys(source: Node, target: Node, *names: str | bytes) -> None:
    """Move keys of a slot that is on its way."""
    credentials = ("AUTH", source.password) if source.password else ()
    source.run("MIGRATE", HOST, target.port, "", 0, 5000, *credentials, "KEYS", *names)


def end_move(slot: int, source: Node, target: Node) -> None:
    """Give the slot to the target."""
    for node in (target, source):
        node.run("CLUSTER SETSLOT", slot, "NODE", target.id)


@contextmanager
def private_redis_cluster(
    folder: Path,
    *,
    replicas: bool = True,
    node_timeout_ms: int = 5000,
    options: Sequence[str] = (),
    scheme: str = "redis",
    connect: Mapping[str, Any] | None = None,
    pause: Pause = time.sleep,
) -> Iterator[PrivateCluster]:
    """A cluster. `options` are more ones of redis-server, and `connect` those of redis-py that fit them."""
    connect = connect or {}
    with ExitStack() as running:
        ports = [running.enter_context(reserved_port()) for _ in range(2 * PRIMARIES * (1 + replicas))]
        nodes = [
            running.enter_context(_node(folder / str(port), port, bus, scheme, connect, (*common, *options)))
            for port, bus in zip(ports[::2], ports[1::2], strict=True)
            for common in [("--cluster-node-timeout", str(node_timeout_ms))]
        ]
        _wait(nodes, lambda node: bool(node.client.ping()), pause)
        _join(nodes, dict(zip(ports[::2], ports[1::2], strict=True)), pause)
        password = f":{quote(connect['password'], safe='')}@" if "password" in connect else ""
        seeds = ",".join(node.name for node in nodes[:PRIMARIES])
        yield PrivateCluster(nodes, f"{scheme}+cluster://{password}{seeds}")


@contextmanager
def _node(
    folder: Path, port: int, bus: int, scheme: str, connect: Mapping[str, Any], options: Sequence[str]
) -> Iterator[Node]:
    """Start a server with no data."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    ports = ("--port", "0", "--tls-port", str(port)) if scheme == "rediss" else ("--port", str(port))
    command = [find_program("redis-server"), *ports, "--bind", HOST, "--cluster-enabled", "yes"]
    command += ["--cluster-port", str(bus), "--cluster-require-full-coverage", "no", "--dir", str(folder)]
    # A replica copies its primary at once, and may take over even if that copy is old.
    command += ["--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0"]
    command += [*REDIS_FAST[:-2], *options]  # a cluster has only one database
    log = folder / "log"
    with log.open("wb") as output, child(command, output=output, orphaned=SIGKILL, stop_timeout=5) as process:
        node = Node(port, process, log, {**connect, "ssl": scheme == "rediss"})
        try:
            yield node
        finally:
            node.client.close()
            process.kill()  # TERM would wait for replicas


def _join(nodes: Sequence[Node], buses: Mapping[int, int], pause: Pause) -> None:
    first, *others = nodes
    for epoch, node in enumerate(nodes, 1):
        node.run("CLUSTER SET-CONFIG-EPOCH", epoch)
    for number, node in enumerate(nodes[:PRIMARIES]):
        start, end = (-(-SLOTS * edge // PRIMARIES) for edge in (number, number + 1))
        node.run("CLUSTER ADDSLOTSRANGE", start, end - 1)
    for node in others:
        first.run("CLUSTER MEET", HOST, node.port, buses[node.port])
    for primary, replica in zip(nodes, nodes[PRIMARIES:], strict=False):
        _wait([replica], partial(_replicates, primary.id), pause)
    expected = {
        "cluster_state": "ok",
        "cluster_slots_ok": str(SLOTS),
        "cluster_known_nodes": str(len(nodes)),
        "cluster_size": str(PRIMARIES),
    }
    _wait(nodes, lambda node: node.knows(expected), pause)
    _wait(nodes[PRIMARIES:], lambda node: node.client.info("replication")["master_link_status"] == "up", pause)


def _replicates(primary: str, node: Node) -> bool:
    """Make the node a replica. It refuses until it has heard of the primary."""
    return bool(node.run("CLUSTER REPLICATE", primary))


def _wait(nodes: Sequence[Node], condition: Callable[[Node], bool], pause: Pause) -> None:
    """Wait until all nodes fulfil a condition."""
    deadline = time.monotonic() + START_TIMEOUT_S
    for node in nodes:
        while not _holds(node, condition):
            if has_ended(node.process) or time.monotonic() > deadline:
                raise ServerError(f"A cluster of Redis did not start: {node.log.read_text(errors='replace')[-2000:]}")
            pause(0.02)


def _holds(node: Node, condition: Callable[[Node], bool]) -> bool:
    with suppress(RedisConnectionError, ResponseError):
        return condition(node)
    return False
