"""The table of raw requests against main.py with both engines, and through nginx."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from conf.settings import ROOT
from tests.harness.main_process import PATIENCE, Server, reserved_port, running, wait_for
from tests.harness.production import answers
from tests.transport.raw_requests import CASES, SECOND, Case

SILENCE_S = 0.5  # a server that has answered as expected, and says nothing for so long, waits for the client
PATIENCE_S = 4  # for an answer
T = TypeVar("T")
WAYS = ("llhttp", "tornado", "nginx")
_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n")
_NGINX = shutil.which("nginx", path=f"/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:{ROOT / 'var' / 'bin'}")
# The connections to the server are kept, so that a request smuggled past nginx would disturb the next one.
_NGINX_CONF = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream xiaozhibo {{ server 127.0.0.1:{upstream}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port};
    server_name localhost;
    location / {{
      proxy_pass http://xiaozhibo;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }}
  }}
}}
"""


class Outcome(NamedTuple):
    """What became of a case: its outcome as the table writes it, and the answers that were no envelope."""

    text: str
    foreign: list[bytes]


class Way(NamedTuple):
    """The outcomes of all cases by name, how many smuggled requests were served, and the errors in the log."""

    outcomes: dict[str, Outcome]
    smuggled: int
    errors: list[dict[str, Any]]


@contextmanager
def nginx_before(folder: Path, server: Server) -> Iterator[int]:
    """An nginx in front of the server; its port."""
    assert _NGINX is not None
    with reserved_port() as port, (folder / "nginx.log").open("wb") as log:
        conf = folder / "nginx.conf"
        conf.write_text(_NGINX_CONF.format(folder=folder, upstream=server.port, port=port))
        nginx = subprocess.Popen([_NGINX, "-p", str(folder), "-c", str(conf), "-e", "stderr"], stderr=log)
        try:
            wait_for(lambda: answers(port))
            yield port
        finally:
            nginx.terminate()
            nginx.wait(PATIENCE)


@pytest.fixture(scope="module")
def way(request: pytest.FixtureRequest, schema: None, tmp_path_factory: pytest.TempPathFactory) -> Way:
    """One server serves all cases, side by side since many of them end in silence."""
    name: str = request.param
    if name == "nginx" and _NGINX is None:
        pytest.skip("nginx is not installed: ./scripts/prepare slow unpacks it")
    folder = tmp_path_factory.mktemp(name)
    with running(folder, "--http.engine", "tornado" if name == "tornado" else "llhttp") as server:
        if name == "nginx":
            with nginx_before(folder, server) as port:
                outcomes = run(all_outcomes(port, name))
        else:
            outcomes = run(all_outcomes(server.port, name))
        log = server.log()
        errors = [line for line in log if line["level"] in ("error", "critical") or "exception" in line]
        return Way(outcomes, sum(line.get("method") == "DELETE" for line in log), errors)


def run(work: Coroutine[None, None, T]) -> T:
    """As `asyncio.run`, which would also drop the loop that the other tests left as the current one, unclosed."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


async def all_outcomes(port: int, way: str) -> dict[str, Outcome]:
    """The outcomes of all cases by name."""
    outcomes = await asyncio.gather(*(outcome(port, case, expected(case, way)) for case in CASES.values()))
    return dict(zip(CASES, outcomes, strict=True))


def expected(case: Case, way: str) -> str:
    """What the table says."""
    other = {"tornado": case.tornado, "nginx": case.nginx}.get(way)
    return other.outcome if other else case.llhttp


async def outcome(port: int, case: Case, expected: str) -> Outcome:
    """Send a case and the second request, and read what comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = asyncio.create_task(read_answers(reader, head=case.data.startswith(b"HEAD"), expected=expected))
    with suppress(ConnectionError):  # the server may close before it has read everything
        await send(writer, case)
    try:
        return await answers
    finally:
        writer.close()


async def send(writer: asyncio.StreamWriter, case: Case) -> None:
    """Send the bytes in the pieces that the case asks for."""
    data = case.data + SECOND
    size = max(1, len(data) // case.parts)
    for start in range(0, len(data), size):
        writer.write(data[start : start + size])
        await writer.drain()
        if case.parts > 1:
            await asyncio.sleep(0.001)


async def read_answers(reader: asyncio.StreamReader, *, head: bool, expected: str) -> Outcome:
    """Read answers until the server closes or falls silent. The first answer to a HEAD has no body."""
    words: list[str] = []
    foreign: list[bytes] = []
    while True:
        try:
            async with asyncio.timeout(SILENCE_S if " ".join(words) == expected else PATIENCE_S):
                lines = await reader.readuntil(b"\r\n\r\n")
                match = _HEAD.fullmatch(lines)
                assert match, lines
                words.append(match[1].decode())
                has_body = match[1] != b"100" and not (head and len(words) == 1)
                body = await read_body(reader, match[2]) if has_body else None
        except TimeoutError:
            break
        except asyncio.IncompleteReadError as error:
            words += ["headless", "closed"] if error.partial else ["closed"]
            break
        except ConnectionError:
            words.append("closed")
            break
        if body is not None and not is_envelope(match[1], match[2], body):
            foreign.append(lines + body)
    return Outcome(" ".join(words), foreign)


async def read_body(reader: asyncio.StreamReader, fields: bytes) -> bytes:
    """The body of an answer, by its length."""
    length = re.search(rb"Content-Length: (\d+)", fields)
    return await reader.readexactly(int(length[1])) if length else b""


def is_envelope(status: bytes, fields: bytes, body: bytes) -> bool:
    """True for JSON with the status as its code, and a message."""
    if b"Content-Type: application/json; charset=utf-8\r\n" not in fields:
        return False
    envelope = json.loads(body)
    return envelope["code"] == int(status) and bool(envelope["message"])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", WAYS, indirect=True, scope="module")
def test_case(request: pytest.FixtureRequest, way: Way, case: str) -> None:
    name = request.node.callspec.params["way"]
    assert way.outcomes[case].text == expected(CASES[case], name)
    assert name != "llhttp" or way.outcomes[case].foreign == []


@pytest.mark.parametrize("way", WAYS, indirect=True, scope="module")
def test_nothing_is_smuggled(way: Way) -> None:
    assert way.smuggled == 0


@pytest.mark.parametrize("way", WAYS, indirect=True, scope="module")
def test_nothing_is_an_error_of_the_server(way: Way) -> None:
    assert way.errors == []
