"""`./scripts/admin import-official`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from conf.cli import load
from conf.settings import mysql_arguments
from models.official import OfficialDatabase
from scripts.administration.command import Json, run, to_json
from services import Services
from services.official.importer import OnProgress
from services.official.report import Report, TableReport


def _source(url: str) -> dict[str, Any]:
    try:
        return mysql_arguments(url)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def import_official(
    source: Annotated[
        dict[str, Any],
        typer.Option(
            "--from",
            envvar="OFFICIAL_MYSQL_URL",
            show_envvar=True,
            parser=_source,
            metavar="URL",
            help="mysql://user:password@host:port/database of the official server. "
            "The variable keeps the password out of `ps`.",
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, and report what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Import users, rooms, replays and short videos from the database of an official server, PHP or Node.

    It reads the source in one snapshot and writes nothing into it. Repeat it as often as you like, also after an
    interruption: it brings what is new, and leaves alone what was imported before.
    """
    settings = load()
    timezone = ZoneInfo(settings.timezone)  # both servers answer in it

    async def work(services: Services) -> Report:
        async with OfficialDatabase.open(source, timezone) as official:
            with _progress_bars() as progress:
                return await services.official_import.run(official, dry_run=dry_run, on_progress=progress)

    report = run(work, settings)
    if as_json:
        print(to_json(report.as_dict()))
    else:
        _print(report)


@contextmanager
def _progress_bars() -> Iterator[OnProgress]:
    """A bar for each table, on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bars:
        tasks = {}

        def show(table: str, done: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = bars.add_task(table)
            bars.update(tasks[table], completed=done, total=max(done, total))

        yield show


def _print(report: Report) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{report.source}: {'dry run, nothing was written' if report.dry_run else 'imported'}")
    for name, table in report.tables.items():
        console.print(f"\n{name}", style="bold")
        for line in _lines(table):
            console.print(f"  {line}")


def _lines(table: TableReport) -> Iterator[str]:
    if not table.present:
        yield "not in the source"
        return
    counts = {
        "read": table.read,
        "imported": table.imported,
        "imported before": table.imported_before,
        "completed by an address": table.completed,
        "skipped": table.skipped.total(),
    }
    yield ", ".join(f"{count:,} {what}" for what, count in counts.items() if count or what in ("read", "imported"))
    yield from table.warnings
    for what, counter in (("skipped", table.skipped), ("changed", table.changed)):
        for reason, count in counter.most_common():
            examples = ", ".join(table.examples[reason])
            more = ", …" if count > len(table.examples[reason]) else ""
            yield f"{what} {count:,}: {reason} ({examples}{more})"
