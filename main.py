"""The server: read the settings, listen, serve until a signal comes, drain."""

import asyncio
import gc
import signal
import sys
from collections.abc import Sequence

import structlog
import uvloop

from conf import logs
from conf.cli import parse
from conf.settings import Settings
from conf.version import VERSION
from handlers.routes import make_application
from handlers.transport.listeners import Listeners, allow_many_connections
from handlers.transport.metrics_server import measuring
from handlers.transport.notify import reporting
from handlers.transport.server import start
from handlers.transport.workers import block_signals, run_workers, unblock_signals
from services import open_services

log = structlog.get_logger()

# The thresholds of young objects are Python's own. A young object that survives counts as old, so by default a full
# collection comes every few seconds: with 5,000 connections it takes 150 ms. Old objects hardly become garbage here.
_GC_THRESHOLDS = (700, 10, 1000)


def main(argv: Sequence[str]) -> int:
    """Serve until TERM or INT. Returns the exit code of the process."""
    settings, checking = parse(argv)
    if checking:
        from scripts.administration.check import report  # a worker does not need it

        return report(settings)
    lines = logs.configure(settings.log)
    block_signals()
    allow_many_connections()
    try:
        listeners = Listeners.open(settings.http)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    for weakness in settings.weaknesses():
        log.warning("insecure", setting=weakness)
    run = uvloop.run if settings.performance.uvloop else asyncio.run
    run_workers(
        settings.http.processes,
        lambda number: run(serve(settings, listeners, number, lines)),
        on_stop=listeners.close_others,
    )
    return 0


async def serve(settings: Settings, listeners: Listeners, number: int, lines: logs.Lines) -> None:
    """Serve as worker `number` until a signal comes, then finish the requests in flight."""
    listeners.close_others(number)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stop.set)
    loop.add_signal_handler(signal.SIGHUP, listeners.reload_certificate)
    unblock_signals()
    async with open_services(settings) as services, measuring(settings.metrics, services):
        gc.freeze()  # no collection looks at the present objects again
        gc.set_threshold(*_GC_THRESHOLDS)
        application = make_application(services, settings, lines)
        server = await start(application, listeners.sockets[number], listeners.tls_context)
        log.info("serving", version=VERSION, urls=listeners.urls(number))
        async with services.retention.running(), reporting(services.health.problems):
            await stop.wait()
        log.info("stopping")
        await server.drain(settings.http.drain_timeout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
