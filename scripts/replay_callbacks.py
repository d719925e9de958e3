"""Delivers kept recording events whose user exists by now; the others stay."""

import asyncio
import sys
from collections.abc import Sequence

from conf import logs
from conf.settings import load
from handlers.schemas import recording_in
from models.database import DatabaseUnavailable
from services import open_services, wire


def main(argv: Sequence[str]) -> int:
    """Exit code 0 when every kept event has been looked at, 1 when the database does not answer."""
    settings = load(argv)
    logs.configure(settings.log)

    async def replay() -> tuple[int, int]:
        async with open_services(settings) as services:
            return await services.recordings.replay_undelivered(lambda body: recording_in(wire.decode(body.encode())))

    try:
        delivered, kept = asyncio.run(replay())
    except DatabaseUnavailable as error:
        print(f"{error}: {error.__cause__!r}" if error.__cause__ else error, file=sys.stderr)
        return 1
    print(f"delivered: {delivered}, still without a user: {kept}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
