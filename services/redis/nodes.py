"""The nodes of Redis: the interface that the client sees. There is one node, or those of a Redis Cluster."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from services.redis.connections import Command


class Node(Protocol):
    """A Redis that has a part of the keys."""

    name: str
    """The name in metrics, in the log and in /readyz."""

    async def call(self, keys: Sequence[str], commands: Sequence[Command]) -> list[Any]:
        """The values of keys, then the replies to commands: all travel together.

        An error that Redis replies is a value, and a future stands for a reply that another node has to give. Raises
        TimeoutError, and RedisError when the connection fails: then some of the commands may have run.
        """


class Nodes(Protocol):
    """Everything that can store a key."""

    def of(self, key: str) -> Node:
        """The node that has a key."""

    async def all(self) -> Collection[Node]:
        """Every node that `of` can return now."""

    async def close(self) -> None:
        """Close every connection."""
