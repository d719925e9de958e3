"""The command: start a server, or take the one that is named, send the cases, report."""

import random
import secrets
import shutil
import ssl
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated
from urllib.parse import urlsplit

import typer
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import seed as seeded
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import Flaky, HypothesisWarning
from hypothesis.stateful import run_state_machine_as_test
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from conf.settings import ROOT, Limits
from models.migrate import migrate
from scripts.benchmark.servers import HIGH_LIMITS, real_server
from scripts.fuzzing.exchange import Address
from scripts.fuzzing.target import Breakdown, Target, Violation
from scripts.fuzzing.visit import Visit
from scripts.fuzzing.witness import Witness
from scripts.stores.private_servers import ServerError, private_servers
from scripts.stores.processes import Signals, Stopped

FOLDER = ROOT / "var" / "fuzz"
_STEPS = 20  # rules of a visit
_SHOWN = 2000  # characters of a case
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
    seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    console.print(f"seed {seed}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="run-", dir=FOLDER))
    try:
        with progress(cases) as on_case, target_of(url, ca, callback_key, folder, on_case) as target:
            kept = run(target, cases, seed)
            if not kept:
                keep_log(folder, seed)
    except Stopped as stopped:
        raise typer.Exit(stopped.exit_code) from None
    except (ServerError, RuntimeError, OSError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(not kept)


@contextmanager
def progress(cases: int) -> Iterator[Callable[[], None]]:
    """A progress bar that disappears at its end; a function that advances it."""
    columns = (TextColumn("cases"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
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


def run(target: Target, cases: int, first_seed: int) -> bool:
    """Send the cases and report. True when every promise is kept."""
    warnings.filterwarnings("ignore", message="Generating overly large repr", category=HypothesisWarning)
    rounds = 0
    try:
        while target.cases < cases:
            visits = 1 + (cases - target.cases) // (2 * _STEPS)  # some steps are two cases
            visit = type("Visit", (Visit,), {"target": target})
            run_state_machine_as_test(seeded(first_seed + rounds)(visit), settings=limits(visits))
            rounds += 1
        target.judge_end()
    except (Violation, Breakdown):
        report_violation(target, first_seed, cases)
        return False
    except Flaky:
        if not target.failure:
            raise
        console.print("It happened once, and not when the cases were repeated.")
        report_violation(target, first_seed, cases)
        return False
    report(target)
    return True


def keep_log(folder: Path, first_seed: int) -> None:
    """Keep the log of a server of our own beside the cases."""
    with suppress(FileNotFoundError):
        shutil.copy(folder / "server.log", FOLDER / f"violation-{first_seed}.log")


def limits(visits: int) -> settings:
    """The settings of Hypothesis for so many visits."""
    return settings(
        max_examples=visits,
        stateful_step_count=_STEPS,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.reuse, Phase.generate, Phase.shrink],
        database=DirectoryBasedExampleDatabase(FOLDER / "examples"),
        verbosity=Verbosity.quiet,
    )


def report_violation(target: Target, first_seed: int, cases: int) -> None:
    """Print the cases that break a promise."""
    whole = FOLDER / f"violation-{first_seed}.txt"
    whole.write_text("\n".join([*target.failing_steps, target.failure, ""]))
    console.print(f"The cases, in their order (whole in {whole}):")
    for step in target.failing_steps:
        console.print(f"  {step if len(step) < _SHOWN else step[:_SHOWN] + ' …'}", markup=False, soft_wrap=True)
    console.print(target.failure, style="red", markup=False, soft_wrap=True)
    console.print(
        f"Again: ./scripts/fuzz, which tries these first, or ./scripts/fuzz --seed {first_seed} --cases {cases}"
    )


def report(target: Target) -> None:
    """Print the answers by their kind."""
    table = Table("status code", "answers")
    for kind, count in target.answers.most_common():
        table.add_row(kind, f"{count:,}")
    console.print(table)
    console.print(f"{target.cases:,} cases, the longest {target.longest_s:.2f} s, {target.summary()}")
    console.print("every promise is kept", style="green")


if __name__ == "__main__":
    app(prog_name="./scripts/fuzz")
