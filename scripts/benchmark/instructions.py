"""Instructions per request, counted by callgrind: the one figure that a busy machine does not move.

They are those of one worker in user space, without the kernel and the stores.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from conf.settings import ROOT
from models.migrate import migrate
from scripts.benchmark.population import Stores, user
from scripts.benchmark.requests import CASES, POPULATION, Case
from scripts.benchmark.servers import HIGH_LIMITS, free_port, wait_until_ready
from scripts.stores.folders import fresh_folder
from scripts.stores.private_servers import Urls, private_servers
from scripts.stores.processes import Child, Signals, child, without_settings

COMMITTED = Path(__file__).with_suffix(".json")
MEASURED = ("get_user_info", "get_vod_list 20", "upload_room", "upload_ugc")
MAX_GROWTH = 1.03
_WARM_UP = 300  # requests
_COUNTED = 600
_CONNECTIONS = 32
_LENGTH = re.compile(rb"Content-Length: (\d+)")


def main(arguments: Sequence[str], folder: Path, console: Console) -> int:
    """Print the instructions of each request. Exit code 1 when one needs 3 % more than the committed value."""
    parser = argparse.ArgumentParser(prog="scripts/bench instructions", description=__doc__)
    parser.add_argument("--update", action="store_true", help=f"commit the values to {COMMITTED.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    if shutil.which("valgrind") is None:
        console.print("valgrind is missing: sudo apt-get install --no-install-recommends valgrind", style="red")
        return 1
    counts = measure(folder)
    committed = json.loads(COMMITTED.read_text())
    if committed["python"] != platform.python_version():
        console.print(f"The committed values are those of Python {committed['python']}, which may differ.")
    grown = []
    for name, count in counts.items():
        growth = count / committed["instructions"].get(name, count)
        console.print(f"{name:16} {count / 1000:7.0f} thousand instructions ({growth - 1:+.1%})")
        if growth > MAX_GROWTH:
            grown.append(name)
    if options.update:
        content = {"python": platform.python_version(), "instructions": counts}
        COMMITTED.write_text(json.dumps(content, indent=1) + "\n")
        return 0
    if grown:
        console.print(f"more than {MAX_GROWTH - 1:.0%} above the committed value: {', '.join(grown)}", style="red")
    return 1 if grown else 0


def measure(folder: Path) -> dict[str, int]:
    """The instructions of each request, on stores of their own."""
    signals = Signals()
    with fresh_folder(folder, "instructions-") as run, private_servers(run, pause=signals.pause) as urls:
        migrate(urls.mysql)
        stores = Stores(urls)
        stores.empty()
        stores.fill(POPULATION, lambda rows: None)
        stores.open_sessions(user(number + 1) for number in range(POPULATION))
        with _server(urls, run, signals) as (process, port):
            cases = [case for case in CASES if case.name in MEASURED]
            return {case.name: _count(case, process, port, run) for case in cases}


@contextmanager
def _server(urls: Urls, run: Path, signals: Signals) -> Iterator[tuple[Child, int]]:
    """One worker under callgrind, which counts nothing yet."""
    port = free_port()
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={run}/callgrind", "-q"]
    command += [sys.executable, str(ROOT / "main.py"), "--http.port", str(port), "--http.tls_port", "0"]
    command += ["--log.format", "json", "--password.remember_key", os.urandom(32).hex()]
    command += HIGH_LIMITS
    command += ["--metrics.port", "0"]  # requests are counted; under callgrind a second of records weighs like fifty
    for limit in ("http.deadline", "mysql.acquire_timeout", "mysql.query_timeout", "redis.timeout"):
        command += [f"--{limit}", "60"]  # callgrind takes fifty times as long
    stores = {"XZB_MYSQL__URL": urls.mysql, "XZB_REDIS__URL": urls.redis}
    log = run / "server.log"
    env = {**without_settings(), **stores, "PYTHONHASHSEED": "0"}
    with log.open("wb") as output, child(command, env=env, output=output) as process:
        wait_until_ready(process, port, log, signals.pause)
        yield process, port


def _count(case: Case, process: Child, port: int, run: Path) -> int:
    requests = case.requests(_WARM_UP + _COUNTED)
    asyncio.run(_send(port, requests[:_WARM_UP]))
    _control(process, "--instr=on")
    _control(process, "--zero")
    asyncio.run(_send(port, requests[_WARM_UP : _WARM_UP + _COUNTED]))
    _control(process, "--dump")
    _control(process, "--instr=off")
    newest = max(run.glob("callgrind.*"), key=lambda path: path.stat().st_mtime_ns)
    totals = re.findall(r"^totals: (\d+)", newest.read_text(), re.MULTILINE)
    return int(totals[-1]) // _COUNTED


def _control(process: Child, command: str) -> None:
    subprocess.run(["callgrind_control", command, str(process.pid)], check=True, capture_output=True)


async def _send(port: int, requests: Sequence[bytes]) -> None:
    """Send the requests over some connections at a time. Raises RuntimeError for an answer other than 200."""
    waiting = iter(requests)

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if not head.startswith(b"HTTP/1.1 200") or length is None:
                raise RuntimeError(f"refused: {head!r}")
            await reader.readexactly(int(length[1]))
        writer.close()

    await asyncio.gather(*(client() for _ in range(_CONNECTIONS)))
