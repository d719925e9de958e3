"""The command: choose scenarios, play each on an installation of its own, report."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import pymysql
import typer
from redis import RedisError
from rich.console import Console

from conf.settings import ROOT
from scripts.chaos_testing.installation import installation
from scripts.chaos_testing.judgement import Outcome
from scripts.chaos_testing.report import as_markdown, details, table
from scripts.chaos_testing.running import Plan, Scenario
from scripts.chaos_testing.scenarios import SCENARIOS
from scripts.stores.folders import fresh_folder
from scripts.stores.private_servers import ServerError, may_mount
from scripts.stores.processes import Pause, Signals, Stopped

FOLDER = ROOT / "var" / "chaos"
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog="Exit code 0: every promise is kept; 1: one is broken, or a run failed; 2: wrong usage.")
def chaos(
    names: Annotated[list[str] | None, typer.Argument(help="Scenarios; all without one.", show_default=False)] = None,
    show: Annotated[bool, typer.Option("--list", help="List the scenarios, and do nothing.")] = False,
    users: Annotated[int, typer.Option(min=1, max=2000, help="Number of clients.")] = 100,
    runs: Annotated[int, typer.Option(min=1, help="How often each scenario is played.")] = 1,
    writes: Annotated[int, typer.Option(min=100, help="Callbacks and uploads of `once-each`.")] = 100_000,
    minutes: Annotated[float, typer.Option(min=0.5, help="Duration of `endurance`.")] = 20,
    markdown: Annotated[Path | None, typer.Option(help="Where to write the table.", show_default=False)] = None,
) -> None:
    """Break a server's stores and workers under load, on private stores, and check what it promises.

    docs/RELIABILITY.md has the promises.
    """
    if show:
        for scenario in SCENARIOS:
            console.print(f"{scenario.name:20} {scenario.title}")
        return
    chosen = _chosen(names or [scenario.name for scenario in SCENARIOS])
    plan = Plan(users=users, writes=writes, endurance_s=minutes * 60)
    signals, outcomes = Signals(), list[Outcome]()
    try:
        outcomes.extend(_play_all(chosen * runs, plan, signals.pause))
    except Stopped as stopped:
        raise typer.Exit(stopped.exit_code) from None
    except (ServerError, RuntimeError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    finally:  # an interrupted run tells what it has found
        console.print(table(outcomes))
        if markdown:
            markdown.write_text(as_markdown(outcomes))
    raise typer.Exit(int(any(outcome.broken for outcome in outcomes)))


def _chosen(names: Sequence[str]) -> list[Scenario]:
    known = {scenario.name: scenario for scenario in SCENARIOS}
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name}: there is no such scenario; --list lists them")
    return [known[name] for name in names]


def _play_all(scenarios: Sequence[Scenario], plan: Plan, pause: Pause) -> Iterator[Outcome]:
    for number, scenario in enumerate(scenarios, 1):
        with console.status(f"{number} of {len(scenarios)}: {scenario.title} …"):
            outcome = _play(scenario, plan, pause)
        console.print(details(outcome))
        yield outcome


def _play(scenario: Scenario, plan: Plan, pause: Pause) -> Outcome:
    """Play a scenario on an installation of its own. One that fails to be played is a broken promise."""
    if scenario.small_disk and not may_mount():
        return Outcome(scenario.name, note="not played: this user may not mount a small disk")
    with (
        fresh_folder(FOLDER) as folder,
        installation(
            folder,
            pause,
            scenario.options,
            below_supervisor=scenario.supervised,
            small_disk=scenario.small_disk,
        ) as whole,
    ):
        try:
            return scenario.play(whole, plan, pause)
        except (RuntimeError, OSError, pymysql.MySQLError, RedisError) as error:
            return Outcome(scenario.name, broken=[f"it could not be played: {error!r}"])


if __name__ == "__main__":
    app(prog_name="./scripts/chaos")
