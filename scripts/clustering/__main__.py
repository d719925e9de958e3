"""The command: run a cluster, break one, or run the tests that need one."""

import signal
import sys
from contextlib import ExitStack
from typing import Annotated

import pymysql
import typer
from redis import RedisError

from conf.settings import ROOT
from scripts.chaos_testing.command import (
    EPILOG,
    Markdown,
    Names,
    Runs,
    Show,
    choose,
    console,
    ending,
    play_all,
    show_all,
)
from scripts.chaos_testing.judgement import Outcome
from scripts.clustering.cluster import Cluster, cluster
from scripts.clustering.faults import SCENARIOS
from scripts.clustering.networks import Network, loopback, may_unshare, namespaces, run_in_own_namespace
from scripts.clustering.running import Plan, Scenario
from scripts.stores.folders import fresh_folder
from scripts.stores.ports import reserved_port
from scripts.stores.private_servers import ServerError
from scripts.stores.processes import Pause, Signals, child, wait_for_end, without_settings

FOLDER = ROOT / "var" / "cluster"
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
    with ending(), fresh_folder(FOLDER) as folder, loopback() as network, ExitStack() as running:
        with console.status("starting …"):
            whole = running.enter_context(cluster(network, folder, (port, tls_port), pause))
        _announce(whole)
        while True:
            pause(0.2)


@app.command(epilog=EPILOG)
def chaos(
    names: Names = None,
    show: Show = False,
    users: Annotated[int, typer.Option(min=3, max=600, help="Number of clients.")] = 60,
    runs: Runs = 1,
    markdown: Markdown = None,
    in_namespace: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Break the machines of a cluster under load, one after the other, and check what is promised of it.

    docs/SCALING.md has the promises. Each scenario gets a cluster of its own.
    """
    if show:
        show_all(SCENARIOS)
        return
    chosen = choose(names, SCENARIOS)
    if not in_namespace and may_unshare():
        run_in_own_namespace("scripts.clustering", [*sys.argv[1:], "--in-namespace"])
    plan, pause = Plan(users=users), Signals().pause
    with ending(), namespaces() if in_namespace else loopback() as network:
        play_all(chosen * runs, lambda scenario: _play(scenario, network, plan, pause), markdown)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run the tests that need Galera or a whole cluster. Arguments go to pytest."""
    command = [sys.executable, "-m", "scripts.stores.run_tests", *(context.args or ["tests/cluster"])]
    pause = Signals().pause
    with ending(), child(command, env=without_settings(), stop_with=signal.SIGINT) as tests:
        raise typer.Exit(wait_for_end(tests, pause))


def _play(scenario: Scenario, network: Network, plan: Plan, pause: Pause) -> Outcome:
    """Play a scenario on a cluster of its own. One that fails to be played is a broken promise."""
    if scenario.cuts and not network.may_cut:
        return Outcome(scenario.name, note="not played: this user may not make network namespaces")
    try:
        with (
            fresh_folder(FOLDER) as folder,
            reserved_port() as port,
            reserved_port() as tls_port,
            cluster(network, folder, (port, tls_port), pause, plan.options, spread=scenario.spread) as whole,
        ):
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
