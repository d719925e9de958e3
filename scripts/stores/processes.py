"""Child processes that end when we do, in the order we choose, whatever signal arrives when.

Two rules make that simple. A signal only sets a flag; the code looks at it where it waits anyway, so nothing
is ever interrupted between starting a process and remembering it. And every child has a session of its own:
a Ctrl-C in the terminal reaches only us, and we tell the children one after the other.
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
    """Somebody asked us to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Signals:
    """Turns INT, TERM and HUP into `Stopped` at the next `pause`; `hangup` may do something else at a HUP."""

    def __init__(self) -> None:
        self.hangup: Callable[[], None] = lambda: self.stop(signal.SIGHUP)
        self._stop = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: self.stop(number))
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants to be left alone
            signal.signal(signal.SIGHUP, lambda *_: self.hangup())

    def stop(self, number: int) -> None:
        """End at the next `pause`, as if this signal had come."""
        self._stop = self._stop or number

    def pause(self, seconds: float) -> None:
        """Sleep, unless we were asked to end. The clean-up sleeps with time.sleep: it is never cut short."""
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
    patience: float = 30,
    orphaned: signal.Signals = signal.SIGTERM,
) -> Iterator[Child]:
    """Run a command; at the end ask it to stop, and after `patience` seconds kill it and what it started.

    `orphaned` is what the kernel sends to it when this process is killed outright.
    """
    process = subprocess.Popen(
        [*_with_parent(orphaned), *command],
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
        _end(process, stop_with, patience)


def without_settings() -> dict[str, str]:
    """The environment without settings of the server: the developer's own are not for tests and benchmarks."""
    return {name: value for name, value in os.environ.items() if not name.startswith("XZB_")}


def has_ended(process: Child) -> bool:
    """True when the process has exited. Its id stays reserved, so a signal cannot reach a stranger."""
    if process.returncode is not None:  # Popen has already taken note of it
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


def stop_stranger(pid: int, is_ours: Callable[[bytes], bool], patience: float) -> None:
    """End a process that an earlier run of ours left behind, if `is_ours` says so from its command line.

    The descriptor is opened before the look at the command line and names the same process until it is
    closed, even when the process ends and its id is used again.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with suppress(ProcessLookupError, FileNotFoundError):
            if is_ours(Path(f"/proc/{pid}/cmdline").read_bytes()):
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
                if not _ended_within(descriptor, patience):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    _ended_within(descriptor, patience)
    finally:
        os.close(descriptor)


def _ended_within(descriptor: int, seconds: float) -> bool:
    ready, _, _ = select.select([descriptor], [], [], seconds)
    return bool(ready)


def _end(process: Child, stop_with: signal.Signals, patience: float) -> None:
    if not has_ended(process):
        os.kill(process.pid, stop_with)
    deadline = time.monotonic() + patience
    while not has_ended(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _with_parent(number: signal.Signals) -> list[str]:
    """A prefix that makes the kernel send a signal to the command when this process ends without ending it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", number.name.removeprefix("SIG"), "--"] if setpriv else []
