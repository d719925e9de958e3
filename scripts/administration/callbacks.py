"""`./scripts/admin replay-callbacks`."""

import asyncio

from conf import logs
from conf.settings import Settings, load
from handlers.schemas import recording_in
from services import json, open_services


def replay_callbacks() -> None:
    """Deliver the recordings that came before their users existed.

    A recording whose user still does not exist stays for the next time.
    """
    settings = load()
    logs.configure(settings.log)
    delivered, kept = asyncio.run(_replay(settings))
    print(f"delivered: {delivered}, still without a user: {kept}")


async def _replay(settings: Settings) -> tuple[int, int]:
    async with open_services(settings) as services:
        return await services.recordings.replay_undelivered(lambda body: recording_in(json.loads(body.encode())))
