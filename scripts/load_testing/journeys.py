"""The journeys of users: what each kind of user does between the start of the app and its end.

Only Locust's processes import this module: Locust replaces the blocking calls of the standard library by gevent's.
"""

import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import gevent
from gevent.ssl import SSLContext, create_default_context
from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.exception import RescheduleTask, StopUser

from scripts.load_testing import content
from scripts.load_testing.answers import Data, Failure, data_of, expect_file, no_answer
from scripts.load_testing.apps import Android, App, Ios, Web, password
from scripts.load_testing.plan import Plan

PLAN = Plan.from_environment()
LISTS = ("/get_vod_list", "/get_ugc_list")
_TIMEOUT_S = 10.0  # OkHttp's default
_MAX_PAUSE_FACTOR = 10  # times the mean, as in TPC-W, clause 5.3.2.1
_accounts: deque[int] = deque()


@events.test_start.add_listener
def share_accounts(environment: Environment, **_: object) -> None:
    """Give every process accounts of its own: a second login would end the session of the first."""
    index = max(0, getattr(environment.runner, "worker_index", 0)) % PLAN.processes
    _accounts.clear()
    _accounts.extend(range(index, PLAN.accounts, PLAN.processes))


@cache
def tls() -> SSLContext:
    """One context for all users of this process: reading the certificates takes milliseconds."""
    return create_default_context(cafile=PLAN.ca)


def pause(mean_s: float) -> float:
    """A random duration (s): most pauses of people are short, and few are long."""
    return min(random.expovariate(1 / mean_s), mean_s * _MAX_PAUSE_FACTOR) if mean_s else 0.0


class Visitor(FastHttpUser):
    """A user of a seeded account, who starts the app, uses it, and comes back after a while."""

    abstract = True
    host = PLAN.url
    insecure = False
    ssl_context_factory = staticmethod(tls)
    network_timeout = connection_timeout = _TIMEOUT_S
    app: App
    _number: int | None = None
    """The account's number; a newcomer has none."""

    def wait_time(self) -> float:
        """The time between two visits (s)."""
        return pause(PLAN.away_s)

    def on_start(self) -> None:
        """Take an account that no other user has. Locust starts users in batches, once a second; they spread out."""
        if not _accounts:
            raise StopUser("there are more users than seeded accounts")
        self._number = _accounts.popleft()
        self.app = self.choose_app(f"{PLAN.prefix}{self._number}")
        gevent.sleep(random.random())

    def on_stop(self) -> None:
        """Give the account back: Locust's page can start and stop users."""
        if self._number is not None:
            _accounts.append(self._number)

    def choose_app(self, userid: str) -> App:
        """The app of this user."""
        return Ios(userid) if random.random() * 100 < PLAN.ios_percent else Android(userid)

    def think(self) -> None:
        """Look at the screen for a while."""
        gevent.sleep(pause(PLAN.think_s))

    def call(
        self, path: str, fields: Mapping[str, Any] | None = None, check: Callable[[Data], None] | None = None
    ) -> Data:
        """Call an interface as the app does; its `data`. A failure is reported and ends the visit."""
        body = self.app.body(path, fields or {})
        return self.send(path, body, self.app.headers(body), check=check)

    def send(
        self,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        success: int = 200,
        check: Callable[[Data], None] | None = None,
    ) -> Data:
        """Send a request. `check` raises Failure when the data is not what the user has to see."""
        headers = {**headers, "Accept-Encoding": "gzip"}
        with self.client.post(path, data=body, headers=headers, catch_response=True) as response:
            try:
                if response.content is None:
                    raise no_answer(response.error)
                data = data_of(response.status_code, response.content, success=success)
                if check:
                    check(data)
            except Failure as failure:
                response.failure(failure)
            else:
                response.success()
                return data
        raise RescheduleTask

    def start_app(self) -> None:
        """An app opens a new connection, and logs in, whenever it starts. It shows the user's profile."""
        self.client.client.clientpool.close()
        self.app.keep_session(self.call("/login", {"userid": self.app.userid, "password": password(self.app.userid)}))
        self.call("/get_user_info")

    def browse(self, lists: int) -> None:
        """Look through some lists."""
        for path in random.choices(LISTS, k=lists):
            for page in self.app.pages(random.randint(1, 3)):
                self.think()
                self.call(path, page)


class Viewer(Visitor):
    """Looks at replays and short videos, and changes the profile now and then."""

    weight = PLAN.weights["Viewer"]

    @task
    def visit(self) -> None:
        self.start_app()
        self.browse(random.randint(1, 6))
        if random.random() < 0.1:
            self.think()
            self.call("/upload_user_info", content.profile(self.app.userid))


class Broadcaster(Visitor):
    """Broadcasts. A little later Tencent's live service announces the recordings, and the user looks at the replay."""

    weight = PLAN.weights["Broadcaster"]

    @task
    def visit(self) -> None:
        self.start_app()
        self.think()
        self.call("/get_cos_sign")
        self.call("/upload_room", self.app.room("周末直播", "广东省深圳市", content.COVER.format(secrets.token_hex(8))))
        self.call("/get_roomservice_sign", {"userid": self.app.userid})
        start = int(time.time())
        gevent.sleep(pause(PLAN.broadcast_s))
        self.record(start, max(int(time.time()), start + 1))

    def record(self, start: int, end: int) -> None:
        """Announce the recordings, for which Tencent's key is needed, and look for the replay."""
        if PLAN.callback_key is None:
            return
        gevent.sleep(pause(PLAN.callback_delay_s))
        self.client.client.clientpool.close()  # Tencent has its own, and that of the app has been idle for too long
        recordings = content.recordings(PLAN.callback_key, f"{PLAN.bizid}_{self.app.userid}", start, end)
        for event in recordings.values():
            self.send("/callback/tape_callback", event, {"Content-Type": "application/json"}, success=0)
        self.think()
        replay = next(iter(recordings))
        self.call("/get_vod_list", {"index": 0, "count": 200}, check=lambda data: expect_file(data, replay))


class Uploader(Visitor):
    """Publishes a short video, and sees it in the list."""

    weight = PLAN.weights["Uploader"]

    @task
    def visit(self) -> None:
        self.start_app()
        self.think()
        self.call("/get_vod_sign")
        self.call("/get_cos_sign")
        self.think()
        file_id = content.new_file_id()
        self.call("/upload_ugc", content.video(file_id))
        self.call("/get_ugc_list", {"index": 0, "count": 200}, check=lambda data: expect_file(data, file_id))


class WebVisitor(Visitor):
    """Uses a web page, which renews its session."""

    weight = PLAN.weights["WebVisitor"]

    def choose_app(self, userid: str) -> App:
        return Web(userid)

    @task
    def visit(self) -> None:
        self.start_app()
        self.browse(random.randint(1, 3))
        fields = {"userid": self.app.userid, "refresh_token": self.app.refresh_token}
        self.app.keep_session(self.call("/refresh", fields))
        self.browse(random.randint(1, 3))


class Newcomer(Visitor):
    """Installs the app: every visit is that of another new user."""

    weight = PLAN.weights["Newcomer"]

    def on_start(self) -> None:
        """A newcomer has no account yet."""
        gevent.sleep(random.random())

    @task
    def visit(self) -> None:
        self.app = self.choose_app(f"{PLAN.prefix}new{secrets.token_hex(6)}")
        self.call("/register", {"userid": self.app.userid, "password": password(self.app.userid)})
        self.start_app()
        self.think()
        self.call("/upload_user_info", content.profile(self.app.userid))
        self.browse(2)
