"""Starts of a server whose stores are down, or refuse it."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from http.client import HTTPConnection, HTTPException

from redis import Redis

from scripts.chaos_testing.clients import Crowd
from scripts.chaos_testing.installation import Installation
from scripts.chaos_testing.judgement import RECOVERY_S, Outcome, Promise, Times, judge
from scripts.chaos_testing.ledger import Ledger
from scripts.chaos_testing.running import Plan, Scenario, compare
from scripts.stores.processes import Pause

_POLL_S = 0.02
_CURED_WITHIN_S = 60
_READY = "OK"
_ANOTHER = "another password"


def _start(
    whole: Installation,
    plan: Plan,
    pause: Pause,
    *,
    name: str,
    harm: Callable[[Installation], None],
    cure: Callable[[Installation], None],
    readiness: str,
) -> Outcome:
    """Start the server after `harm`: /readyz says `readiness` until the `cure`, and soon serves."""
    whole.stop()
    harm(whole)
    start = time.monotonic()
    whole.start(wait=False)
    _wait(whole, pause, lambda said: said != "")
    if (said := _readiness(whole.port)) != readiness:
        whole.broken.append(f"/readyz says {said!r}, not {readiness!r}")
    cure(whole)
    end = time.monotonic()
    _wait(whole, pause, lambda said: said == _READY)
    took = time.monotonic() - end
    if plan.timed and took > RECOVERY_S:
        whole.broken.append(f"ready {took:.1f} s after the cure")
    crowd = Crowd(whole.port, Ledger(), [f"{name}{number}" for number in range(plan.users)], plan.pause_s)
    crowd.register()
    with crowd.visiting():
        pause(plan.calm_s)
    outcome = judge(name, Promise(), crowd.samples, Times(start, end), timed=plan.timed)
    outcome.recovery += took
    compare(outcome, crowd, whole)
    return outcome


def _wait(whole: Installation, pause: Pause, condition: Callable[[str], bool]) -> None:
    deadline = time.monotonic() + _CURED_WITHIN_S
    while not condition(_readiness(whole.port)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"/readyz says {_readiness(whole.port)!r} for {_CURED_WITHIN_S} s")
        pause(_POLL_S)


def _readiness(port: int) -> str:
    """The message of /readyz, "" without an answer."""
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", "/readyz")
            return str(json.loads(connection.getresponse().read())["message"])
    except (OSError, HTTPException):
        return ""


def _stop_stores(whole: Installation) -> None:
    whole.mysql.kill()
    whole.redis.kill()


def _start_stores(whole: Installation) -> None:
    whole.mysql.start()
    whole.redis.start()


def _mysql_password(password: str, whole: Installation) -> None:
    with whole.sql() as cursor:
        cursor.execute("ALTER USER server@localhost IDENTIFIED BY %s", (password,))


def _demand_redis_password(whole: Installation) -> None:
    with whole.commands() as redis:
        redis.config_set("requirepass", _ANOTHER)


def _drop_redis_password(whole: Installation) -> None:
    with Redis.from_url(whole.redis.url, password=_ANOTHER) as redis:
        redis.config_set("requirepass", "")


def _scenario(
    name: str, title: str, harm: Callable[[Installation], None], cure: Callable[[Installation], None], readiness: str
) -> Scenario:
    return Scenario(name, title, partial(_start, name=name, harm=harm, cure=cure, readiness=readiness))


SCENARIOS = (
    _scenario(
        "start-without-stores", "a start with both stores down", _stop_stores, _start_stores, "not ready: mysql, redis"
    ),
    _scenario(
        "mysql-password",
        "a wrong password of MariaDB",
        partial(_mysql_password, _ANOTHER),
        partial(_mysql_password, ""),
        "not ready: mysql",
    ),
    _scenario(
        "redis-password",
        "a wrong password of Redis",
        _demand_redis_password,
        _drop_redis_password,
        "not ready: redis",
    ),
)
