"""The command: run a cluster, break one, or run the tests that need one."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import pymysql
import typer
from redis import RedisError
from rich.console import Console

from conf.settings import ROOT
from scripts.chaos_testing.judgement import Outcome
from scripts.chaos_testing.report import as_markdown, details, table
from scripts.clustering.cluster import Cluster, cluster
from scripts.clustering.faults import SCENARIOS
from scripts.clustering.networks import Network, loopback, may_unshare, namespaces, run_in_own_namespace
from scripts.clustering.running import Plan, Scenario
from scripts.stores.folders import fresh_folder
from scripts.stores.ports import reserved_port
from scripts.stores.private_servers import ServerError
from scripts.stores.processes import Pause, Signals, Stopped, child, wait_for_end, without_settings

FOLDER = ROOT / "var" / "cluster"
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Of HAProxy, at 127.0.0.1.")] = 8000,
    tls_port: Annotated[int, typer.Option(help="Of HAProxy, with TLS.")] = 8443,
) -> None:
    """Run three groups of apps behind HAProxy, three MariaDB with Galera and a Redis Cluster of six on this machine.

    Everything is new and empty, listens on loopback addresses only, and ends with Ctrl-C.
    """
    if context.invoked_subcommand is not None:
        return
    pause = Signals().pause
    with _ending(), fresh_folder(FOLDER) as folder, loopback() as network:
        with console.status("starting …"):
            starting = cluster(network, folder, (port, tls_port), pause)
            whole = starting.__enter__()
        try:
            _announce(whole)
            while True:
                pause(0.2)
        finally:
            starting.__exit__(None, None, None)


@app.command(epilog="Exit code 0: every promise is kept; 1: one is broken, or a run failed; 2: wrong usage.")
def chaos(
    names: Annotated[list[str] | None, typer.Argument(help="Scenarios; all without one.", show_default=False)] = None,
    show: Annotated[bool, typer.Option("--list", help="List the scenarios, and do nothing.")] = False,
    users: Annotated[int, typer.Option(min=3, max=600, help="Number of clients.")] = 60,
    runs: Annotated[int, typer.Option(min=1, help="How often each scenario is played.")] = 1,
    markdown: Annotated[Path | None, typer.Option(help="Where to write the table.", show_default=False)] = None,
    in_namespace: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Break the machines of a cluster under load, one after the other, and check what is promised of it.

    docs/SCALING.md has the promises. Each scenario gets a cluster of its own.
    """
    if show:
        for scenario in SCENARIOS:
            console.print(f"{scenario.name:24} {scenario.title}")
        return
    chosen = _chosen(names or [scenario.name for scenario in SCENARIOS])
    if not in_namespace and may_unshare():
        run_in_own_namespace("scripts.clustering", [*sys.argv[1:], "--in-namespace"])
    plan, pause, outcomes = Plan(users=users), Signals().pause, list[Outcome]()
    try:
        with _ending(), namespaces() if in_namespace else loopback() as network:
            outcomes.extend(_play_all(chosen * runs, network, plan, pause))
    finally:  # an interrupted run tells what it has found
        console.print(table(outcomes))
        if markdown:
            markdown.write_text(as_markdown(outcomes))
    raise typer.Exit(int(any(outcome.broken for outcome in outcomes)))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run the tests that need Galera or a whole cluster. Arguments go to pytest."""
    command = [sys.executable, "-m", "scripts.stores.run_tests", *(context.args or ["tests/cluster"])]
    pause = Signals().pause
    with _ending(), child(command, env=without_settings(), stop_with=signal.SIGINT) as tests:
        raise typer.Exit(wait_for_end(tests, pause))


@contextmanager
def _ending() -> Iterator[None]:
    """Ctrl-C and a start that fails become exit codes."""
    try:
        yield
    except Stopped as stopped:
        raise typer.Exit(stopped.exit_code) from None
    except (ServerError, RuntimeError, OSError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None


def _chosen(names: Sequence[str]) -> list[Scenario]:
    known = {scenario.name: scenario for scenario in SCENARIOS}
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name}: there is no such scenario; --list lists them")
    return [known[name] for name in names]


def _play_all(scenarios: Sequence[Scenario], network: Network, plan: Plan, pause: Pause) -> Iterator[Outcome]:
    for number, scenario in enumerate(scenarios, 1):
        with console.status(f"{number} of {len(scenarios)}: {scenario.title} …"):
            outcome = _play(scenario, network, plan, pause)
        console.print(details(outcome))
        yield outcome


def _play(scenario: Scenario, network: Network, plan: Plan, pause: Pause) -> Outcome:
    """Play a scenario on a cluster of its own. One that fails to be played is a broken promise."""
    if scenario.cuts and not network.may_cut:
        return Outcome(scenario.name, note="not played: this user may not make network namespaces")
    with (
        fresh_folder(FOLDER) as folder,
        reserved_port() as port,
        reserved_port() as tls_port,
        cluster(network, folder, (port, tls_port), pause, plan.options, spread=scenario.spread) as whole,
    ):
        try:
            return scenario.play(whole, plan)
        except (RuntimeError, OSError, ServerError, pymysql.MySQLError, RedisError) as error:
            return Outcome(scenario.name, broken=[f"it could not be played: {error!r}"])


def _announce(whole: Cluster) -> None:
    url = f"http://127.0.0.1:{whole.port}"
    console.print(f"Serving on {url} and https://127.0.0.1:{whole.tls_port}, as three groups of apps behind HAProxy.")
    for program in (*whole.apps, *whole.databases, *whole.redis):
        console.print(f"  {program.name:14} {program.machine.address:16} log: {program.log.relative_to(ROOT)}")
    console.print(f"  {'MySQL':14} {whole.mysql_url('operator')}")
    console.print(f"  {'Redis':14} {whole.redis_url}")
    body = '{"userid":"alice","password":"secret"}'
    console.print(f"Try: curl {url}/register -d '{body}'\nCtrl-C ends everything.", markup=False, soft_wrap=True)


if __name__ == "__main__":
    app(prog_name="./scripts/cluster")
