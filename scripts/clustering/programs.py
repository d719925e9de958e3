"""A program on a machine of the cluster: it can be killed, frozen and started again."""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from scripts.clustering.networks import Machine
from scripts.stores.private_servers import UNPACKED, ServerError
from scripts.stores.processes import Child, Pause, child, has_ended, without_settings
from scripts.stores.restartable import Restartable

START_TIMEOUT_S = 60
_LOG_LINES = 15


@dataclass
class Program(Restartable):
    """A program whose output is in `log`. `is_up` says that it serves."""

    name: str
    machine: Machine
    command: Sequence[str | Path]
    log: Path
    is_up: Callable[[], bool]
    pause: Pause
    orphaned: signal.Signals = signal.SIGKILL
    env: Mapping[str, str] = field(default_factory=dict)
    _process: Child | None = None
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def pid(self) -> int:
        """Its process. Raises ServerError when it has none."""
        if self._process is None:
            raise ServerError(f"{self.name} does not run")
        return self._process.pid

    def start(self, *more: str) -> None:
        """Start it, and return when it serves."""
        self.begin(*more)
        self.wait()

    def begin(self, *more: str) -> None:
        """Start it with more arguments."""
        path = f"{UNPACKED}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        env = {**without_settings(), "PATH": path, **self.env}
        output = self._running.enter_context(self.log.open("ab"))
        command = [*self.machine.prefix, *self.command, *more]
        self._process = self._running.enter_context(child(command, env=env, output=output, orphaned=self.orphaned))

    def wait(self) -> None:
        """Return when it serves. Raises ServerError with the end of its log when it does not come to that."""
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_up():
            if has_ended(self._process) or time.monotonic() > deadline:
                lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
                raise ServerError("\n  ".join([f"{self.name} did not start. The end of {self.log}:", *lines]))
            self.pause(0.05)

    def ask_to_stop(self) -> None:
        """Let it begin to stop, if it runs."""
        if self._process is not None and not has_ended(self._process):
            self._process.terminate()

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._running.close()
        self._process = None

    def kill(self) -> None:
        """End it at once, and its children."""
        os.killpg(self.pid, signal.SIGKILL)
        self.stop()
