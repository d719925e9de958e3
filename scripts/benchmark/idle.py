"""Opens keep-alive connections, sends one request on each, and holds them until standard input ends."""

import asyncio
import sys

from handlers.transport.listeners import allow_many_connections

_CONCURRENCY = 200
_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def main(port: int, count: int) -> None:
    """Print "open" when all connections are open. Raises OSError or RuntimeError when a connection fails."""
    allow_many_connections()
    gate = asyncio.Semaphore(_CONCURRENCY)
    writers = await asyncio.gather(*(_open(port, gate) for _ in range(count)))
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for writer in writers:
        writer.close()


async def _open(port: int, gate: asyncio.Semaphore) -> asyncio.StreamWriter:
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"refused: {head!r}")
        return writer


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
