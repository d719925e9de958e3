"""Prepares accounts through the interfaces: registered, with a profile, a replay and a short video each."""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from scripts.load_testing import content
from scripts.load_testing.answers import Data, Failure, data_of
from scripts.load_testing.apps import Android, password
from scripts.load_testing.plan import Plan
from scripts.stores.processes import Pause

_THREADS = 16  # their passwords wait for less than password.max_wait to be hashed
_TIMEOUT_S = 60
_DAY_S = 86400
_BROADCAST_S = 1800


class SeedingError(Exception):
    """The accounts could not be prepared, for the reason in the message."""


class Seeder:
    """Calls the server from many threads, each on a connection of its own."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._url = urlsplit(plan.url)
        self._tls = ssl.create_default_context(cafile=plan.ca) if self._url.scheme == "https" else None
        self._local = threading.local()
        self._connections: list[HTTPConnection] = []

    def seed(self, number: int) -> None:
        """Register an account. One that exists already stays as it is, with what it has published."""
        app = Android(f"{self._plan.prefix}{number}")
        credentials = {"userid": app.userid, "password": password(app.userid)}
        if not self._register(app, credentials):
            return
        app.keep_session(self._call(app, "/login", credentials))
        self._call(app, "/upload_user_info", content.profile(app.userid))
        self._call(app, "/upload_room", app.room("周末直播", "广东省深圳市", content.COVER.format(number)))
        self._call(app, "/upload_ugc", content.video(content.new_file_id()))
        if self._plan.callback_key is not None:
            self._record(app)

    def _register(self, app: Android, credentials: Mapping[str, str]) -> bool:
        """True for a new account."""
        body = app.body("/register", credentials)
        status, answer = self._send("/register", body, app.headers(body))
        try:
            data_of(status, answer)
        except Failure:
            data_of(status, answer, success=612)
            return False
        return True

    def _record(self, app: Android) -> None:
        """A broadcast of half an hour, a day ago: new ones are shown before it."""
        end = int(time.time()) - _DAY_S
        stream_id = f"{self._plan.bizid}_{app.userid}"
        for event in content.recordings(self._plan.callback_key or "", stream_id, end - _BROADCAST_S, end).values():
            data_of(*self._send("/callback/tape_callback", event, {}), success=0)

    def _call(self, app: Android, path: str, fields: Mapping[str, Any]) -> Data:
        body = app.body(path, fields)
        return data_of(*self._send(path, body, app.headers(body)))

    def _send(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request("POST", self._url.path + path, body, dict(headers))
            response = connection.getresponse()
            return response.status, response.read()
        except BaseException:
            connection.close()
            raise

    def _connection(self) -> HTTPConnection:
        """The connection of this thread, which opens itself again after a failure."""
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
            self._connections.append(self._local.connection)
        connection: HTTPConnection = self._local.connection
        return connection

    def _connect(self) -> HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._tls is None:
            return HTTPConnection(host, port, timeout=_TIMEOUT_S)
        return HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=self._tls)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()


def seed(plan: Plan, advance: Callable[[], object], pause: Pause) -> None:
    """Prepare all accounts; `advance` is called for each that is ready."""
    with closing(Seeder(plan)) as seeder, ThreadPoolExecutor(_THREADS) as pool:
        accounts = [pool.submit(seeder.seed, number) for number in range(plan.accounts)]
        try:
            for account in as_completed(accounts):
                pause(0)
                account.result()
                advance()
        except (Failure, OSError, HTTPException) as error:
            raise SeedingError(f"The accounts could not be prepared at {plan.url}: {error}") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
