"""The reference: a Tornado handler that does nothing, on the same event loop and with as many processes."""

import asyncio
import sys

import uvloop
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from handlers.transport.listeners import listen
from handlers.transport.workers import run_workers


class Bare(RequestHandler):
    """Answers with a constant."""

    def get(self) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(b'{"code":200,"message":"OK"}')

    post = get


def main(port: int, processes: int) -> None:
    """Serve until a TERM comes."""
    sockets = listen("127.0.0.1", port, processes)

    async def serve(number: int) -> None:
        HTTPServer(Application([("/.*", Bare)])).add_sockets(sockets[number])
        await asyncio.Event().wait()

    run_workers(processes, lambda number: uvloop.run(serve(number)))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
