"""./scripts/fuzz without Schemathesis: the connections and the judgements. tests/slow has whole runs."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pymysql.cursors import Cursor

from scripts.benchmark.servers import Server
from scripts.fuzzing import exchange, raw, witness
from scripts.fuzzing.exchange import Address, Ending, Request, parse_all
from scripts.fuzzing.leaks import Secrets
from scripts.fuzzing.target import Breakdown, Target, Violation
from scripts.fuzzing.witness import Witness
from scripts.stores.private_servers import Urls
from tests.harness.stores import MYSQL_URL, REDIS_URL

TOKEN = "alice.fedcba9876543210"


class Misbehaving(BaseHTTPRequestHandler):
    """Answers what the path asks for: a status, and the code of the envelope."""

    protocol_version = "HTTP/1.1"
    silent = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/silent":
            self.silent.wait(10)
        if self.path in ("/silent", "/closes"):
            self.close_connection = True
            return
        _, status, code, *proxy = self.path.split("/")
        body = json.dumps({"code": int(code), "message": "", "data": {}}).encode() if code else b"a text"
        self.send_response_only(int(status))
        for name in proxy:
            self.send_header("Server", name)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", "id")
        self.end_headers()
        self.wfile.write(body)


class MisbehavingServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has reset its connection is none."""


