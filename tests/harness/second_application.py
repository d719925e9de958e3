"""A second application beside the one under test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tornado.testing import bind_unused_port

from conf.settings import Settings
from handlers.routes import make_application
from handlers.transport.server import ENGINES
from services import open_services
from tests.harness.client import Api


@asynccontextmanager
async def another_process(api: Api, conf: Settings) -> AsyncIterator[Api]:
    """A second application on the same stores, with pools and a port of its own."""
    async with open_services(conf) as services:
        engine = ENGINES[conf.http.engine](make_application(services, conf))
        socket, port = bind_unused_port()
        await engine.listen(socket, None)
        try:
            yield Api(api.client, f"http://127.0.0.1:{port}")
        finally:
            await engine.drain(0)
