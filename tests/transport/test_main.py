"""The process: listening, certificates, signals, workers."""

import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
import trustme

from conf.settings import ROOT
from conf.version import VERSION
from tests.harness.client import PASSWORD
from tests.harness.main_process import (
    PATIENCE,
    alive,
    certificate,
    children,
    command,
    kill,
    reserved_port,
    running,
    wait_for,
)
from tests.harness.stores import connect_mysql

WAITING_UPDATE = "SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'UPDATE tb_acc%'"
pytestmark = pytest.mark.usefixtures("mysql", "store")


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_http_and_https_from_one_process_with_a_self_made_certificate(tmp_path: Path) -> None:
    with running(tmp_path, tls=True) as server:
        context = ssl.create_default_context(cafile=str(ROOT / "var" / "tls" / "ca.pem"))
        alive = (200, {"code": 200, "message": "OK", "data": {"version": VERSION}})
        assert server.call("/healthz") == server.call("/healthz", context=context) == alive
        assert (ROOT / "var" / "tls" / "key.pem").stat().st_mode & 0o077 == 0
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.deprecated_call():  # that is why the server must not speak it
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError):
            server.call("/healthz", context=context)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert server.call("/healthz", context=context) == alive
        context.set_ciphers("ECDHE+AES:!AESGCM:!AESCCM:@SECLEVEL=0")  # CBC
        with pytest.raises(ssl.SSLError):
            server.call("/healthz", context=context)


def test_only_an_answer_over_tls_demands_tls(tmp_path: Path) -> None:
    with running(tmp_path, "--http.hsts", "60", tls=True) as server:
        context = ssl.create_default_context(cafile=str(ROOT / "var" / "tls" / "ca.pem"))
        secure = HTTPSConnection("127.0.0.1", server.tls_port, context=context)
        demanded = []
        for connection in (HTTPConnection("127.0.0.1", server.port), secure):
            for path in ("/healthz", "/nothing"):
                with closing(connection):
                    connection.request("GET", path)
                    demanded.append(connection.getresponse().headers["Strict-Transport-Security"])
        assert demanded == [None, None, "max-age=60", "max-age=60"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_hup_serves_the_renewed_certificate_and_keeps_the_old_one_over_garbage(tmp_path: Path, workers: str) -> None:
    old, new = trustme.CA(), trustme.CA()

    def served_by(authority: trustme.CA) -> bool:
        try:
            return all(server.call("/healthz", context=trusting(authority))[0] == 200 for _ in range(8))
        except ssl.SSLCertVerificationError:
            return False

    with running(tmp_path, *certificate(tmp_path, old), "--http.processes", workers, tls=True) as server:
        assert served_by(old)
        (tmp_path / "cert.pem").write_text("garbage")
        server.send(signal.SIGHUP)
        refused = int(workers)
        wait_for(lambda: [line["event"] for line in server.log()].count("certificate not reloaded") == refused)
        assert served_by(old)
        (tmp_path / "cert.pem").write_bytes(
            new.issue_cert("127.0.0.1").cert_chain_pems[0].bytes()
        )  # its key is missing
        server.send(signal.SIGHUP)
        wait_for(lambda: [line["event"] for line in server.log()].count("certificate not reloaded") == 2 * refused)
        assert served_by(old)
        certificate(tmp_path, new)
        server.send(signal.SIGHUP)
        wait_for(lambda: served_by(new))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_answers_requests_in_flight_and_accepts_no_connection(
    tmp_path: Path, number: signal.Signals, workers: int
) -> None:
    with running(tmp_path, "--http.processes", str(workers)) as server, connect_mysql() as holder:
        login = {"userid": "alice", "password": PASSWORD}
        server.call("/register", login)
        token = server.call("/login", login)[1]["data"]["token"]
        kept = HTTPConnection("127.0.0.1", server.port, timeout=10)
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        holder.cursor().execute("SELECT * FROM tb_account FOR UPDATE")  # the update has to wait for this lock
        answers: list[tuple[int, dict[str, Any]]] = []
        update = threading.Thread(
            target=lambda: answers.append(server.call("/upload_user_info", {"nickname": "x"}, token=token))
        )
        update.start()
        with connect_mysql() as watcher, watcher.cursor() as cursor:
            wait_for(lambda: cursor.execute(WAITING_UPDATE))
        server.send(number)
        wait_for(lambda: [line["event"] for line in server.log()].count("stopping") == workers)
        kept.request("GET", "/readyz")
        assert kept.getresponse().status == 503
        with pytest.raises(ConnectionRefusedError):
            server.call("/healthz")
        holder.rollback()
        update.join()
        assert answers == [(200, {"code": 200, "message": "OK"})]
        assert server.exit_code() == 0


def test_a_stop_waits_no_longer_than_the_drain_timeout(tmp_path: Path) -> None:
    with (
        running(tmp_path, "--http.drain_timeout", "0.2") as server,
        connect_mysql() as holder,
    ):
        login = {"userid": "alice", "password": PASSWORD}
        server.call("/register", login)
        token = server.call("/login", login)[1]["data"]["token"]
        holder.cursor().execute("SELECT * FROM tb_account FOR UPDATE")
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/upload_user_info", '{"nickname": "x"}', {"Authorization": f"Bearer {token}"})
        with connect_mysql() as watcher, watcher.cursor() as cursor:
            wait_for(lambda: cursor.execute(WAITING_UPDATE))
        server.send(signal.SIGTERM)
        assert server.exit_code() == 0
        assert any(line["event"] == "requests cut off" for line in server.log())
        connection.close()


def test_workers_are_replaced_and_end_together(tmp_path: Path) -> None:
    with running(tmp_path, "--http.processes", "2") as server:
        first = set(children(server.pid))
        assert len(first) == 2
        (victim, survivor) = first
        kill(victim)
        wait_for(lambda: len(set(children(server.pid)) - {victim}) == 2)
        workers = children(server.pid)
        assert survivor in workers
        wait_for(server.is_ready)
        server.send(signal.SIGTERM)
        assert server.exit_code() == 0
        assert not any(alive(worker) for worker in workers)


def test_a_burst_of_connections_is_spread_over_the_workers(tmp_path: Path) -> None:
    with running(tmp_path, "--http.processes", "2") as server, ExitStack() as connections:
        opened = [
            connections.enter_context(closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)))
            for _ in range(64)
        ]
        for connection in opened:
            connection.connect()
        workers = set()
        for connection in opened:
            connection.request("GET", "/healthz")
            workers.add(connection.getresponse().headers["X-Request-Id"][:8])  # the random part of a process
        assert len(workers) == 2


