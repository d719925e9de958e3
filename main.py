"""The server: settings, resources, application, listen, wait for a signal, drain."""

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

import structlog
import uvloop
from tornado.platform.asyncio import AsyncIOMainLoop

from conf import logs
from conf.settings import Settings, load
from handlers.connections import SteadyMainLoop
from handlers.routes import make_application
from handlers.server import Listeners, Server, allow_many_connections
from handlers.workers import hold_signals, release_signals, run_workers
from models.migrate import migrate
from services import open_services

log = structlog.get_logger()

T = TypeVar("T")

_MIGRATION_RETRY_SECONDS = 1
# Python's own for young objects. But those in use when it looks at the young count as old from then on, and so it would
# look at everything every few seconds: 150 ms with 5,000 connections. Old objects hardly ever become garbage here.
_GC_THRESHOLDS = (700, 10, 1000)


def main(argv: Sequence[str]) -> int:
    """Serve until a TERM or INT; the exit code of the process."""
    settings = load(argv)
    logs.configure(settings.log)
    hold_signals()
    allow_many_connections()
    try:
        listeners = Listeners.open(settings.http)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    if fake := list(settings.fake_credentials()):
        log.warning("fake credentials: for development only", settings=fake)
    run = uvloop.run if settings.performance.uvloop else asyncio.run
    run_workers(settings.http.processes, lambda number: run(serve(settings, listeners, number)))
    return 0


async def serve(settings: Settings, listeners: Listeners, number: int) -> None:
    """Serve as worker `number` until a signal comes, then finish what is in flight."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload_certificate, listeners)
    release_signals()
    (SteadyMainLoop if settings.performance.steady else AsyncIOMainLoop)()
    async with open_services(settings) as services:
        gc.freeze()  # what is there now stays: no collection has to look at it again
        gc.set_threshold(*_GC_THRESHOLDS)
        server = Server(make_application(services, settings), listeners.sockets[number], listeners.tls_context)
        log.info("serving", address=settings.http.address, port=settings.http.port, tls=settings.http.tls_port)
        migration = asyncio.create_task(migrate_in_development(settings, stop))
        await stop.wait()
        log.info("stopping")
        timeout = settings.http.drain_timeout
        await asyncio.gather(server.drain(timeout), asyncio.wait({migration}, timeout=timeout))
        migration.cancel()
        with suppress(asyncio.CancelledError):
            await migration


async def migrate_in_development(settings: Settings, stop: asyncio.Event) -> None:
    """Bring the tables up to date as soon as MySQL answers; in production `scripts/migrate` does it."""
    url = settings.mysql.url.get_secret_value()
    while settings.environment == "development" and not stop.is_set():
        try:
            applied = await in_daemon_thread(lambda: migrate(url))
        except Exception as error:  # down, or another worker is at it
            log.warning("migration postponed", error=repr(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _MIGRATION_RETRY_SECONDS)
        else:
            log.info("migrated", applied=applied)
            return


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises. Unlike one of the loop's threads, this one never delays the end of the process.

    A migration waits without a limit for a MySQL that hangs.
    """
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()  # who waits may give up, the thread still delivers

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(outcome)


def reload_certificate(listeners: Listeners) -> None:
    """On HUP: a certificate that does not load leaves the old one in service."""
    try:
        listeners.reload_certificate()
        log.info("certificate reloaded")
    except OSError as error:
        log.error("certificate not reloaded", error=repr(error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
