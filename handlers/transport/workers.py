"""Worker processes that serve the same ports. Forked before any event loop exists."""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

log = structlog.get_logger()

_PASSED_ON = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_STOPPING = {signal.SIGTERM, signal.SIGINT}
# A worker that cannot start must not be forked in a tight loop.
_SHORT_LIFE_S = 1


class _Worker(NamedTuple):
    number: int
    started: float


def block_signals() -> None:
    """Keep TERM, INT and HUP pending: without a handler they would kill the process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)


def unblock_signals() -> None:
    """Let TERM, INT and HUP through, pending ones at once."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)


def run_workers(count: int, work: Callable[[int], None], on_stop: Callable[[], None] = lambda: None) -> None:
    """Run `work` in `count` processes, numbered from 0, until a TERM or INT; with one, in this process.

    The caller blocks the signals, and `work` unblocks them once it handles them.

    A worker that ends by itself is replaced by a worker with its number and its sockets. TERM, INT and HUP are passed
    on to every worker. A worker whose parent is gone stops. `on_stop` is called in the parent when a stop begins.
    """
    if count == 1:
        work(0)
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    alive, parent_end = os.pipe()  # the workers read one end, and get an end of file when this process is gone
    workers = dict(_fork(work, number, alive, parent_end) for number in range(count))
    stopping = False
    while workers:
        received = signal.sigwait({*_PASSED_ON, signal.SIGCHLD})
        if received in _PASSED_ON:
            if received in _STOPPING and not stopping:
                stopping = True
                on_stop()
            for pid in workers:
                os.kill(pid, received)
            continue
        ended = _reap(workers)
        if ended and not stopping:
            log.error("workers ended", pids=sorted(ended))
            if any(time.monotonic() - worker.started < _SHORT_LIFE_S for worker in ended.values()):
                time.sleep(_SHORT_LIFE_S)
            workers |= dict(_fork(work, worker.number, alive, parent_end) for worker in ended.values())


def _fork(work: Callable[[int], None], number: int, alive: int, parent_end: int) -> tuple[int, _Worker]:
    pid = os.fork()
    if pid:
        return pid, _Worker(number, time.monotonic())
    os.close(parent_end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    threading.Thread(target=_stop_with_parent, args=(alive,), daemon=True).start()
    code = 1
    try:
        work(number)
        code = 0
    except BaseException:
        log.exception("worker failed")
    finally:
        os._exit(code)


def _stop_with_parent(alive: int) -> None:
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _reap(workers: dict[int, _Worker]) -> dict[int, _Worker]:
    """Remove the ended workers and return them, by process id."""
    ended = [pid for pid in workers if os.waitpid(pid, os.WNOHANG)[0]]
    return {pid: workers.pop(pid) for pid in ended}
