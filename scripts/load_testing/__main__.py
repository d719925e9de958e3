"""The command: start a server if asked to, prepare the accounts, run Locust, judge its result."""

import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from conf.settings import ROOT
from models.migrate import migrate
from scripts.benchmark.servers import real_server
from scripts.load_testing import locust_process, result
from scripts.load_testing.plan import Plan
from scripts.load_testing.seeding import SeedingError, seed
from scripts.stores.folders import fresh_folder
from scripts.stores.private_servers import ServerError, private_servers
from scripts.stores.processes import Pause, Signals, Stopped
from scripts.terminal import progress

FOLDER = ROOT / "var" / "loadtest"
_CHEAP_HASHES = ["--password.time_cost", "1", "--password.memory_kib", "64"]
_UNITS = {"s": 1, "m": 60, "h": 3600}
console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def duration(text: str) -> int:
    """Seconds of a duration such as 90, 90s, 5m or 1h."""
    found = re.fullmatch(r"([1-9]\d*)([smh]?)", text)
    if not found:
        raise typer.BadParameter("takes a duration such as 90s, 5m or 1h")
    return int(found[1]) * _UNITS[found[2] or "s"]


Duration = Annotated[int | None, typer.Option(parser=duration, metavar="DURATION", show_default="until Ctrl-C")]


def share(help_text: str) -> Any:
    """An option for the number of users of a kind, in relation to the others."""
    return typer.Option(min=0, metavar="SHARE", help=help_text, rich_help_panel="Who comes")


def mean(help_text: str) -> Any:
    """An option for a mean duration in seconds."""
    return typer.Option(min=0, metavar="SECONDS", help=help_text, rich_help_panel="How they behave")


def limit(help_text: str) -> Any:
    """An option for a limit of the verdict."""
    return typer.Option(min=0, help=help_text, rich_help_panel="What counts as success")


