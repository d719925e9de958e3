"""A rolling restart: the workers are restarted one after the other, each when the one before it can serve."""

import time
from typing import Protocol

PROGRAM = "xiaozhibo"  # the name of supervisor's program and of systemd's unit
_POLL_S = 0.1
# A worker without its stores refuses the requests that it takes from the others. It is given the time of two checks.
_NOT_READY_S = 2


class RestartError(Exception):
    """A worker did not come up again, or there is none, for the reason in the message."""


class Manager(Protocol):
    """What runs the workers."""

    def workers(self) -> list[str]:
        """The names of the workers, in order."""

    def restart(self, worker: str) -> None:
        """Stop a worker, if it runs, and start it. Raises RestartError when it does not start."""

    def state(self, worker: str) -> str:
        """The last report of the worker that `restart` started (handlers/transport/notify.py), "" before the first.

        Raises RestartError when it has ended.
        """

    def stop(self, worker: str) -> None:
        """Stop a worker until somebody starts it."""


def restart(manager: Manager, worker: str, timeout: float) -> None:
    """Restart a worker. Return when it serves; raise RestartError when it does not after `timeout` seconds."""
    manager.restart(worker)
    deadline = time.monotonic() + timeout
    while (state := manager.state(worker)) != "serving":
        if state.startswith("not ready"):
            deadline = min(deadline, time.monotonic() + _NOT_READY_S)
        if time.monotonic() > deadline:
            raise RestartError(state or f"no report from it in {timeout:g} s")
        time.sleep(_POLL_S)