@pytest.fixture
def address() -> Iterator[Address]:
    """A server that does what it must not."""
    Misbehaving.silent.clear()
    with MisbehavingServer(("127.0.0.1", 0), Misbehaving) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Address("127.0.0.1", server.server_address[1])
        Misbehaving.silent.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hang, and a line of the log that never comes, cost no time."""
    monkeypatch.setattr(exchange, "HANG_S", 0.1)
    monkeypatch.setattr(witness, "_LOG_PATIENCE_S", 0)


def request(path: str) -> Request:
    return Request("POST", path, {}, b"{}")


class Attacks:
    """Makes targets, and closes them."""

    def __init__(self, address: Address, open_ones: ExitStack) -> None:
        self.address = address
        self._open_ones = open_ones

    def __call__(
        self, witness: Any = None, on_case: Callable[[], object] = int, address: Address | None = None
    ) -> Target:
        target = Target(address or self.address, callback_key="", witness=witness, on_case=lambda: void(on_case()))
        self._open_ones.callback(target.close)
        return target

    def watched(self, log: Path, on_case: Callable[[], object] = int, pids: Sequence[int] = ()) -> Target:
        """The target with such a log and such workers, on the database of the test."""
        witness = Witness(Server(0, list(pids), log), Urls(MYSQL_URL, REDIS_URL))
        self._open_ones.callback(witness.close)
        return self(witness, on_case)


def void(_: object) -> None:
    """Nothing."""


@pytest.fixture
def attack(address: Address) -> Iterator[Attacks]:
    with ExitStack() as open_ones:
        yield Attacks(address, open_ones)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/500/500", "a failure of the server"),
        ("/502/502", "a failure of the server"),
        ("/501/501", "a failure of the server"),
        ("/200/", "an answer without an envelope"),
        ("/closes", "no answer: ConnectionError"),
    ],
)
def test_an_answer_that_must_not_be_is_a_violation(attack: Attacks, path: str, message: str) -> None:
    with pytest.raises(Violation, match=message):
        attack().send(request(path))


@pytest.mark.parametrize("path", ["/200/200", "/200/602", "/503/503", "/429/429", "/501/501/nginx"])
def test_every_other_answer_is_counted(attack: Attacks, path: str) -> None:
    attacked = attack()
    attacked.send(request(path))
    attacked.send(request(path))
    assert attacked.answers == {" ".join(path.split("/")[1:3]): 2}
    assert attacked.cases == 2


def test_a_hang_ends_the_run(attack: Attacks, short_patience: None) -> None:
    with pytest.raises(Breakdown, match="no answer within"):
        attack().send(request("/silent"))
    with pytest.raises(Breakdown, match="not closed within"):
        attack(FakeWitness()).send_raw([request("/silent").bytes("x")], Ending.HALF_CLOSE)


class FakeWitness:
    """Sees nothing. With a witness a connection is half-closed."""

    def rows_changed(self) -> int:
        return 0


def test_a_server_that_has_stopped_is_a_violation(attack: Attacks) -> None:
    with pytest.raises(Violation, match="no answer: ConnectionRefusedError"):
        attack(address=attack.address._replace(port=1)).send(request("/200/200"))


def test_nobody_is_served_without_a_proof(attack: Attacks) -> None:
    with pytest.raises(Violation, match="served without authentication"):
        attack().send(request("/200/200"), may_pass=False)
    attack().send(request("/200/498"), may_pass=False)


def test_raw_answers_are_judged_too(attack: Attacks) -> None:
    attacked = attack()
    fine, failing = request("/200/200").bytes("x"), request("/500/500").bytes("x")
    attacked.send_raw([fine[:10], fine[10:] + fine], Ending.HALF_CLOSE)
    assert attacked.answers == {"200 200": 2}
    with pytest.raises(Violation, match="a failure of the server"):
        attacked.send_raw([fine + failing], Ending.SILENCE)
    attacked.send_raw([failing], Ending.RESET)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "lines"  # no file of logs: some tests put secrets into it
    path.touch()
    return path


def test_a_row_that_a_refused_request_has_changed_is_a_violation(
    attack: Attacks, log: Path, mysql: Cursor, short_patience: None
) -> None:
    statement = "INSERT INTO tb_account (userid, password) VALUES (UUID(), '')"
    attacked = attack.watched(log, lambda: mysql.execute(statement))
    attacked.send(request("/200/200"))
    attacked.send(request("/503/503"))  # nobody knows
    with pytest.raises(Violation, match="a refused request has changed rows"):
        attacked.send(request("/200/602"))
    with pytest.raises(Violation, match="a refused request has changed rows"):
        attacked.send_raw([request("/200/602").bytes("x")], Ending.HALF_CLOSE)


def test_a_probe_of_readyz_is_no_row(attack: Attacks, log: Path, mysql: Cursor, short_patience: None) -> None:
    attacked = attack.watched(log, lambda: mysql.execute("REPLACE INTO tb_probe VALUES (1, NOW())"))
    attacked.send(request("/200/602"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"event":"x","level":"error"}', "a failure in the log"),
        ('{"event":"x","level":"warning","exception":"Traceback"}', "a failure in the log"),
        ("Traceback (most recent call last):", "a failure in the log"),
        (json.dumps({"event": "x", "level": "info", "text": f"Bearer {TOKEN}"}), "in the log"),
    ],
)
def test_a_failure_or_a_secret_in_the_log_is_a_violation(
    attack: Attacks, log: Path, short_patience: None, line: str, message: str
) -> None:
    attacked = attack.watched(log, lambda: log.write_text(f"{line}\n"))
    attacked.secrets.add(TOKEN)
    with pytest.raises(Violation, match=message):
        attacked.send(request("/200/200"))


def test_other_lines_are_fine(attack: Attacks, log: Path, short_patience: None) -> None:
    attacked = attack.watched(log, lambda: log.write_text('{"event":"request","level":"info","request_id":"id"}\n'))
    attacked.send(request("/200/200"))
    attacked.judge_end()
    assert attacked.summary() == "1 lines of the log searched for 0 secrets"


def test_a_worker_that_has_ended_ends_the_run(attack: Attacks, log: Path, short_patience: None) -> None:
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    attacked = attack.watched(log, pids=[os.getpid(), ended.pid])
    with pytest.raises(Breakdown, match=f"the workers .{ended.pid}. have ended"):
        attacked.send(request("/200/200"))


def test_answers_are_told_apart() -> None:
    head = b"HTTP/1.1 %d X\r\nContent-Length: 9\r\n%b\r\n"
    received = (
        head % (405, b"X-Request-Id: a-1\r\n") + b'{"code":1' + head % (200, b"Server: nginx\r\n") + b'{"code":2}'
    )
    answers = parse_all(received)
    assert [(each.status, each.code, each.request_id, each.from_proxy) for each in answers] == [
        (405, None, "a-1", False),
        (200, 2, "", True),
    ]
    assert parse_all(b"") == []


def test_pieces_are_the_whole() -> None:
    data = bytes(range(100))
    assert b"".join(raw.in_pieces(data, [0.5, 0.1, 0.5, 1.0])) == data
    assert [len(piece) for piece in raw.in_pieces(data, [0.5, 0.1])] == [10, 40, 50]
    assert raw.edited(b"abcdef", [raw.Edit(0.5, 1, b"XY"), raw.Edit(0, 2, b"")]) == b"cXYef"


def test_secrets_are_found_in_any_surroundings() -> None:
    secrets = Secrets()
    secrets.add_all_in({"token": TOKEN, "list": ['a "quoted" password'], "short": "abc", "number": 1})
    assert secrets.found_in(f"x={TOKEN}&") == {TOKEN, "fedcba9876543210"}
    assert secrets.found_in("only fedcba9876543210") == {"fedcba9876543210"}
    assert secrets.found_in(json.dumps({"password": 'a "quoted" password'})) == {'a \\"quoted\\" password'}
    assert secrets.found_in("alice.0123456789abcde abc") == set()
    assert secrets.found_in("") == set()
