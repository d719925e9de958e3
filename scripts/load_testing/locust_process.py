"""Runs Locust as a child process: it replaces blocking calls of the whole process by gevent's."""

import os
import random
import resource
import socket
import sys
from pathlib import Path
from signal import SIGINT

from conf.settings import ROOT
from scripts.load_testing import result
from scripts.load_testing.plan import Plan
from scripts.stores.processes import Pause, Stopped, child, wait_for_end

_OTHER_DESCRIPTORS = 200  # of a process with many connections: files, the event loop, the stores
_STOP_TIMEOUT_S = 30


class LocustError(Exception):
    """Locust did not run, for the reason in the message."""


def raise_descriptor_limit(connections: int) -> None:
    """Let this process and its children open files up to the hard limit. Raises LocustError when it is too low."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_DESCRIPTORS
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise LocustError(
            f"{connections:,} connections in one process need {needed:,} open files, and the limit is {hard:,}. "
            f"As root: ulimit -n {needed}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run(plan: Plan, options: list[str], pause: Pause) -> tuple[result.Result, Stopped | None]:
    """Run Locust to its end, or until a signal comes; the result so far, and the signal."""
    command = [sys.executable, "-m", "locust", "--locustfile", str(Path(__file__).with_name("locustfile.py"))]
    command += ["--host", plan.url, "--users", str(plan.users), "--loglevel", "WARNING", "--exit-code-on-error", "0"]
    command += ["--json-file", f"{plan.result}.locust"]  # with a file Locust does not print its own tables
    command += [*_processes(plan.processes), *options]
    path = Path(plan.result)
    path.unlink(missing_ok=True)
    stopped = None
    # After INT, unlike TERM, Locust writes its report.
    with (
        Path(os.devnull).open("rb") as nothing,  # else Locust would read keys from the terminal
        child(command, env=_environment(plan), stdin=nothing, stop_with=SIGINT, stop_timeout=_STOP_TIMEOUT_S) as locust,
    ):
        try:
            code = wait_for_end(locust, pause)
        except Stopped as reason:
            stopped, code = reason, 0
    if code or not path.exists():
        raise LocustError(f"Locust ended with exit code {code}.")
    return result.read(path), stopped


def _environment(plan: Plan) -> dict[str, str]:
    """The plan, and no setting of Locust's own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    return {**env, **plan.environment(), "PYTHONPATH": str(ROOT)}


def _processes(count: int) -> list[str]:
    """The options for several processes, which report to a main process."""
    if count == 1:
        return []
    port = str(_free_port())
    return [
        "--processes",
        str(count),
        "--master-bind-host",
        "127.0.0.1",
        "--master-bind-port",
        port,
        "--master-port",
        port,
    ]


def _free_port() -> int:
    """A free port below those that become the client's end of a connection."""
    for port in random.sample(range(20_000, 32_768), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise LocustError("100 ports are taken.")
