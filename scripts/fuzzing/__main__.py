"""The command: start a server, or take the one that is named, send the cases, report."""

import random
import secrets
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.progress import TimeRemainingColumn

from conf.settings import ROOT, Limits
from models.migrate import migrate
from scripts import terminal
from scripts.benchmark.servers import HIGH_LIMITS, real_server
from scripts.fuzzing.exchange import Address
from scripts.fuzzing.target import Target
from scripts.fuzzing.witness import Witness
from scripts.stores.folders import fresh_folder
from scripts.stores.private_servers import ServerError, private_servers
from scripts.stores.processes import Signals, Stopped

FOLDER = ROOT / "var" / "fuzz"
_CHEAP_HASHES = ["--password.time_cost", "1", "--password.memory_kib", "64"]
# The limits count, and are not reached, although all cases come from one address. HIGH_LIMITS has the others.
_LIMITS = [f"--limits.{name}" for name in Limits.model_fields if name != "without_redis"]
_HIGH_RATES = [text for limit in _LIMITS if limit not in HIGH_LIMITS for text in (limit, "86400000 per day")]
_OWN_SECRETS = (
    *("password.remember_key", "live.callback_key", "live.api_key", "im.secret_key"),
    *("cos.secret_id", "cos.secret_key", "vod.secret_id", "vod.secret_key"),
)
console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog="Exit code 0: every promise is kept; 1: one is broken, and the cases that break it are printed.")
def fuzz(
    url: Annotated[
        str | None, typer.Argument(help="A server, which may not serve anybody else. Without it: one of its own")
    ] = None,
    cases: Annotated[int, typer.Option(min=1, help="Requests to send")] = 20_000,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed makes the same cases", show_default="a new one")
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The certificate (PEM) to trust, such as var/tls/ca.pem"),
    ] = None,
    callback_key: Annotated[
        str, typer.Option(help="live.callback_key of a named server. Without it no event is signed rightly")
    ] = "",
) -> None:
    """Send made-up requests to a server, and judge what it does.

    Users register, log in and call interfaces in any order, as the API description says and against it. Strangers try
    the same. Bytes that are nearly HTTP come from both.

    Of any server this is a fault: an HTTP status of 5xx but 503, no answer within 5 s, an answer without an envelope,
    or one to a caller that has not proved who it is. Of a server of its own also: an error or a traceback in the log,
    a secret in the log, a worker that has ended, and a row that a refused request has changed.

    A case that breaks a promise is cut down to the least that breaks it, and kept in var/fuzz: the next run tries it
    first.
    """
    from scripts.fuzzing.campaign import keep_log, run  # without Schemathesis there is still a help

    seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    console.print(f"seed {seed}")
    try:
        with (
            fresh_folder(FOLDER) as folder,
            progress(cases) as on_case,
            target_of(url, ca, callback_key, folder, on_case) as target,
        ):
            kept = run(target, cases, seed, FOLDER, console)
            if not kept:
                keep_log(folder, FOLDER, seed)
    except Stopped as stopped:
        raise typer.Exit(stopped.exit_code) from None
    except (ServerError, RuntimeError, OSError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    raise typer.Exit(not kept)


@contextmanager
def progress(cases: int) -> Iterator[Callable[[], None]]:
    """A progress bar that disappears at its end; a function that advances it."""
    with terminal.progress(console, TimeRemainingColumn()) as bar:
        task = bar.add_task("cases", total=cases)
        yield lambda: bar.advance(task)


@contextmanager
def target_of(
    url: str | None, ca: Path | None, callback_key: str, folder: Path, on_case: Callable[[], None]
) -> Iterator[Target]:
    """The named server, or one of our own on private stores, which is also watched from inside."""
    signals = Signals()

    def advance() -> None:
        on_case()
        signals.pause(0)

    if url is not None:
        yield Target(address_of(url, ca), callback_key=callback_key, witness=None, on_case=advance)
        return
    keys = {name: secrets.token_hex(16) for name in _OWN_SECRETS}
    options = [text for name, key in keys.items() for text in (f"--{name}", key)]
    options += ["--compat.short_video", "true", "--log.level", "debug", "--http.tls_port", "0", *_CHEAP_HASHES]
    options += _HIGH_RATES
    with private_servers(folder, durable=False, pause=signals.pause) as urls:
        migrate(urls.mysql)
        with real_server(urls, folder, options, signals.pause) as server:
            witness = Witness(server, urls)
            address = Address("127.0.0.1", server.port)
            target = Target(address, callback_key=keys["live.callback_key"], witness=witness, on_case=advance)
            target.secrets.add(*keys.values())
            yield target
            target.close()
            witness.close()


def address_of(url: str, ca: Path | None) -> Address:
    """Where a URL leads."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise typer.BadParameter("a URL begins with http:// or https://")
    context = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
    return Address(parts.hostname, parts.port or (443 if context else 80), context)


if __name__ == "__main__":
    app(prog_name="./scripts/fuzz")
