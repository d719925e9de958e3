"""What every command needs: the services, a confirmation, and output for people and for programs."""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import structlog
import typer
from rich.console import Console
from rich.table import Table

from conf.cli import load
from conf.settings import Settings
from services import Services, open_services
from services.tencent.signatures import md5_hex

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for a confirmation.")]


class Refused(Exception):
    """The command is not carried out, for the reason that the exception says."""


def group(help_text: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(help=help_text, no_args_is_help=True)


def run(work: Callable[[Services], Awaitable[T]], settings: Settings | None = None) -> T:
    """Do the work with the services of the settings. The log goes to standard error, warnings and worse."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return asyncio.run(_run(work, settings or load()))


async def _run(work: Callable[[Services], Awaitable[T]], settings: Settings) -> T:
    async with open_services(settings) as services:
        return await work(services)


def confirm(question: str, *, yes: bool) -> None:
    """Return when the operator agrees. Raises Refused when the answer is no, or nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("nobody can confirm this: standard input is no terminal. Add --yes.")
    # Not typer's: it writes a part of the question to standard output, where the JSON goes.
    print(f"{question} [y/N]: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("not confirmed: nothing has changed")


def read_password(userid: str, *, raw: bool) -> str:
    """The password as a client sends it, asked for or read from standard input.

    A `raw` one is what a client sends; otherwise it is what the user types into the app.
    """
    password = read_secret("password", twice=True)
    return password if raw else app_password(userid, password)


def read_secret(name: str, *, twice: bool = False) -> str:
    """A text that no list of processes may show: asked for, unseen, or read as the next line of standard input.

    Raises Refused when there is none. With `twice` it is asked for until both answers agree.
    """
    if sys.stdin.isatty():
        return str(typer.prompt(f"The {name}", hide_input=True, confirmation_prompt=twice, err=True))
    text = sys.stdin.buffer.readline().decode().rstrip("\r\n")  # bytes of something else may follow
    if not text:
        raise Refused(f"the {name} is empty")
    return text


def app_password(userid: str, password: str) -> str:
    """What the apps send of a password (protocol, section 1)."""
    return md5_hex(f"{md5_hex(password.encode())}{userid}".encode())


def report(result: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print what a command has done."""
    print(to_json(result) if as_json else text)


def show(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one record: a line for each field, whatever the width of the terminal, so that values can be copied."""
    if as_json:
        print(to_json(record))
        return
    width = max(len(name) for name in record)
    console = Console(highlight=False, markup=False)
    for name, value in record.items():
        console.print(f"{name:{width}}  {_text(value)}", soft_wrap=True)


def show_list(records: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print records: all fields as JSON, or some columns of a table."""
    if as_json:
        print(to_json(records))
        return
    table = Table(box=None)
    for name in columns:
        table.add_column(name, overflow="fold")
    for record in records:
        table.add_row(*(_text(record[name]) for name in columns))
    Console(highlight=False, markup=False).print(table)


def to_json(value: object) -> str:
    """One JSON document. Times are ISO 8601 in UTC, as the stores have them."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=_iso)


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return _iso(value)
    return str(value)


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + "Z"
    raise TypeError(type(value).__name__)
