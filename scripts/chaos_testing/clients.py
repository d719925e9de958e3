"""Clients that read and write as the apps do, one request after the other, with a pause between two."""

import json
import random
import secrets
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

from scripts.chaos_testing.ledger import Ledger

PASSWORD = "0571749e2ac330a7455809c6b0e7af90"  # noqa: S105  # of made-up users
OK, INVALID_TOKEN, UNAVAILABLE = 200, 498, 503
_TIMEOUT_S = 30  # of a request: a longer one is a hang
_PREPARERS = 8
Visits = tuple[tuple[str, int], ...]
"""Requests by their path, each with its share."""
VISITS: Visits = (
    ("/get_user_info", 30),
    ("/get_vod_list", 20),
    ("/get_ugc_list", 20),
    ("/upload_user_info", 9),
    ("/upload_ugc", 9),
    ("/upload_room", 9),
    ("/login", 2),
    ("/refresh", 1),
)
WRITES: Visits = (("/get_user_info", 20), ("/upload_user_info", 20), ("/upload_ugc", 30), ("/upload_room", 30))
READS: Visits = (("/get_user_info", 50), ("/get_vod_list", 25), ("/get_ugc_list", 25))


class Sample(NamedTuple):
    """A request: its start (time.monotonic), its duration in seconds, and the code of its answer, or what failed."""

    start: float
    seconds: float
    path: str
    outcome: int | str

    @property
    def end(self) -> float:
        """The time of the answer."""
        return self.start + self.seconds


class Connection:
    """A kept connection of one client. Each request is sampled."""

    def __init__(self, port: int, samples: list[Sample], address: str = "127.0.0.1") -> None:
        self._http = HTTPConnection(address, port, timeout=_TIMEOUT_S)
        self._samples = samples

    def call(
        self, path: str, body: Mapping[str, Any], token: str = "", halfway: Callable[[], object] = int
    ) -> dict[str, Any]:
        """The envelope of the answer; `{"code": -1}` when the connection breaks.

        `halfway` is called when a half of the body has been sent.
        """
        if self._http.sock is not None and select.select([self._http.sock], [], [], 0)[0]:
            self._http.close()  # the server has closed it meanwhile, as it may
        start = time.monotonic()
        try:
            self._send(path, json.dumps(body).encode(), token, halfway)
            answer: dict[str, Any] = json.loads(self._http.getresponse().read())
            outcome: int | str = answer["code"] or OK  # a stored callback is answered with 0
        except (OSError, HTTPException, ValueError) as error:
            self._http.close()
            answer, outcome = {"code": -1}, type(error).__name__
        self._samples.append(Sample(start, time.monotonic() - start, path, outcome))
        return answer

    def _send(self, path: str, body: bytes, token: str, halfway: Callable[[], object]) -> None:
        half = len(body) // 2
        self._http.putrequest("POST", path)
        self._http.putheader("Content-Length", str(len(body)))
        if token:
            self._http.putheader("Authorization", f"Bearer {token}")
        self._http.endheaders(body[:half])
        halfway()
        self._http.send(body[half:])

    def close(self) -> None:
        """Close it."""
        self._http.close()


