"""`./scripts/rolling_restart`."""

import sys
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from conf.settings import ROOT
from scripts.restart import PROGRAM, Manager, RestartError, restart
from scripts.restart.supervisor import Supervisor
from scripts.restart.systemd import Systemd

# FOLDER/releases/RELEASE is the root of an installed version, and FOLDER/var holds supervisor's socket.
SOCKET = ROOT.parent.parent / "var" / "supervisor.sock"


def rolling_restart(
    socket: Annotated[Path, typer.Option(metavar="PATH", help="The socket of supervisor.")] = SOCKET,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="To wait for a worker to serve.")] = 30,
) -> None:
    """Restart the workers one after the other. A worker is restarted when the one before it can serve again.

    It speaks to supervisor where SOCKET exists, and to systemd elsewhere. At the first worker that does not come up it
    stops that worker, unless it is the only one, and gives up: the others go on serving, as they were.
    """
    with closing(Supervisor(socket)) if socket.exists() else nullcontext(Systemd()) as manager:
        restart_all(manager, timeout)


def restart_all(manager: Manager, timeout: float) -> None:
    """Restart the workers in order. Raises RestartError at the first that does not come up, or when there is none."""
    workers = manager.workers()
    if not workers:
        raise RestartError(f"there are no workers of {PROGRAM}")
    for number, worker in enumerate(workers, 1):
        print(f"{worker} ({number} of {len(workers)}) …", end=" ", flush=True)
        try:
            restart(manager, worker, timeout)
        except RestartError as error:
            raise RestartError(f"{worker} does not serve: {error}{stop_alone(manager, workers, worker)}") from None
        print("serves", flush=True)


def stop_alone(manager: Manager, workers: list[str], worker: str) -> str:
    """Stop a worker that would refuse the requests that others could serve; what to tell the operator."""
    if len(workers) == 1:
        return ""
    manager.stop(worker)
    return ". It is stopped, and the others serve on."


def main() -> int:
    """The exit code: 0 all workers are new, 1 one did not come up, 2 wrong usage."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(rolling_restart)
    try:
        app(prog_name="./scripts/rolling_restart", standalone_mode=True)
    except (RestartError, OSError) as error:
        print(f"\nrolling restart: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