@app.command(epilog="Exit code 0: within the limits; 1: a limit is exceeded, or the test failed; 2: wrong usage.")
def load_test(
    url: Annotated[str | None, typer.Argument(help="The server, for instance https://127.0.0.1:8443")] = None,
    own_server: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="WORKERS", help="Instead of a URL: start a server of so many workers, on private stores"
        ),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The certificate (PEM) to trust, such as var/tls/ca.pem"),
    ] = None,
    callback_key: Annotated[
        str | None, typer.Option(help="live.callback_key of the server. Without it no broadcast is recorded")
    ] = None,
    bizid: Annotated[str, typer.Option(help="live.bizid of the server")] = "5000",
    prefix: Annotated[str, typer.Option(help="The userids of the accounts begin with it")] = "load",
    users: Annotated[int, typer.Option(min=1, help="Users at the same time")] = 100,
    spawn_rate: Annotated[float, typer.Option(min=0.1, help="Users that start per second")] = 10,
    duration: Duration = None,
    processes: Annotated[int, typer.Option(min=1, help="Locust processes: one for each 1,000 users")] = 1,
    web: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="PORT", help="Start and watch the test on Locust's page")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write Locust's report with charts (HTML)")
    ] = None,
    viewers: Annotated[int, share("look at replays and short videos")] = 78,
    broadcasters: Annotated[int, share("broadcast, are recorded and look at the replay")] = 4,
    uploaders: Annotated[int, share("publish short videos")] = 6,
    web_users: Annotated[int, share("use a web page, which renews its session")] = 10,
    newcomers: Annotated[int, share("install the app, and register")] = 2,
    ios: Annotated[
        int, typer.Option(min=0, max=100, metavar="PERCENT", help="Apps that are iOS's", rich_help_panel="Who comes")
    ] = 25,
    think: Annotated[float, mean("between two touches")] = 7,
    away: Annotated[float, mean("from the end of a visit until the app starts, and logs in, again")] = 60,
    broadcast: Annotated[float, mean("of a broadcast; not less than the server's live.min_duration")] = 120,
    callback_delay: Annotated[float, mean("from the end of a broadcast until its recordings are announced")] = 20,
    max_failures: Annotated[float, limit("Failed requests, in per cent")] = 0,
    max_p99: Annotated[float | None, limit("99th percentile of all latencies, in ms")] = None,
) -> None:
    """Let many users with their apps visit a server, as on a real day.

    Each user logs in at every start of the app, signs as the apps do, and thinks between two touches. Accounts are
    registered first; their userids begin with the prefix, and they stay for the next run.
    """
    if fault := misuse(url, own_server, viewers + broadcasters + uploaders + web_users + newcomers):
        raise typer.BadParameter(fault)
    if web is None and duration is None and not sys.stdout.isatty():
        raise typer.BadParameter("a run without a terminal needs --duration")
    options = locust_options(spawn_rate, duration, web, report)
    try:
        with fresh_folder(FOLDER) as folder:
            plan = Plan(
                url=(url or "").rstrip("/"),
                ca=str(ca) if ca else None,
                callback_key=callback_key,
                bizid=bizid,
                prefix=prefix,
                users=users,
                processes=processes,
                duration_s=duration,
                weights={
                    "Viewer": viewers,
                    "Broadcaster": broadcasters,
                    "Uploader": uploaders,
                    "WebVisitor": web_users,
                    "Newcomer": newcomers,
                },
                ios_percent=ios,
                think_s=think,
                away_s=away,
                broadcast_s=broadcast,
                callback_delay_s=callback_delay,
                result=str(folder / "result.json"),
            )
            outcome = run(plan, own_server, options, folder)
    except Stopped as stopped:
        raise typer.Exit(stopped.exit_code) from None
    except (ServerError, RuntimeError, SeedingError, locust_process.LocustError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    raise typer.Exit(verdict(outcome, max_failures, max_p99))


def misuse(url: str | None, own_server: int | None, shares: int) -> str | None:
    """The fault in a combination of options."""
    if (url is None) == (own_server is None):
        return "takes either a URL or --own-server"
    if url and not url.startswith(("http://", "https://")):
        return "a URL begins with http:// or https://"
    return None if shares else "somebody needs a share above 0"


def locust_options(spawn_rate: float, duration_s: int | None, web_port: int | None, report: Path | None) -> list[str]:
    """The options of Locust that the plan does not hold."""
    options = ["--spawn-rate", str(spawn_rate)]
    options += (
        ["--web-host", "127.0.0.1", "--web-port", str(web_port)] if web_port else ["--headless", "--only-summary"]
    )
    options += ["--run-time", str(duration_s)] if duration_s else []
    return [*options, "--html", str(report)] if report else options


def run(plan: Plan, workers: int | None, options: list[str], folder: Path) -> result.Result:
    """Prepare the server and the accounts, and run Locust. Raises Stopped when a signal cut a limited run short."""
    pause = Signals().pause
    locust_process.raise_descriptor_limit(plan.users if workers else plan.users // plan.processes)
    if not workers:
        prepare_accounts(plan, pause)
    with own_server(plan, workers, folder, pause) if workers else nullcontext(plan) as ready:
        if "--web-port" in options:
            console.print(
                f"Locust's page: http://127.0.0.1:{options[options.index('--web-port') + 1]}  (Ctrl-C ends it)"
            )
        outcome, stopped = locust_process.run(ready, options, pause)
    if stopped and "--headless" in options and plan.duration_s:
        result.show(outcome, console)
        raise stopped
    return outcome


@contextmanager
def own_server(plan: Plan, workers: int, folder: Path, pause: Pause) -> Iterator[Plan]:
    """A server on private stores, and the plan with its address and its key.

    The accounts are prepared through a server that hashes passwords cheaply. It remembers them for the other, as a
    server remembers the users of the same day.
    """
    key = secrets.token_hex(16)
    options = ["--http.processes", str(workers), "--live.callback_key", key, "--password.remember_key", key]
    with private_servers(folder, pause=pause) as urls:
        migrate(urls.mysql)
        with real_server(urls, folder, [*options, *_CHEAP_HASHES], pause) as server:
            prepare_accounts(replace(plan, url=f"http://127.0.0.1:{server.port}", callback_key=key), pause)
        with real_server(urls, folder, options, pause) as server:
            yield replace(plan, url=f"http://127.0.0.1:{server.port}", callback_key=key)


def prepare_accounts(plan: Plan, pause: Pause) -> None:
    """Register the accounts that do not exist yet."""
    with progress(console) as bar:
        task = bar.add_task("preparing accounts", total=plan.accounts)
        seed(plan, lambda: bar.advance(task), pause)


def verdict(outcome: result.Result, max_failures: float, max_p99_ms: float | None) -> int:
    """Print the result; the exit code."""
    result.show(outcome, console)
    reasons = result.exceeded(outcome, max_failures, max_p99_ms)
    for reason in reasons:
        console.print(reason, style="red", markup=False)
    if not reasons:
        console.print("within the limits", style="green")
    return int(bool(reasons))


if __name__ == "__main__":
    app(prog_name="./scripts/loadtest")
