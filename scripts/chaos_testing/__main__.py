"""The command: choose scenarios, play each on an installation of its own, report."""

from typing import Annotated

import pymysql
import typer
from redis import RedisError

from conf.settings import ROOT
from scripts.chaos_testing.command import EPILOG, Markdown, Names, Runs, Show, choose, play_all, show_all
from scripts.chaos_testing.installation import installation
from scripts.chaos_testing.judgement import Outcome
from scripts.chaos_testing.running import Plan, Scenario
from scripts.chaos_testing.scenarios import SCENARIOS
from scripts.stores.folders import fresh_folder
from scripts.stores.private_servers import may_mount
from scripts.stores.processes import Pause, Signals

FOLDER = ROOT / "var" / "chaos"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog=EPILOG)
def chaos(
    names: Names = None,
    show: Show = False,
    users: Annotated[int, typer.Option(min=1, max=2000, help="Number of clients.")] = 100,
    runs: Runs = 1,
    writes: Annotated[int, typer.Option(min=100, help="Callbacks and uploads of `once-each`.")] = 100_000,
    minutes: Annotated[float, typer.Option(min=0.5, help="Duration of `endurance`.")] = 20,
    markdown: Markdown = None,
) -> None:
    """Break a server's stores and workers under load, on private stores, and check what it promises.

    docs/RELIABILITY.md has the promises.
    """
    if show:
        show_all(SCENARIOS)
        return
    chosen = choose(names, SCENARIOS)
    plan, pause = Plan(users=users, writes=writes, endurance_s=minutes * 60), Signals().pause
    play_all(chosen * runs, lambda scenario: _play(scenario, plan, pause), markdown)


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
