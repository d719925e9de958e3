"""The server: read the settings, listen, serve until a signal comes, drain."""

import asyncio
import gc
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
from handlers.transport.server import start, stop
from handlers.transport.workers import Worker, block_signals, handle_signals, run_workers
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
        lambda worker: run(serve(settings, listeners, worker, lines)),
        max_silence=settings.http.heartbeat_timeout,
        on_stop=listeners.close_others,
    )
    return 0


async def serve(settings: Settings, listeners: Listeners, worker: Worker, lines: logs.Lines) -> None:
    """Serve as a worker until a signal comes, then finish the requests in flight."""
    listeners.close_others(worker.number)
    stopped = handle_signals(on_hup=listeners.reload_certificate)
    async with worker.alive, open_services(settings) as services, measuring(settings.metrics, services):
        services.metrics.hung_workers[()] += worker.replaces_hung
        gc.freeze()  # no collection looks at the present objects again
        gc.set_threshold(*_GC_THRESHOLDS)
        application = make_application(services, settings, lines)
        server = await start(application, listeners.sockets[worker.number], listeners.tls_context)
        log.info("serving", version=VERSION, urls=listeners.urls(worker.number))
        async with services.retention.running(), reporting(services.health.problems):
            await stopped.wait()
        log.info("stopping")
        await stop(server, application)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
