"""Settings that have a notation of their own."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal, NamedTuple

from pydantic import PlainValidator
from pydantic_settings import NoDecode

_RATE = re.compile(r"([1-9][0-9]{0,8}) per (?:([1-9][0-9]{0,5}) )?(second|minute|hour|day)s?")
_SECONDS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
_MAX_SECONDS = 30 * 86400


class Rate(NamedTuple):
    """So many uses in so many seconds."""

    uses: int
    seconds: int

    @property
    def interval_ms(self) -> int:
        """The time in which one more use becomes free."""
        return self.seconds * 1000 // self.uses

    def __str__(self) -> str:
        unit = next(name for name, length in _SECONDS.items() if self.seconds % length == 0)
        number = self.seconds // _SECONDS[unit]
        return f"{self.uses} per {unit}" if number == 1 else f"{self.uses} per {number} {unit}s"


def _rate(value: object) -> Rate | None:
    if isinstance(value, Rate) or value is None or value == "":
        return value or None  # type: ignore[return-value]
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    rate = match and Rate(int(match[1]), int(match[2] or 1) * _SECONDS[match[3]])
    if not rate or not rate.interval_ms or rate.seconds > _MAX_SECONDS:
        raise ValueError(
            'takes a rate such as "10 per 5 minutes", of at most 1000 per second and 30 days, or nothing for no limit'
        )
    return rate


OptionalRate = Annotated[Rate | None, NoDecode, PlainValidator(_rate)]
"""A rate, written as "10 per 5 minutes", with seconds, minutes, hours or days. Empty: no limit."""


UNIX: Literal["unix"] = "unix"
Proxy = IPv4Network | IPv6Network | Literal["unix"]


def _proxies(value: object) -> tuple[Proxy, ...]:
    names = [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value
    try:
        if isinstance(names, list | tuple):
            return tuple(UNIX if name == UNIX else ip_network(name) for name in names)
    except ValueError:
        pass
    raise ValueError('takes addresses and networks such as 127.0.0.1 and 10.0.0.0/8, or "unix" for Unix sockets')


Proxies = Annotated[tuple[Proxy, ...], NoDecode, PlainValidator(_proxies)]
"""Proxies as a list, or as one text with commas between them."""
