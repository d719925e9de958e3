"""Six Redis servers with the shipped conf/redis-cluster.conf: three primaries, and a replica of each."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis, RedisError

from scripts.clustering.networks import Machine
from scripts.clustering.programs import Program
from scripts.stores.private_servers import find_program
from scripts.stores.processes import Child, Pause, child, wait_for_end, without_settings
from scripts.stores.supervised import adapted

PORT = 6379
NODE_TIMEOUT_S = 2
"""cluster-node-timeout of the shipped file."""
_BAD = {"fail", "fail?", "handshake", "noaddr"}


class RedisNode(Program):
    """A node."""

    def __init__(self, name: str, machine: Machine, folder: Path, password: str, pause: Pause) -> None:
        self.address = f"{machine.address}:{PORT}"
        self.folder = folder
        self.password = password
        super().__init__(name, machine, _command(folder, machine, password), folder / "log", self.answers, pause)

    def client(self) -> "Redis":
        """A client of this node alone."""
        return Redis(self.machine.address, PORT, password=self.password, socket_timeout=2, socket_connect_timeout=2)

    def answers(self) -> bool:
        """True when it answers a PING."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False

    def members(self) -> dict[str, dict[str, Any]]:
        """All nodes by their addresses, as this one sees them (CLUSTER NODES)."""
        with self.client() as client:
            members: dict[str, dict[str, Any]] = client.execute_command("CLUSTER NODES")
            return members

    @property
    def id(self) -> str:
        """Its name in the cluster."""
        return str(self.members()[self.address]["node_id"])

    def reply(self, *command: str) -> str:
        """Its reply to a command that is given on its own machine, which may be cut off."""
        program = [*self.machine.prefix, find_program("redis-cli"), "-h", self.machine.address, *command]
        env = {**without_settings(), "REDISCLI_AUTH": self.password}
        return subprocess.run(program, check=False, capture_output=True, text=True, env=env, timeout=5).stdout.strip()

    def is_ok(self) -> bool:
        """True when it sees enough of the cluster to serve (CLUSTER INFO)."""
        with self.client() as client:
            return bool(client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")

    def is_whole(self) -> bool:
        """True when it sees all nodes well, and is a replica that has caught up, or a primary that has one."""
        try:
            is_ok, members = self.is_ok(), self.members().values()
            with self.client() as client:
                replication = client.info("replication")
        except RedisError:
            return False
        if not is_ok or any(_BAD & set(member["flags"].split(",")) for member in members):
            return False
        if replication["role"] == "slave":
            return bool(replication["master_link_status"] == "up")
        return bool(replication["connected_slaves"])


@contextmanager
def cli(node: RedisNode, *arguments: str) -> Iterator[Child]:
    """A `redis-cli --cluster` that runs. It ends with the block at the latest."""
    command = [find_program("redis-cli"), "--cluster", *arguments, "--cluster-yes"]
    env = {**without_settings(), "REDISCLI_AUTH": node.password}
    with (node.folder / "redis-cli.log").open("ab") as output, child(command, env=env, output=output) as process:
        yield process


def run_cli(node: RedisNode, *arguments: str) -> None:
    """Run a `redis-cli --cluster` to its end. Raises RuntimeError when it fails."""
    with cli(node, *arguments) as process:
        code = wait_for_end(process, node.pause)
    if code:
        lines = (node.folder / "redis-cli.log").read_text().splitlines()[-3:]
        raise RuntimeError(f"redis-cli --cluster {arguments[0]}: {' '.join(lines)}")


def start(nodes: Sequence[RedisNode]) -> None:
    """Start the nodes. `create` makes a cluster of them."""
    for node in nodes:
        node.begin()
    for node in nodes:
        node.wait()


@contextmanager
def creation(nodes: Sequence[RedisNode]) -> Iterator[Child]:
    """A command that makes a cluster of nodes, which takes seconds."""
    with cli(nodes[0], "create", *(node.address for node in nodes), "--cluster-replicas", "1") as process:
        yield process


def _command(folder: Path, machine: Machine, password: str) -> list[str | Path]:
    """The command of a node, whose folder this makes."""
    (folder / "data").mkdir(parents=True)
    text = adapted(
        "redis-cluster.conf",
        {
            "bind 10.0.0.31": f"bind {machine.address}",
            "cluster-announce-ip 10.0.0.31": f"cluster-announce-ip {machine.address}",
            "requirepass PASSWORD": f"requirepass {password}",
            "masterauth PASSWORD": f"masterauth {password}",
            "dir /var/lib/redis": f"dir {folder / 'data'}",
        },
    )
    (folder / "redis.conf").write_text(text)
    return [find_program("redis-server"), folder / "redis.conf"]
