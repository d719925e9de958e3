"""A rolling restart: the workers are restarted one after the other, each when the one before it can serve."""

from typing import Protocol

PROGRAM = "xiaozhibo"  # the name of supervisor's program and of systemd's unit


class RestartError(Exception):
    """A worker did not come up again, or there is none, for the reason in the message."""


class Manager(Protocol):
    """What runs the workers."""

    def workers(self) -> list[str]:
        """The names of the workers, in order."""

    def restart(self, worker: str, timeout: float) -> None:
        """Restart a worker. Return when it can serve; raise RestartError when it cannot after `timeout` seconds."""
