"""./scripts/fuzz as a whole: a small run keeps every promise, and a server that breaks one is found out."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pymysql.cursors import Cursor

from conf.settings import ROOT
from scripts.fuzzing.exchange import Address, Ending, send_raw
from tests.harness.main_process import wait_for
from tests.harness.production import Production, worker_logs
from tests.slow.conftest import Productions
from tests.transport.raw_requests import CASES, SECOND

COPIED = ("main.py", "conf", "handlers", "services", "models", "scripts", "tests", "docs", "pyproject.toml")
PROGRAMS = ROOT / "var" / "bin"


def fuzz(*arguments: str, root: Path = ROOT) -> tuple[int, str]:
    """The exit code and the output."""
    command = [sys.executable, "-m", "scripts.fuzzing", *arguments]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_a_small_run_keeps_every_promise(tmp_path: Path) -> None:
    code, output = fuzz("--cases", "400", "--seed", "1")
    assert code == 0, output
    cases, lines, secrets = map(int, re.findall(r"(?m)^(\d+) cases, .* (\d+) lines .* (\d+) secrets", plain(output))[0])
    assert cases >= 400
    assert lines > cases / 2
    assert secrets > 100


def plain(output: str) -> str:
    """The output with numbers as int() reads them."""
    return re.sub(r"(\d),(\d)", r"\1\2", output)


SABOTAGES = {
    "a failure of the server": (
        "handlers/lists.py",
        "        data = await self.list_page(key.offset, key.limit)\n",
        "        raise RuntimeError\n",
    ),
    "served without authentication": (
        "services/authentication.py",
        "if session is None or not _equal(token, session.token):",
        "if session is None:",
    ),
    "a refused request has changed rows": (
        "handlers/interfaces.py",
        'self.answer(Code.OK, "OK", await self.serve(userid, parameters))',
        'self.answer(Code.UPDATE_FAILED, "refused", await self.serve(userid, parameters))',
    ),
    "in the log: ": (
        "services/authentication.py",
        "        token = token.strip()\n",
        '        token = token.strip()\n        log.info("bearer", token=token)\n',
    ),
    "a failure in the log: ": (
        "handlers/errors.py",
        "    match error:\n        case ServiceError():\n            return error\n",
        '    import logging\n\n    logging.getLogger().error("refused")\n    match error:\n'
        "        case ServiceError():\n            return error\n",
    ),
    "within 5 s": (  # "no answer", or "the connection was not closed"
        "handlers/lists.py",
        "        data = await self.list_page(key.offset, key.limit)\n",
        "        import asyncio\n\n        self.deadline.at += 60\n        await asyncio.sleep(60)\n",
    ),
    "have ended": (
        "handlers/lists.py",
        "        data = await self.list_page(key.offset, key.limit)\n",
        "        import os\n\n        os._exit(1)\n",
    ),
}
"""What the fuzzer says, and the module, the line and its replacement that make a server of which it is true."""


@pytest.mark.parametrize("message", SABOTAGES)
def test_a_broken_promise_is_found_out(tmp_path: Path, message: str) -> None:
    module, line, replacement = SABOTAGES[message]
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    if PROGRAMS.exists():  # links to the stores where the PATH has none
        shutil.copytree(PROGRAMS, tmp_path / "var" / "bin", symlinks=True)
    text = (tmp_path / module).read_text()
    assert line in text
    (tmp_path / module).write_text(text.replace(line, replacement))
    code, output = fuzz("--cases", "400", "--seed", "1", root=tmp_path)
    assert code == 1, output
    assert message in output, output
    assert "./scripts/fuzz --seed 1 --cases 400" in output
    assert list((tmp_path / "var" / "fuzz").glob("violation-1.txt"))


@pytest.fixture
def installation(mysql: Cursor, productions: Productions) -> Production:
    return productions()


def test_nothing_is_smuggled_past_nginx(installation: Production) -> None:
    """Each request that the server has served is one that nginx has sent: by its id."""
    code, output = fuzz(installation.url, "--ca", str(installation.authority), "--cases", "250", "--seed", "1")
    assert code == 0, output
    address = Address("127.0.0.1", installation.tls_port, installation.tls())
    with ThreadPoolExecutor(8) as clients:
        list(clients.map(lambda case: send_raw(address, [case.data + SECOND], Ending.SILENCE), CASES.values()))
    sent = wait_for(lambda: all_found(requests_of_nginx(installation), requests_of_workers(installation)))
    assert len(sent) > 400


def all_found(sent: Counter[str], served: Counter[str]) -> Counter[str]:
    """What nginx has sent, once that is all that has been served."""
    return sent if served and not served - sent else Counter()


def requests_of_nginx(installation: Production) -> Counter[str]:
    """The ids of the requests that nginx has passed on. It gives each request an id."""
    text = (installation.authority.parent / "xiaozhibo.log").read_text(errors="replace")
    lines = map(json.loads, text.splitlines())
    return Counter(line["request_id"] for line in lines if line["upstream_status"] not in ("", "-"))


def requests_of_workers(installation: Production) -> Counter[str]:
    """The ids of the requests that the server has served. One that nginx has not sent would have an id of the server.

    What the server could not read has no method in the log, and nginx's id was not read either.
    """
    return Counter(
        found
        for log in worker_logs(installation.var)
        for line in log.read_text().splitlines()
        for found in re.findall(r" request .*\bmethod=\w.*\brequest_id=(\S+)", line)
    )
