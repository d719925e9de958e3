"""The client of a request that came through proxies (decisions, section 13)."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from conf.values import UNIX, Proxy


class TrustedProxies:
    """The proxies whose headers are believed."""

    def __init__(self, proxies: Sequence[Proxy]) -> None:
        self._networks = [proxy for proxy in proxies if proxy != UNIX]
        self._trusts_unix = UNIX in proxies

    def __contains__(self, peer: str) -> bool:
        """True for the address of a trusted proxy. A peer at a Unix socket has none."""
        address = _parsed(peer)
        return self._trusts_unix if address is None else self._trusts(address)

    def nearest_stranger(self, addresses: str) -> str | None:
        """The right-most of addresses that is no trusted proxy: each proxy appends the address that it has seen.

        None when there is none, or when something else than an address comes first.
        """
        for text in reversed(addresses.split(",")):
            address = _parsed(text.strip())
            if address is None:
                return None
            if not self._trusts(address):
                return str(address)
        return None

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


@lru_cache(maxsize=1024)
def is_trusted(proxies: TrustedProxies, peer: str) -> bool:
    """True when the headers of the peer are believed."""
    return peer in proxies


@lru_cache(maxsize=1024)
def client_address(proxies: TrustedProxies, peer: str, forwarded_for: str, real_ip: str) -> str:
    """The address of the client of a trusted peer. When the headers name two clients, one is forged: the peer's own."""
    named = {proxies.nearest_stranger(addresses) for addresses in (forwarded_for, real_ip)} - {None}
    return named.pop() or peer if len(named) == 1 else peer


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    if address.scope_id is not None:  # it has a meaning on one machine alone
        return None
    return address.ipv4_mapped or address
