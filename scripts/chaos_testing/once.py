"""Writes that are repeated until they are acknowledged: each is stored once."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from scripts.chaos_testing.clients import OK, Client, Connection, Crowd, content, in_parallel
from scripts.chaos_testing.installation import CALLBACK_KEY, Installation
from scripts.chaos_testing.judgement import Outcome, Promise, Times, judge
from scripts.chaos_testing.ledger import Ledger
from scripts.chaos_testing.running import Plan, Scenario
from scripts.stores.processes import Pause
from services.tencent.signatures import callback_sign

CALLBACK = "/callback/tape_callback"
_STORED = 0  # the code of Tencent's envelope
_AT_ONCE = 20
_EVENTS = 300
_KILL_EVERY_S = 1
_RETRY_S = 0.05
_FIRST_START = 1_700_000_000
_PERIOD_S = 100  # between two broadcasts, so that each becomes a replay
_REPEATED = Promise(connections_break=True)


def event(userid: str, number: int) -> dict[str, Any]:
    """The recording of a user's broadcast with this number, signed now."""
    expiry, start = str(int(time.time()) + 600), _FIRST_START + number * _PERIOD_S
    return {
        **{"event_type": 100, "t": int(expiry), "sign": callback_sign(CALLBACK_KEY, expiry)},
        **{"stream_id": f"5000_{userid}", "file_id": f"{userid}-{number}", "file_format": "mp4"},
        **{"video_url": "https://example.com/v.mp4", "start_time": start, "end_time": start + 50, "duration": 50},
    }


def deliver(connection: Connection, event: dict[str, Any]) -> None:
    """Deliver an event until it is acknowledged, as Tencent does, but without its pauses."""
    while connection.call(CALLBACK, event)["code"] != _STORED:
        time.sleep(_RETRY_S)


def _callbacks_at_once(whole: Installation, plan: Plan, pause: Pause) -> Outcome:
    """Each event comes 20 times at once, and MariaDB is killed between them."""
    crowd = Crowd(whole.port, Ledger(), ["anchor"], plan.pause_s)
    crowd.register()
    together = threading.Barrier(_AT_ONCE)

    def deliver_all() -> None:
        connection = Connection(whole.port, crowd.samples)
        for number in range(_EVENTS):
            together.wait()
            deliver(connection, event("anchor", number))
        connection.close()

    threads = [threading.Thread(target=deliver_all, daemon=True) for _ in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    while _count(whole, "tb_vod_file") < _EVENTS // 3:
        pause(0.01)
    start = time.monotonic()
    with whole.mysql.killed():
        pause(_KILL_EVERY_S)
    end = time.monotonic()
    for thread in threads:
        thread.join()
    outcome = judge("callbacks-at-once", _REPEATED, crowd.samples, Times(start, end), timed=False)
    _count_once(outcome, whole, {"tb_vod_file": _EVENTS, "tb_vod": _EVENTS})
    return outcome


def _once_each(whole: Installation, plan: Plan, pause: Pause) -> Outcome:
    """Events, short videos and room information, each repeated until it is acknowledged; workers are killed."""
    crowd = Crowd(whole.port, Ledger(), [f"once{number}" for number in range(plan.users)], plan.pause_s)
    crowd.register()
    rounds = plan.writes // plan.users // 3
    start = time.monotonic()
    with _workers_killed(whole, pause):
        in_parallel([partial(_write_all, client, rounds) for client in crowd.clients], plan.users)
    outcome = judge("once-each", _REPEATED, crowd.samples, Times(start, time.monotonic()), timed=False)
    each = rounds * plan.users
    _count_once(outcome, whole, dict.fromkeys(("tb_vod_file", "tb_vod", "tb_ugc", "tb_room"), each))
    return outcome


def _write_all(client: Client, rounds: int) -> None:
    for number in range(rounds):
        deliver(client.connection, event(client.userid, number))
        for path in ("/upload_ugc", "/upload_room"):
            while client.call(path, content(path, str(number)))["code"] != OK:
                time.sleep(_RETRY_S)
    client.close()


@contextmanager
def _workers_killed(whole: Installation, pause: Pause) -> Iterator[None]:
    """One after the other, one each second, for the duration of the block."""
    stop, killed = threading.Event(), []

    def kill() -> None:
        while not stop.wait(_KILL_EVERY_S):
            if workers := whole.workers:
                os.kill(workers[0], signal.SIGKILL)
                killed.append(workers[0])

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        yield
    finally:
        stop.set()
        killing.join()
        while not whole.is_ready():
            pause(_RETRY_S)
    whole.notes.append(f"{len(killed)} workers killed")


def _count(whole: Installation, table: str) -> int:
    with whole.sql() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - a name of ours
        ((count,),) = cursor.fetchall()
        return int(count)


def _count_once(outcome: Outcome, whole: Installation, expected: dict[str, int]) -> None:
    """Complete an outcome with the rows that are there, and those that should be."""
    found = {table: _count(whole, table) for table in expected}
    outcome.acknowledged, outcome.found = sum(expected.values()), sum(found.values())
    outcome.broken += [
        f"{table} has {found[table]:,} rows instead of {number:,}"
        for table, number in expected.items()
        if found[table] != number
    ]
    outcome.note = ", ".join(whole.notes)


SCENARIOS = (
    Scenario("callbacks-at-once", "an event 20 times at once while MariaDB is killed", _callbacks_at_once),
    Scenario("once-each", "events and uploads, repeated, while a worker is killed every second", _once_each),
)
