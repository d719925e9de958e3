"""Which new connections the process has room for."""

import asyncio
import resource
from collections import Counter
from functools import lru_cache

import structlog

from conf.settings import Http
from handlers.transport.proxies import TrustedProxies
from services.limits import network_of
from services.metrics.catalogue import NO_ROOM
from services.metrics.families import Counter as Total

log = structlog.get_logger()

_RESERVED_FILES = 100  # for the stores, the log and /metrics
_REPORT_INTERVAL_S = 1


class Admission:
    """Counts the connections of clients, and refuses those over a limit before any work is done for them."""

    def __init__(self, http: Http, proxies: TrustedProxies | None, refused: Total) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        # The kernel gives the lowest free number to a new descriptor: below a high one, all others are in use.
        self._end_of_descriptors = max(soft - _RESERVED_FILES, soft // 2)
        self._max_connections = http.max_connections
        self._max_per_client = http.max_connections_per_address
        self._proxies = proxies
        self._clients: dict[object, str] = {}
        self._by_client: Counter[str] = Counter()
        self._refused = refused
        self._unreported: Counter[str] = Counter()

    def admit(self, holder: object, descriptor: int, address: str) -> bool:
        """Count a new connection until its holder is released; False when there is no room for it."""
        client = _client(address, self._proxies)
        if reason := self._no_room(descriptor, client):
            self._refuse(reason)
            return False
        self._clients[holder] = client
        self._by_client[client] += 1
        return True

    def release(self, holder: object) -> None:
        """The connection has ended. A second call does nothing."""
        client = self._clients.pop(holder, None)
        if client is None:
            return
        self._by_client[client] -= 1
        if not self._by_client[client]:
            del self._by_client[client]

    def _no_room(self, descriptor: int, client: str) -> str:
        """The limit that a new connection is over, one of NO_ROOM, or ""."""
        if descriptor >= self._end_of_descriptors:
            return "descriptors"
        if self._max_connections and len(self._clients) >= self._max_connections:
            return "max_connections"
        if client and self._max_per_client and self._by_client[client] >= self._max_per_client:
            return "max_connections_per_address"
        return ""

    def _refuse(self, reason: str) -> None:
        self._refused[reason] += 1
        if not self._unreported:
            asyncio.get_running_loop().call_later(_REPORT_INTERVAL_S, self._report)
        self._unreported[reason] += 1

    def _report(self) -> None:
        """One line for all refusals of a second: a flood of connections must not become one of lines."""
        log.warning("connections refused", **{reason: self._unreported[reason] for reason in NO_ROOM})
        self._unreported.clear()


@lru_cache(maxsize=4096)
def _client(address: str, proxies: TrustedProxies | None) -> str:
    """The network of a client. It is "" for a proxy and for this machine: they may hold any number of connections."""
    network = network_of(address)
    is_own = network.startswith("127.") or address == "::1"
    return "" if is_own or (proxies is not None and address in proxies) else network