def test_the_limit_of_open_files_is_raised_to_the_hard_limit(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard))
    try:
        with running(tmp_path) as server:
            limits = Path(f"/proc/{server.pid}/limits").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert f"Max open files            {hard} " in limits


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    with running(tmp_path, "--http.processes", "2") as server:
        workers = children(server.pid)
        server.send(signal.SIGKILL)
        wait_for(lambda: not any(alive(worker) for worker in workers))


def test_an_inherited_socket_is_served(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        running(tmp_path, ready=False, inherited=listener) as server,
    ):
        server.port = listener.getsockname()[1]
        wait_for(server.is_ready)


def test_a_port_in_use_is_named_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            command("--http.port", str(port), "--http.tls_port", "0"), capture_output=True, text=True, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr == f"cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_the_server_command_names_the_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, reserved_port() as tls_port:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "scripts.stores.serve", "--http.port", str(port), "--http.tls_port", str(tls_port)],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
    assert ended.returncode == 1
    assert f"Port {port} " in ended.stderr
    assert "XZB_HTTP__PORT" in ended.stderr


def test_the_start_says_what_is_insecure_what_runs_and_where(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        insecure, serving = (
            next(line for line in server.log() if line["event"] == event) for event in ("insecure", "serving")
        )
    assert "live.api_key" in insecure["setting"]
    assert (serving["version"], serving["urls"]) == (VERSION, [f"http://127.0.0.1:{server.port}"])


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "[::1]")])
def test_the_address_of_an_inherited_socket_is_the_true_one(
    tmp_path: Path, family: socket.AddressFamily, host: str
) -> None:
    with socket.create_server((host.strip("[]"), 0), family=family) as listening:
        with running(tmp_path, ready=False, inherited=listening) as server:
            serving = wait_for(lambda: next((line for line in server.log() if line["event"] == "serving"), None))
        assert serving["urls"] == [f"http://{host}:{listening.getsockname()[1]}"]


def test_version() -> None:
    ended = subprocess.run([sys.executable, "main.py", "--version"], cwd=ROOT, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout.decode()) == (0, f"{VERSION}\n")
