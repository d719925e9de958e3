"""`./scripts/admin replay-callbacks`."""

import asyncio

from conf import logs
from conf.cli import load
from conf.settings import Settings
from services import open_services


def replay_callbacks() -> None:
    """Deliver the kept recording events again: their users may exist by now.

    An event that still cannot be used stays kept.
    """
    settings = load()
    logs.configure(settings.log)
    delivered, kept = asyncio.run(_replay(settings))
    print(f"delivered: {delivered}, still kept: {kept}")


async def _replay(settings: Settings) -> tuple[int, int]:
    async with open_services(settings) as services:
        return await services.recordings.replay_undelivered()
