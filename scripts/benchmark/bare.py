"""The references: handlers of several frameworks that do nothing, on the same event loop, with as many processes."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from handlers.transport.listeners import listen
from handlers.transport.workers import run_workers

ANSWER = b'{"code":200,"message":"OK"}'


async def tornado(listening: list[socket.socket]) -> None:
    """A RequestHandler."""

    class Bare(RequestHandler):
        def get(self) -> None:
            self.set_header("Content-Type", "application/json; charset=utf-8")
            self.finish(ANSWER)

        post = get

    HTTPServer(Application([("/.*", Bare)])).add_sockets(listening)
    await asyncio.Event().wait()


async def fastapi(listening: list[socket.socket]) -> None:
    """A path operation as FastAPI's tutorial writes it: one model in, one model out."""
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Page(BaseModel):
        userid: str
        timestamp: int
        expires: int
        index: str
        count: int

    class Answer(BaseModel):
        code: int
        message: str

    application = FastAPI()

    @application.get("/readyz")  # type: ignore[untyped-decorator]
    async def ready() -> Answer:
        return Answer(code=200, message="OK")

    @application.post("/{path:path}")  # type: ignore[untyped-decorator]
    async def answer(page: Page) -> Answer:
        return Answer(code=200, message="OK")

    await _uvicorn(application, listening)


async def starlette(listening: list[socket.socket]) -> None:
    """An endpoint that returns a response."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def answer(request: Request) -> Any:
        await request.body()
        return Response(ANSWER, media_type="application/json")

    await _uvicorn(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])]), listening)


async def aiohttp(listening: list[socket.socket]) -> None:
    """A handler that returns a response."""
    from aiohttp import web

    async def answer(request: Any) -> Any:
        await request.read()
        return web.Response(body=ANSWER, content_type="application/json")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    for sock in listening:
        await web.SockSite(runner, sock).start()
    await asyncio.Event().wait()


async def _uvicorn(application: Any, listening: list[socket.socket]) -> None:
    import uvicorn

    config = uvicorn.Config(application, http="httptools", log_level="warning", access_log=False, lifespan="off")
    await uvicorn.Server(config).serve(listening)


FRAMEWORKS: dict[str, Callable[[list[socket.socket]], Awaitable[None]]] = {
    "Tornado": tornado,
    "FastAPI": fastapi,
    "Starlette": starlette,
    "aiohttp": aiohttp,
}


def main(framework: str, port: int, processes: int) -> None:
    """Serve until a TERM comes."""
    sockets = listen("127.0.0.1", port, processes)

    async def serve(number: int) -> None:
        await FRAMEWORKS[framework](sockets[number])

    run_workers(processes, lambda worker: uvloop.run(serve(worker.number)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
