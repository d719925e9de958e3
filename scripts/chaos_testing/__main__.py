"""The command: choose faults, run each on an installation of its own, report."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated

import typer
from rich.console import Console

from conf.settings import ROOT
from scripts.chaos_testing.faults import FAULTS, Fault
from scripts.chaos_testing.installation import installation
from scripts.chaos_testing.judgement import Outcome
from scripts.chaos_testing.report import details, table
from scripts.chaos_testing.running import Plan, run
from scripts.stores.private_servers import ServerError
from scripts.stores.processes import Pause, Signals, Stopped

FOLDER = ROOT / "var" / "chaos"
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog="Exit code 0: every promise is kept; 1: one is broken, or a run failed; 2: wrong usage.")
def chaos(
    names: Annotated[list[str] | None, typer.Argument(help="Faults; all without one.", show_default=False)] = None,
    show: Annotated[bool, typer.Option("--list", help="List the faults, and do nothing.")] = False,
    users: Annotated[int, typer.Option(min=1, max=2000, help="Number of clients.")] = 100,
    runs: Annotated[int, typer.Option(min=1, help="How often each fault is run.")] = 1,
) -> None:
    """Break a server's stores and workers under load, on private stores, and check what it promises.

    docs/RELIABILITY.md has the promises.
    """
    if show:
        for fault in FAULTS:
            console.print(f"{fault.name:20} {fault.title}")
        return
    chosen = _chosen(names or [fault.name for fault in FAULTS])
    signals = Signals()
    try:
        outcomes = list(_run_all(chosen * runs, Plan(users=users), signals.pause))
    except Stopped as stopped:
        raise typer.Exit(stopped.exit_code) from None
    except (ServerError, RuntimeError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    console.print(table(outcomes))
    raise typer.Exit(int(any(outcome.broken for outcome in outcomes)))


def _chosen(names: Sequence[str]) -> list[Fault]:
    known = {fault.name: fault for fault in FAULTS}
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name}: there is no such fault; --list lists them")
    return [known[name] for name in names]


def _run_all(faults: Sequence[Fault], plan: Plan, pause: Pause) -> Iterator[Outcome]:
    for number, fault in enumerate(faults, 1):
        users = [f"chaos{each}" for each in range(plan.users)]
        with (
            console.status(f"{number} of {len(faults)}: {fault.title} …"),
            _folder() as folder,
            installation(folder, pause) as whole,
        ):
            outcome = run(whole, fault, plan, users, pause)
        console.print(details(outcome))
        yield outcome


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for one fault, which goes with it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(dir=FOLDER))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    app(prog_name="./scripts/chaos")
