"""The shipped nginx file: what it answers itself, and what it hands to the server."""

import json
from collections.abc import Mapping
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from socket import create_connection
from typing import Any

import pytest
from pymysql.cursors import Cursor

from handlers.transport.application import MAX_BODY
from tests.harness.main_process import reserved_port, wait_for
from tests.harness.production import Production, nginx, worker_logs
from tests.slow.conftest import Productions

FORGED = {"X-Real-Ip": "9.9.9.9", "X-Forwarded-For": "9.9.9.9", "X-Scheme": "http", "X-Request-Id": "forged"}
NOT_FOUND = {"code": 404, "message": "no such interface"}


@pytest.fixture
def installation(mysql: Cursor, productions: Productions) -> Production:
    return productions()


def post(
    installation: Production, path: str, body: bytes = b"{}", headers: Mapping[str, str] | None = None
) -> tuple[HTTPResponse, dict[str, Any]]:
    """The answer and its envelope, which has the headers of every answer."""
    connection = HTTPSConnection("127.0.0.1", installation.tls_port, context=installation.tls())
    with closing(connection):
        connection.request("POST", path, body, dict(headers or {}))
        response = connection.getresponse()
        envelope = json.loads(response.read())
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers.get_all("Strict-Transport-Security") == ["max-age=63072000"]
    assert response.headers["Server"] == "nginx"  # without its version
    assert len(response.headers.get_all("X-Request-Id", [])) == 1
    assert response.status == envelope["code"]
    return response, envelope


def raw(installation: Production, data: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the envelope that raw bytes get."""
    with (
        create_connection(("127.0.0.1", installation.tls_port)) as plain,
        installation.tls().wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        with suppress(OSError):  # nginx may answer, and close, before it has all of too long a request
            connection.sendall(data)
        response = HTTPResponse(connection)
        response.begin()
        return response.status, json.loads(response.read())


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/error", "/nothing"])
def test_paths_for_operators_are_closed_and_look_as_any_unknown_path(installation: Production, path: str) -> None:
    assert post(installation, path)[1] == NOT_FOUND


def test_the_longest_body_of_the_server_passes_and_the_next_is_refused_in_the_envelope(
    installation: Production,
) -> None:
    assert post(installation, "/nothing", b"x" * MAX_BODY)[1] == NOT_FOUND
    _, envelope = post(installation, "/nothing", b"x" * (MAX_BODY + 1))
    assert envelope == {"code": 413, "message": f"the body is longer than {MAX_BODY} bytes"}


@pytest.mark.parametrize(
    "data",
    [
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_malformed_request_is_refused_in_the_envelope(installation: Production, data: bytes) -> None:
    assert raw(installation, data) == (400, {"code": 400, "message": "malformed request"})


def test_while_no_worker_listens_the_answer_is_503_with_a_time_to_try_again(tmp_path: Path) -> None:
    with reserved_port() as port, reserved_port() as plain_port, reserved_port() as tls_port:
        alone = Production(tmp_path, tmp_path / "ca.pem", port, plain_port, tls_port)
        with nginx(tmp_path, alone):
            response, envelope = post(alone, "/login")
    assert envelope == {"code": 503, "message": "the server is not available"}
    assert response.headers["Retry-After"] == "1"


def test_headers_of_a_client_about_itself_are_overwritten(installation: Production) -> None:
    response, _ = post(installation, "/nothing", headers=FORGED)
    request_id = response.headers["X-Request-Id"]
    assert request_id != "forged"
    logs = [*worker_logs(installation.var), installation.authority.parent / "xiaozhibo.log"]
    # Both write their lines after the answer.
    line, request = wait_for(lambda: found if len(found := lines_with(logs, request_id)) == 2 else None)
    assert "remote_ip=127.0.0.1" in line
    access = json.loads(request)
    assert (access["uri"], access["status"], access["upstream_status"]) == ("/nothing", 404, "404")


def lines_with(logs: list[Path], text: str) -> list[str]:
    """The lines of the logs with this text, in the order of the logs."""
    return [line for log in logs for line in log.read_text(errors="replace").splitlines() if text in line]


def test_plain_http_is_sent_to_https(installation: Production) -> None:
    connection = HTTPConnection("127.0.0.1", installation.plain_port)
    with closing(connection):
        connection.request("GET", "/healthz?x=1", headers={"Host": "evil.example"})
        response = connection.getresponse()
    assert (response.status, response.headers["Location"]) == (301, "https://127.0.0.1/healthz?x=1")


def test_http_2_is_offered(installation: Production) -> None:
    context = installation.tls()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        create_connection(("127.0.0.1", installation.tls_port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        assert connection.selected_alpn_protocol() == "h2"
