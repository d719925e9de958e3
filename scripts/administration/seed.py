"""`./scripts/admin seed`."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress

from conf.cli import load
from conf.settings import Cos
from scripts.administration.command import Json, Refused, report, run
from scripts.administration.demo_data import PASSWORD, broadcast, user, video
from services import Services

T = TypeVar("T")

_BATCH = 200
_Count = typer.Option(min=1, max=99_999)
_CountOrNone = typer.Option(min=0, max=10_000_000)


def seed(
    users: Annotated[int, _Count] = 1000,
    broadcasts: Annotated[int, _CountOrNone] = 2000,
    videos: Annotated[int, _CountOrNone] = 2000,
    force: Annotated[bool, typer.Option("--force", help="Also in production.")] = False,
    as_json: Json = False,
) -> None:
    """Add made-up users, broadcasts and short videos, the same ones at every run. What is there stays as it is.

    The numbers are totals. A broadcast has room information and a replay, of a day of the last two months.
    """
    settings = load()
    if settings.environment == "production" and not force:
        raise Refused("this is production, where made-up users can log in with a known password; --force adds them")
    added = run(lambda services: _seed(services, settings.cos, users, broadcasts, videos), settings)
    text = ", ".join(f"{rows} {name}" for name, rows in added.items())
    report({"added": added}, f"added: {text}\nlog in as demo00001, password {PASSWORD}", as_json=as_json)


async def _seed(services: Services, cos: Cos, users: int, broadcasts: int, videos: int) -> dict[str, int]:
    now = datetime.now(UTC).replace(tzinfo=None)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        return {
            "users": await _add(progress, "users", users, partial(user, now=now, cos=cos), services.seeding.users),
            "broadcasts": await _add(
                progress,
                "broadcasts",
                broadcasts,
                partial(broadcast, users=users, now=now, cos=cos),
                services.seeding.broadcasts,
            ),
            "videos": await _add(
                progress, "videos", videos, partial(video, users=users, now=now, cos=cos), services.seeding.videos
            ),
        }


async def _add(
    progress: Progress,
    name: str,
    total: int,
    make: Callable[[int], T],
    insert: Callable[[Sequence[T]], Awaitable[int]],
) -> int:
    """Insert the rows 1 to `total` in batches. Returns how many are new."""
    task = progress.add_task(name, total=total)
    added = 0
    for first in range(1, total + 1, _BATCH):
        rows = [make(number) for number in range(first, min(first + _BATCH, total + 1))]
        added += await insert(rows)
        progress.advance(task, len(rows))
    return added
