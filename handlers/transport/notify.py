"""Reports the state of a worker to whoever started it, by sd_notify(3).

systemd listens on the socket that NOTIFY_SOCKET names. Under supervisor `./scripts/rolling_restart` does.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from socket import AF_UNIX, SOCK_DGRAM, socket

from services.background import meanwhile

SERVING = "STATUS=serving"
_RETRY_S = 1

Problems = Callable[[], Awaitable[list[str]]]


def has_watchdog() -> bool:
    """True when systemd replaces this process if it hangs (`WatchdogSec`, sd_watchdog_enabled(3))."""
    return "WATCHDOG_USEC" in os.environ


@asynccontextmanager
async def reporting(problems: Problems) -> AsyncIterator[None]:
    """Report that the worker accepts connections, then that it can serve, then that it stops.

    `problems` names the stores that it cannot serve without, and logs why. It runs once, and every second while there
    are some, even when nobody asks for reports: the log has to say at the start what is wrong.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    address = "\0" + address[1:] if address.startswith("@") else address  # abstract
    _send(address, "READY=1")
    try:
        async with meanwhile(_report_serving(address, problems), _report_life(address)):
            yield
    finally:
        _send(address, "STOPPING=1\nSTATUS=stopping")


async def _report_serving(address: str, problems: Problems) -> None:
    while stores := await problems():
        _send(address, f"STATUS=not ready: {', '.join(stores)}")
        await asyncio.sleep(_RETRY_S)
    _send(address, SERVING)


async def _report_life(address: str) -> None:
    """Report twice in each period of systemd's watchdog. It replaces a worker whose event loop hangs."""
    period_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1_000_000
    while period_s:
        _send(address, "WATCHDOG=1")
        await asyncio.sleep(period_s / 2)


def _send(address: str, state: str) -> None:
    """Send lines of `NAME=value`. They are lost when nobody listens, or there is no address."""
    with suppress(OSError), socket(AF_UNIX, SOCK_DGRAM) as reports:  # also without a free descriptor
        reports.setblocking(False)
        reports.sendto(state.encode(), address)
