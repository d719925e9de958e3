"""`./scripts/rolling_restart`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from conf.settings import ROOT
from scripts.restart import PROGRAM, Manager, RestartError
from scripts.restart.supervisor import Supervisor
from scripts.restart.systemd import Systemd

# FOLDER/releases/RELEASE is the root of an installed version, and FOLDER/var holds supervisor's socket.
SOCKET = ROOT.parent.parent / "var" / "supervisor.sock"


def rolling_restart(
    socket: Annotated[Path, typer.Option(metavar="PATH", help="The socket of supervisor.")] = SOCKET,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="To wait for a worker to serve.")] = 30,
) -> None:
    """Restart the workers one after the other. A worker is restarted when the one before it can serve again.

    It speaks to supervisor where SOCKET exists, and to systemd elsewhere. It stops at the first worker that does not
    come up: the others go on serving, as they were.
    """
    manager: Manager = Supervisor(socket) if socket.exists() else Systemd()
    workers = manager.workers()
    if not workers:
        raise RestartError(f"there are no workers of {PROGRAM}")
    for number, worker in enumerate(workers, 1):
        print(f"{worker} ({number} of {len(workers)}) …", end=" ", flush=True)
        manager.restart(worker, timeout)
        print("serves", flush=True)


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
