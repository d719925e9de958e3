"""A handler that goes wrong answers all the same."""

import asyncio
from typing import Any

import pytest

from handlers.base import BaseHandler
from handlers.transport.application import Application
from tests.harness.client import Api


class Silent(BaseHandler):
    async def get(self) -> None:
        """Return without an answer."""


class Broken(BaseHandler):
    async def get(self) -> None:
        self._headers["X-Broken"] = "a\r\nb"
        self.finish(b"{}")


@pytest.mark.gen_test
@pytest.mark.logs_errors
@pytest.mark.parametrize("handler", [Silent, Broken])
async def test_it_answers_internal_error_and_the_connection_goes_on(
    api: Api, app: Application, http_port: int, handler: type[BaseHandler], logged: list[dict[str, Any]]
) -> None:
    app._routes["/wrong"] = (handler, {"route": "/wrong"})
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    for _ in range(2):
        writer.write(b"GET /wrong HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 500 ")
            assert b"X-Broken" not in head
            assert b'"code":500' in await reader.readuntil(b"}")
    assert "request failed" in [event["event"] for event in logged]
    writer.close()
