"""/metrics on a port of its own: one worker answers for all of them, and another takes over when it ends."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import structlog
from prometheus_client.exposition import choose_encoder
from tornado.httpserver import HTTPServer
from tornado.web import Application, HTTPError, RequestHandler

from conf.settings import Metrics as MetricsSettings
from services import Services, wire
from services.background import meanwhile
from services.metrics.recorder import Recorder
from services.metrics.slots import lock
from services.metrics.undelivered import Undelivered

log = structlog.get_logger()

_INTERVAL_S = 1


@asynccontextmanager
async def measuring(settings: MetricsSettings, services: Services) -> AsyncIterator[None]:
    """Record and report the metrics of this worker meanwhile, unless the settings turn them off."""
    if not settings.port:
        yield
        return
    reporter = Reporter(settings, services)
    try:
        async with meanwhile(reporter.run()):
            yield
    finally:
        await reporter.close()


class Reporter:
    """Records once a second. It also serves the port, if no other worker of this server does."""

    def __init__(self, settings: MetricsSettings, services: Services) -> None:
        self._settings = settings
        self._lag = services.metrics.loop_lag_seconds[()]
        self._recorder = Recorder(services.metrics, settings.directory)
        self._undelivered = Undelivered(services.recordings, services.metrics)
        self._lock: int | None = None
        self._server: HTTPServer | None = None
        self._warned = False

    async def run(self) -> None:
        """Report until it is cancelled. Nothing that happens here may end a worker."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _INTERVAL_S
            try:
                self._report()
            except Exception:
                log.exception("metrics not reported")
            await asyncio.sleep(due - loop.time())
            self._lag.observe(max(0, loop.time() - due))

    async def close(self) -> None:
        """Leave the port and the slot to other workers."""
        await self._undelivered.close()
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()
        if self._lock is not None:
            os.close(self._lock)
        self._recorder.close()

    def _report(self) -> None:
        self._recorder.record()
        if self._server is None and self._may_serve():
            self._serve()
        if self._server is not None:
            self._undelivered.refresh()

    def _may_serve(self) -> bool:
        """True for one worker at a time: the others need not tell their port from one that a stranger has taken."""
        if self._lock is None:
            try:
                self._lock = lock(self._settings.directory / "server")
            except OSError:  # the recorder has logged it
                return True
        return self._lock is not None

    def _serve(self) -> None:
        address, port = self._settings.address, self._settings.port
        try:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listening = socket.create_server((address, port), family=family)
        except OSError as error:
            if not self._warned:
                self._warned = True
                log.warning("metrics not served", address=address, port=port, error=str(error))
            return
        routes = [("/metrics", MetricsHandler, {"recorder": self._recorder})]
        application = Application(routes, default_handler_class=_UnknownPathHandler, log_function=lambda handler: None)
        self._server = HTTPServer(application)
        listening.setblocking(False)
        self._server.add_socket(listening)
        log.info("serving metrics", address=address, port=port)


class _Handler(RequestHandler):
    """Answers errors in the envelope of all answers, and names no software."""

    def set_default_headers(self) -> None:
        self.clear_header("Server")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(wire.encode({"code": status_code, "message": HTTPStatus(status_code).phrase}))


class _UnknownPathHandler(_Handler):
    def prepare(self) -> None:
        raise HTTPError(HTTPStatus.NOT_FOUND)


class MetricsHandler(_Handler):
    """The numbers of all workers, as text or in the format OpenMetrics."""

    def initialize(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def get(self) -> None:
        try:
            encode, content_type = choose_encoder(self.request.headers.get("Accept", ""))
        except (TypeError, ValueError):  # a version that is no number
            encode, content_type = choose_encoder("")
        self.set_header("Content-Type", content_type)
        await self.finish(encode(self._recorder))
