"""The command: prepare servers and data, measure, report the results and the missed targets."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from conf.settings import ROOT
from models.migrate import migrate
from scripts.benchmark import connections, frameworks, growth, instructions, logins, report
from scripts.benchmark.checks import Client, check_contents
from scripts.benchmark.circumstances import circumstances
from scripts.benchmark.load import MAX_SECONDS, Wrk
from scripts.benchmark.measure import SLICE, Bench, measure
from scripts.benchmark.population import PASSWORD, Stores, user
from scripts.benchmark.requests import CASES, POPULATION, RETURNING, guests
from scripts.benchmark.servers import bare_server, real_server
from scripts.stores.folders import fresh_folder
from scripts.stores.private_servers import ServerError, private_servers
from scripts.stores.processes import Signals, Stopped
from scripts.terminal import progress

FOLDER = ROOT / "var" / "bench"
console = Console(highlight=False, width=None if sys.stdout.isatty() else 130)


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when every target is met, 1 when not or when something failed, 2 for a wrong option."""
    if arguments[:1] == ["instructions"]:
        FOLDER.mkdir(parents=True, exist_ok=True)
        return instructions.main(arguments[1:], FOLDER, console)
    options = parse(arguments)
    signals = Signals()
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with benchmark(options, signals) as bench:
            outcome = run(bench, options)
    except Stopped as stopped:
        console.print(f"stopped ({stopped}); nothing is written")
        return stopped.exit_code
    except (ServerError, RuntimeError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    return publish(outcome, options)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line. A wrong option ends the process with code 2 before anything is measured."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        usage="scripts/bench [OPTION ...] [-- OPTION_OF_THE_SERVER ...]\n       scripts/bench instructions [--update]",
        description="Measures every interface with wrk against a bare Tornado handler, on stores of its own. "
        "Exit code 0: every target is met; 1: some are missed, or something failed.",
    )
    parser.add_argument("--quick", action="store_true", help="the requests only, in less than two minutes")
    parser.add_argument("--only", nargs="+", choices=names, metavar="REQUEST", help=f"some of: {', '.join(names)}")
    parser.add_argument("--rounds", type=rounds, default=3, help="measurements of each request (default 3)")
    parser.add_argument("--seconds", type=seconds, help="of each measurement (default 4; 1 with --quick)")
    for kind in ("json", "html"):
        path = FOLDER / f"result.{kind}"
        description = f"where to write the result (default {path.relative_to(ROOT)})"
        parser.add_argument(f"--{kind}", type=_writable, default=path, metavar="FILE", help=description)
    parser.add_argument("--compare", type=_earlier, metavar="JSON", help="an earlier result")
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse_args(arguments[:end])
    options.seconds = options.seconds or (1 if options.quick else 4)
    options.server = arguments[end + 1 :]
    if fixed := [option for option in options.server if option.startswith(("--http", "--log"))]:
        parser.error(f"the benchmark itself sets how the server listens and logs: {', '.join(fixed)}")
    return options


def rounds(text: str) -> int:
    """Parse a number of rounds."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError("takes 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """Parse the duration of a measurement."""
    if not SLICE <= float(text) <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"takes {SLICE} to {MAX_SECONDS}")
    return float(text)


def _writable(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written")
    return path


def _earlier(text: str) -> report.Earlier:
    try:
        return report.read(Path(text))
    except (OSError, ValueError, TypeError, KeyError):
        raise argparse.ArgumentTypeError(f"{text} is no result of a benchmark") from None


@contextmanager
def benchmark(options: argparse.Namespace, signals: Signals) -> Iterator[Bench]:
    """Run private stores, the server and the bare handler for the duration of the block."""
    with fresh_folder(FOLDER) as folder, private_servers(folder, pause=signals.pause) as urls:
        migrate(urls.mysql)
        stores = Stores(urls)
        with (
            real_server(urls, folder, options.server, signals.pause) as real,
            bare_server(folder, signals.pause) as bare,
        ):
            pids = tuple(int((folder / name / "pid").read_text()) for name in ("redis", "mysql"))
            yield Bench(real, bare, (pids[0], pids[1]), stores, Wrk(folder, signals.pause), signals.pause)
        stores.close()


def run(bench: Bench, options: argparse.Namespace) -> report.Outcome:
    """Fill the stores, measure, and check the answers before and after."""
    cases = [case for case in CASES if not options.only or case.name in options.only]
    whole = not options.quick and not options.only
    with progress(console) as bar:
        fill(bench, bar)
        check_contents(bench.real.port, bench.stores, POPULATION)
        task = bar.add_task("measuring", total=options.rounds * len(cases))
        results = measure(bench, cases, options.rounds, options.seconds, lambda _: bar.advance(task))
        check_contents(bench.real.port, bench.stores, POPULATION)
        return report.Outcome(
            circumstances=circumstances(options.server, options.rounds, options.seconds),
            requests=results,
            frameworks=None if options.only else frameworks.measure(bench),
            logins=logins.measure(bench) if whole else None,
            connections=connections.measure(bench, bar) if whole else None,
            growth=growth.measure(bench, options.seconds, bar) if whole else [],
            complaints=bench.log.complaints(),
        )


def fill(bench: Bench, bar: Progress) -> None:
    """Create the rows and sessions of the requests; each returning user logs in once."""
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


def publish(outcome: report.Outcome, options: argparse.Namespace) -> int:
    """Print and write the outcome; the exit code."""
    report.show(outcome, options.compare, console)
    report.write_json(outcome, options.json)
    report.write_html(outcome, options.compare, options.html)
    console.print(f"written: {options.json}, {options.html}")
    missed = report.missed(outcome)
    verdict = f"missed: {', '.join(missed)}" if missed else "every target is met"
    console.print(verdict, style="red" if missed else "green", markup=False)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
