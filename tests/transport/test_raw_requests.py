"""The table of raw requests against both engines."""

import asyncio
import re

import pytest

from tests.harness.client import Api
from tests.transport.raw_requests import CASES, SECOND, Case

SILENCE = 1.0  # seconds after which a server that waits is taken to say nothing more
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n")


async def outcome(port: int, name: str, case: Case) -> str:
    """The statuses of all answers, and "closed" if the server closed the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        data = case.data + SECOND
        size = max(1, len(data) // case.parts)
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()
            if case.parts > 1:
                await asyncio.sleep(0.001)
        return await answers(reader, head=name == "HEAD")
    except ConnectionError:
        return "reset"
    finally:
        writer.close()


async def answers(reader: asyncio.StreamReader, *, head: bool) -> str:
    """Read answers until the server closes or falls silent. The first answer to a HEAD has no body."""
    words: list[str] = []
    while True:
        try:
            async with asyncio.timeout(SILENCE):
                lines = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return " ".join(words)
        except asyncio.IncompleteReadError as error:
            return " ".join([*words, f"{error.partial!r}" if error.partial else "closed"])
        match = _STATUS.fullmatch(lines)
        assert match, lines
        words.append(match[1].decode())
        length = re.search(rb"Content-Length: (\d+)", match[2])
        if length and not (head and len(words) == 1):
            await reader.readexactly(int(length[1]))


async def surprises(port: int, expected: dict[str, str]) -> dict[str, str]:
    """The outcomes that are not the expected ones. The cases run side by side, since many of them end in silence."""
    found = await asyncio.gather(*(outcome(port, *case) for case in CASES.items()))
    return {name: outcome for name, outcome in zip(CASES, found, strict=True) if outcome != expected[name]}


@pytest.mark.gen_test(timeout=60)
async def test_llhttp(api: Api, http_port: int) -> None:
    assert await surprises(http_port, {name: case.llhttp for name, case in CASES.items()}) == {}


@pytest.mark.gen_test(timeout=60)
@pytest.mark.conf("--http.engine", "tornado")
async def test_tornado(api: Api, http_port: int) -> None:
    assert await surprises(http_port, {name: case.tornado or case.llhttp for name, case in CASES.items()}) == {}
