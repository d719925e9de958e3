"""./scripts/loadtest as a whole: small runs of all journeys against real servers."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
import trustme
from pymysql.cursors import Cursor
from redis import Redis

from conf.settings import ROOT
from tests.harness.events import KEY
from tests.harness.main_process import Server, certificate, reserved_port, running, wait_for

INTERFACES = {
    "/register",
    "/login",
    "/refresh",
    "/get_user_info",
    "/upload_user_info",
    "/upload_room",
    "/get_vod_list",
    "/upload_ugc",
    "/get_ugc_list",
    "/get_roomservice_sign",
    "/get_vod_sign",
    "/get_cos_sign",
    "/callback/tape_callback",
}
HURRIED = ["--think", "0.1", "--away", "0.5", "--broadcast", "1", "--callback-delay", "0.3"]
EQUAL_SHARES = ["--viewers", "1", "--broadcasters", "1", "--uploaders", "1", "--web-users", "1", "--newcomers", "1"]
USERS = 20
RUN = ["--users", str(USERS), "--spawn-rate", str(USERS), "--callback-key", KEY, *HURRIED, *EQUAL_SHARES]


@contextmanager
def loadtest(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """The command, as a child process."""
    command = [sys.executable, "-m", "scripts.load_testing", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def output_of(*arguments: str) -> tuple[int, str]:
    """The exit code and the output of a whole run."""
    with loadtest(*arguments) as process:
        output, _ = process.communicate(timeout=120)
        return process.returncode, output


def rows(output: str) -> dict[str, tuple[int, int]]:
    """The requests and failures of each interface in the table."""
    found = re.findall(r"(?m)^│ (\S+) +│ +([\d,]+) │ +([\d,]+) │ +[\d.]+ │", output)
    return {name: (int(requests.replace(",", "")), int(failures)) for name, requests, failures in found}


@pytest.fixture
def server(tmp_path: Path, mysql: Cursor, store: Redis) -> Iterator[Server]:
    """A server with a certificate of `tmp_path / "ca.pem"`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with running(tmp_path, *certificate(tmp_path, authority), tls=True) as server:
        yield server


def test_all_journeys_call_all_interfaces_without_a_failure(server: Server, tmp_path: Path) -> None:
    url, report = f"https://127.0.0.1:{server.tls_port}", tmp_path / "report.html"
    tls = ["--ca", str(tmp_path / "ca.pem")]
    code, output = output_of(url, *tls, *RUN, "--processes", "2", "--duration", "10s", "--report", str(report))
    assert code == 0, output
    shown = rows(output)
    assert shown.keys() == {*INTERFACES, "all"}
    assert all(requests > 0 and failures == 0 for requests, failures in shown.values())
    logged = [line for line in server.log() if line["event"] == "request" and line["route"] in INTERFACES]
    assert {line["route"] for line in logged} == INTERFACES
    codes = [line["code"] for line in logged]
    assert set(codes[:-USERS]) == {200, 0}
    assert set(codes[-USERS:]) <= {200, 0, 503}  # the end of the run cuts off who is registering or logging in
    charts = json.loads(re.findall(r"window\.templateArgs = (\{.*\})", report.read_text())[-1])
    assert {row["name"] for row in charts["requests_statistics"]} == {*INTERFACES, "Aggregated"}
    assert max(point["user_count"][1] for point in charts["history"]) == USERS


def test_a_failure_is_named_and_ends_the_command_with_1(server: Server, mysql: Cursor) -> None:
    url = f"http://127.0.0.1:{server.port}"
    code, output = output_of(url, *RUN, "--duration", "2s")
    assert code == 0, output
    mysql.execute("RENAME TABLE tb_ugc TO tb_ugc_away")
    try:
        code, output = output_of(url, *RUN, "--duration", "5s")
        assert output_of(url, *RUN, "--duration", "5s", "--max-failures", "100")[0] == 0
    finally:
        mysql.execute("RENAME TABLE tb_ugc_away TO tb_ugc")
    assert code == 1
    shown = rows(output)
    assert shown["/upload_ugc"][1] == shown["/upload_ugc"][0] > 0
    assert shown["/get_vod_list"][1] == 0
    assert re.search(r"/upload_ugc +│ code 500: internal error", output)
    assert "% of the requests failed, and 0 % may" in output


def test_a_server_that_does_not_answer_ends_the_command_with_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    code, output = output_of(f"http://127.0.0.1:{port}", *RUN, "--duration", "5s")
    assert (code, output.splitlines()[-1]) == (
        1,
        f"The accounts could not be prepared at http://127.0.0.1:{port}: [Errno 111] Connection refused",
    )


def test_an_interrupted_run_shows_what_it_has(server: Server) -> None:
    with loadtest(f"http://127.0.0.1:{server.port}", *RUN, "--duration", "1h") as process:
        wait_for(lambda: [line for line in server.log() if line.get("route") == "/get_vod_sign"])
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert rows(output)["/get_vod_sign"][0] > 0


def test_locusts_page_starts_a_run(server: Server) -> None:
    with (
        reserved_port() as port,
        loadtest(f"http://127.0.0.1:{server.port}", *RUN, "--web", str(port)) as process,
    ):
        page = wait_for(lambda: fetch(port, "/swarm", "user_count=20&spawn_rate=20"))
        assert json.loads(page)["success"]
        wait_for(lambda: {row["name"] for row in json.loads(fetch(port, "/stats/requests"))["stats"]} >= INTERFACES)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert rows(output).keys() == {*INTERFACES, "all"}


def fetch(port: int, path: str, form: str | None = None) -> str:
    """The answer of Locust's page, empty while nobody listens."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        method = "GET" if form is None else "POST"
        connection.request(method, path, form, {"Content-Type": "application/x-www-form-urlencoded"})
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()


def test_a_server_of_its_own_needs_nothing() -> None:
    code, output = output_of("--own-server", "2", *RUN, "--duration", "5s")
    assert code == 0, output
    assert rows(output)["/callback/tape_callback"][0] > 0
