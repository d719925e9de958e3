"""Worker processes that serve the same ports. Forked before any event loop exists."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

import structlog

from handlers.transport.heartbeat import Heartbeats, Silence
from handlers.transport.notify import has_watchdog

log = structlog.get_logger()

_PASSED_ON = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_STOPPING = {signal.SIGTERM, signal.SIGINT}
# A worker that cannot start must not be forked in a tight loop.
_SHORT_LIFE_S = 1
_LOOKS = 6  # at each worker, in the time that one may be silent
_FOREVER_S = 86400


@dataclass(frozen=True)
class Worker:
    """What a worker knows of itself."""

    number: int
    alive: AbstractAsyncContextManager[None] = field(default_factory=nullcontext)
    """Within it, the event loop gives signs of life."""
    replaces_hung: bool = False
    """True when the worker before it was killed because it was silent."""


def block_signals() -> None:
    """Keep TERM, INT and HUP pending: without a handler they would kill the process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)


def handle_signals(on_hup: Callable[[], None]) -> asyncio.Event:
    """Let TERM, INT and HUP through to the event loop, pending ones at once. The first two set the returned event."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in _STOPPING:
        loop.add_signal_handler(ending, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, on_hup)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    return stopped


def run_workers(
    count: int, work: Callable[[Worker], None], *, max_silence: float = 0, on_stop: Callable[[], None] = lambda: None
) -> None:
    """Run `work` in `count` processes, numbered from 0, until a TERM or INT.

    The caller blocks the signals, and `work` handles them.

    A worker that ends by itself is replaced by a worker with its number and its sockets. So is one that gives no sign
    of life for `max_silence` seconds (0: for ever): it is killed. A single worker runs in this process if there is no
    such limit, or systemd looks after it. TERM, INT and HUP are passed on to every worker. A worker whose parent is
    gone stops. `on_stop` is called in the parent when a stop begins.
    """
    if count == 1 and (not max_silence or has_watchdog()):
        work(Worker(0))
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    _Parent(count, work, max_silence).run(on_stop)


@dataclass
class _Child:
    number: int
    started: float
    silence: Silence
    is_hung: bool = False


class _Parent:
    def __init__(self, count: int, work: Callable[[Worker], None], max_silence: float) -> None:
        self._work = work
        self._max_silence = max_silence
        self._interval_s = max_silence / _LOOKS or _FOREVER_S
        self._heartbeats = Heartbeats(count, self._interval_s)
        self._looked = time.monotonic()
        # The workers read one end, and get an end of file when this process is gone.
        self._parent_lives, self._parent_end = os.pipe()
        self._children: dict[int, _Child] = {}
        for number in range(count):
            self._fork(Worker(number, self._heartbeats.of(number)))

    def run(self, on_stop: Callable[[], None]) -> None:
        stopping = False
        while self._children:
            received = signal.sigtimedwait({*_PASSED_ON, signal.SIGCHLD}, self._interval_s)
            if received is not None and received.si_signo in _PASSED_ON:
                if received.si_signo in _STOPPING and not stopping:
                    stopping = True
                    on_stop()
                for pid in self._children:
                    os.kill(pid, received.si_signo)
            ended = self._reap()
            if ended and not stopping:
                self._replace(ended)
            if self._max_silence:
                self._kill_silent()

    def _fork(self, worker: Worker) -> None:
        pid = os.fork()
        if pid:
            silence = Silence(pid, self._heartbeats[worker.number])
            self._children[pid] = _Child(worker.number, time.monotonic(), silence)
            return
        os.close(self._parent_end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        threading.Thread(target=_stop_with_parent, args=(self._parent_lives,), daemon=True).start()
        code = 1
        try:
            self._work(worker)
            code = 0
        except BaseException:
            log.exception("worker failed")
        finally:
            os._exit(code)

    def _reap(self) -> dict[int, _Child]:
        """Remove the ended workers and return them, by process id."""
        ended = [pid for pid in self._children if os.waitpid(pid, os.WNOHANG)[0]]
        return {pid: self._children.pop(pid) for pid in ended}

    def _replace(self, ended: dict[int, _Child]) -> None:
        log.error("workers ended", pids=sorted(ended))
        if any(time.monotonic() - child.started < _SHORT_LIFE_S for child in ended.values()):
            time.sleep(_SHORT_LIFE_S)
        for child in ended.values():
            self._fork(Worker(child.number, self._heartbeats.of(child.number), child.is_hung))

    def _kill_silent(self) -> None:
        now = time.monotonic()
        # This process may have been stopped itself, with the whole machine: the workers get the time of a look then.
        elapsed_s = min(now - self._looked, self._interval_s)
        self._looked = now
        for pid, child in self._children.items():
            silent_s = child.silence.look(self._heartbeats[child.number], elapsed_s)
            if silent_s >= self._max_silence and not child.is_hung:
                child.is_hung = True
                log.error("worker hangs", pid=pid, worker=child.number, silent_s=round(silent_s, 2))
                os.kill(pid, signal.SIGKILL)


def _stop_with_parent(parent_lives: int) -> None:
    os.read(parent_lives, 1)
    os.kill(os.getpid(), signal.SIGTERM)