class Client:
    """A user with an app."""

    def __init__(self, connection: Connection, userid: str, ledger: Ledger, visits: Visits = VISITS) -> None:
        self.userid = userid
        self.stale = 0
        """How often the profile was not the one that had been acknowledged."""
        self.lost_sessions = 0
        """How often a session was gone although its login or refresh was acknowledged, and no later one was tried."""
        self.connection = connection
        self._ledger = ledger
        self._visits = visits
        self._chance = random.Random(userid)  # noqa: S311 - not for secrets
        self._token = ""
        self._refresh_token = ""
        self._is_sure = True
        """False when a login or a refresh without an answer may have ended the session that this client knows."""

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def register(self) -> None:
        """Register and log in. Raises RuntimeError when the server refuses."""
        account = {"userid": self.userid, "password": PASSWORD}
        if self.connection.call("/register", account)["code"] != OK or not self._login():
            raise RuntimeError(f"{self.userid} cannot register")

    def run(self, stop: threading.Event, pause_s: float, churn: float) -> None:
        """Send requests until the end. After a share of them, `churn`, the connection is closed."""
        while not stop.wait(self._chance.expovariate(1 / pause_s)):
            (path,) = self._chance.choices(*zip(*self._visits, strict=True))
            self._visit(path)
            if self._chance.random() < churn:
                self.connection.close()
        self.connection.close()

    def request(self, path: str, body: Mapping[str, Any]) -> bytes:
        """A request of the user in its bytes."""
        content = json.dumps(body)
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._token}\r\n"
        return f"{head}Content-Length: {len(content)}\r\n\r\n{content}".encode()

    def _visit(self, path: str) -> None:
        match path:
            case "/login":
                self._login()
            case "/refresh":
                self._keep(self.call(path, {"userid": self.userid, "refresh_token": self._refresh_token}))
            case "/get_vod_list" | "/get_ugc_list":
                self.call(path, {"index": 0, "count": 20})
            case "/get_user_info":
                self._look_at_profile()
            case _:
                self.write(path)

    def write(self, path: str, halfway: Callable[[], object] = int) -> None:
        """Write something new. `halfway` is called when a half of the body has been sent."""
        key = self._ledger.next_name(self.userid) if path == "/upload_user_info" else secrets.token_hex(8)
        if self.call(path, content(path, key), halfway)["code"] == OK:
            self._ledger.acknowledge(path, self.userid, key)

    def _look_at_profile(self) -> None:
        answer = self.call("/get_user_info", {})
        if answer["code"] == OK and not self._ledger.fits(self.userid, answer["data"]["nickname"]):
            self.stale += 1

    def call(self, path: str, body: Mapping[str, Any], halfway: Callable[[], object] = int) -> dict[str, Any]:
        """The answer to a request of the user, who logs in when the session has ended."""
        answer = self.connection.call(path, body, self._token, halfway)
        if answer["code"] == INVALID_TOKEN:
            self.lost_sessions += self._is_sure
            self._login()
        return answer

    def _login(self) -> bool:
        return self._keep(self.connection.call("/login", {"userid": self.userid, "password": PASSWORD}))

    def _keep(self, answer: Mapping[str, Any]) -> bool:
        self._is_sure = answer["code"] == OK
        if not self._is_sure:
            return False
        self._token, self._refresh_token = answer["data"]["token"], answer["data"]["refresh_token"]
        return True


def content(path: str, key: str) -> dict[str, Any]:
    """The parameters of a write with something in them that the table shows."""
    match path:
        case "/upload_user_info":
            return {"nickname": key, "avatar": "", "sex": 1, "frontcover": ""}
        case "/upload_ugc":
            return {"file_id": key, "play_url": "https://example.com/v.mp4", "title": "小视频"}
        case _:
            return {"title": key, "frontcover": "https://example.com/c.png", "location": "深圳"}


class Crowd:
    """Many clients on one server, and what became of their requests."""

    def __init__(
        self,
        port: int,
        ledger: Ledger,
        users: Sequence[str],
        pause_s: float,
        visits: Visits = VISITS,
        churn: float = 0,
        address: str = "127.0.0.1",
    ) -> None:
        self.samples: list[Sample] = []
        self.ledger = ledger
        self.clients = [Client(Connection(port, self.samples, address), userid, ledger, visits) for userid in users]
        self._pause_s = pause_s
        self._churn = churn

    @property
    def stale(self) -> int:
        """How many profiles were older than what the server had acknowledged to their owners."""
        return sum(client.stale for client in self.clients)

    @property
    def lost_sessions(self) -> int:
        """How many acknowledged sessions were lost."""
        return sum(client.lost_sessions for client in self.clients)

    def register(self) -> None:
        """Register all users."""
        in_parallel([client.register for client in self.clients], _PREPARERS)
        self.samples.clear()

    @contextmanager
    def visiting(self) -> Iterator[None]:
        """The clients send requests for the duration of the block."""
        stop = threading.Event()
        threads = [
            threading.Thread(target=client.run, args=(stop, self._pause_s, self._churn), daemon=True)
            for client in self.clients
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def in_parallel(jobs: Sequence[Callable[[], Any]], number: int) -> None:
    """Run jobs in so many threads. Raises what the first of them raises."""
    with ThreadPoolExecutor(number) as threads:
        for job in [threads.submit(job) for job in jobs]:
            job.result()
