"""The command: prepares servers and data, measures, reports, says whether the targets are met."""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from models.migrate import migrate
from scripts.benchmark import connections, growth, logins, report
from scripts.benchmark.checks import Client, check_contents
from scripts.benchmark.load import Wrk
from scripts.benchmark.measure import Bench, measure
from scripts.benchmark.population import PASSWORD, Stores, user
from scripts.benchmark.requests import CASES, POPULATION, RETURNING, guests
from scripts.benchmark.servers import bare_server, real_server
from scripts.private_servers import ROOT, ServerError, private_servers
from scripts.processes import Signals, Stopped

FOLDER = ROOT / "var" / "bench"
console = Console(highlight=False, width=None if sys.stdout.isatty() else 130)


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when every target is met, 1 otherwise."""
    options = parse(arguments)
    signals = Signals()
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with benchmark(options, signals) as bench:
            outcome = run(bench, options)
    except Stopped as stopped:
        return stopped.exit_code
    except (ServerError, RuntimeError) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    return publish(outcome, options)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the requests only, in less than two minutes")
    parser.add_argument("--only", action="append", choices=names, metavar="REQUEST", help=f"one of: {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, help="of one measurement (default 4; 1 with --quick)")
    parser.add_argument("--json", type=Path, default=FOLDER / "result.json")
    parser.add_argument("--html", type=Path, default=FOLDER / "result.html")
    parser.add_argument("--compare", type=Path, metavar="JSON", help="an earlier result")
    parser.add_argument("server", nargs="*", help="options of main.py, behind --", metavar="-- OPTION")
    options = parser.parse_args(arguments)
    options.seconds = options.seconds or (1 if options.quick else 4)
    return options


@contextmanager
def benchmark(options: argparse.Namespace, signals: Signals) -> Iterator[Bench]:
    """Private stores, filled; the server and the bare handler; all of it ends with the block."""
    folder = Path(mkdtemp(prefix="run-", dir=FOLDER))
    try:
        with private_servers(folder, pause=signals.pause) as urls:
            migrate(urls.mysql)
            stores = Stores(urls)
            with (
                real_server(urls, folder, options.server, signals.pause) as real,
                bare_server(folder, signals.pause) as bare,
            ):
                pids = tuple(int((folder / name / "pid").read_text()) for name in ("redis", "mysql"))
                yield Bench(real, bare, (pids[0], pids[1]), stores, Wrk(folder, signals.pause), signals.pause)
            stores.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(bench: Bench, options: argparse.Namespace) -> report.Outcome:
    """Fill, measure, and check before and after that the answers are right."""
    cases = [case for case in CASES if not options.only or case.name in options.only]
    whole = not options.quick and not options.only
    with progress() as bar:
        fill(bench, bar)
        check_contents(bench.real.port, bench.stores, POPULATION)
        task = bar.add_task("measuring", total=options.rounds * len(cases))
        results = measure(bench, cases, options.rounds, options.seconds, lambda _: bar.advance(task))
        check_contents(bench.real.port, bench.stores, POPULATION)
        return report.Outcome(
            requests=results,
            logins=logins.measure(bench) if whole else None,
            connections=connections.measure(bench, bar) if whole else None,
            growth=growth.measure(bench, options.seconds, bar) if whole else [],
        )


def fill(bench: Bench, bar: Progress) -> None:
    """The rows and sessions of the requests; the returning users log in for the first time."""
    task = bar.add_task("filling", total=POPULATION + RETURNING)
    bench.stores.empty()
    bench.stores.fill(POPULATION, lambda rows: bar.advance(task, rows))
    bench.stores.open_sessions(user(number + 1) for number in range(POPULATION))
    bench.stores.add_accounts("guest", 1, RETURNING + logins.STORM)
    for guest in guests(1, RETURNING):
        client = Client(bench.real.port, guest)
        client.call("/login", {"password": PASSWORD})
        client.close()
        bar.advance(task)


def progress() -> Progress:
    """A progress bar that leaves nothing behind."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def publish(outcome: report.Outcome, options: argparse.Namespace) -> int:
    """Print and write the outcome; the exit code."""
    earlier = report.read(options.compare) if options.compare else None
    report.show(outcome, earlier, console)
    report.write_json(outcome, options.json)
    report.write_html(outcome, earlier, options.html)
    console.print(f"written: {options.json}, {options.html}")
    missed = report.missed(outcome)
    console.print(f"[red]missed: {', '.join(missed)}[/red]" if missed else "[green]every target is met[/green]")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
