"""Child processes that end with this process, in a fixed order, no matter when a signal arrives.

Two rules make that simple. A signal handler only sets a flag, which the code reads where it waits: no signal can
interrupt it between the start of a process and its registration. And every child has a session of its own: a Ctrl-C
in the terminal reaches only this process, which then stops its children one by one.
"""

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

Pause = Callable[[float], None]
Child = subprocess.Popen[bytes]


class Stopped(Exception):
    """A signal has asked this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Signals:
    """Turns INT, TERM and HUP into `Stopped` at the next `pause`. Assign `hangup` to do something else on HUP."""

    def __init__(self) -> None:
        self.hangup: Callable[[], None] = lambda: self.stop(signal.SIGHUP)
        self._stop = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: self.stop(number))
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup has set that
            signal.signal(signal.SIGHUP, lambda *_: self.hangup())

    def stop(self, number: int) -> None:
        """Raise `Stopped` at the next `pause`."""
        self._stop = self._stop or number

    def pause(self, seconds: float) -> None:
        """Sleep, or raise `Stopped`. Clean-up sleeps with time.sleep, so that no signal cuts it short."""
        if self._stop:
            raise Stopped(self._stop)
        time.sleep(seconds)


@contextmanager
def child(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    output: IO[bytes] | None = None,
    pass_fds: Sequence[int] = (),
    stop_with: signal.Signals = signal.SIGTERM,
    stop_timeout: float = 30,
    orphaned: signal.Signals = signal.SIGTERM,
) -> Iterator[Child]:
    """Run a command for the duration of the block.

    At the end it gets the signal `stop_with`; after `stop_timeout` seconds it is killed, together with its own
    children. When this process is killed, the kernel sends the command the signal `orphaned`.
    """
    process = subprocess.Popen(
        [*_on_parent_death(orphaned), *command],
        env=env,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        pass_fds=pass_fds,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _end(process, stop_with, stop_timeout)


def without_settings() -> dict[str, str]:
    """The environment without the server's settings: tests and benchmarks ignore those of the developer."""
    return {name: value for name, value in os.environ.items() if not name.startswith("XZB_")}


def has_ended(process: Child) -> bool:
    """True when the process has exited. Its id stays reserved, so that a signal cannot reach another process."""
    if process.returncode is not None:  # Popen has already reaped it
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def wait_for_end(process: Child, pause: Pause) -> int:
    """Wait until the process ends; its exit code."""
    while not has_ended(process):
        pause(0.02)
    return exit_code(process)


def exit_code(process: Child) -> int:
    """The code of an ended process as a shell reports it."""
    code = process.wait()
    return code if code >= 0 else 128 - code


def stop_orphan(pid: int, is_ours: Callable[[bytes], bool], stop_timeout: float) -> None:
    """Stop a process of an earlier run, if `is_ours` recognizes its command line.

    The descriptor is opened before the command line is read. Until it is closed it names the same process, even when
    that process ends and its id is reused.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with suppress(ProcessLookupError, FileNotFoundError):
            if is_ours(Path(f"/proc/{pid}/cmdline").read_bytes()):
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
                if not _ended_within(descriptor, stop_timeout):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    _ended_within(descriptor, stop_timeout)
    finally:
        os.close(descriptor)


def _ended_within(descriptor: int, seconds: float) -> bool:
    ready, _, _ = select.select([descriptor], [], [], seconds)
    return bool(ready)


def _end(process: Child, stop_with: signal.Signals, stop_timeout: float) -> None:
    if not has_ended(process):
        os.kill(process.pid, stop_with)
    deadline = time.monotonic() + stop_timeout
    while not has_ended(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _on_parent_death(number: signal.Signals) -> list[str]:
    """A command prefix: the kernel sends the command this signal when this process dies first."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", number.name.removeprefix("SIG"), "--"] if setpriv else []
