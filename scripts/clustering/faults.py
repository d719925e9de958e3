"""Faults of single machines, and what operators do to a cluster that is in use (docs/SCALING.md)."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import pymysql

from scripts.chaos_testing.clients import Connection, Crowd, in_parallel
from scripts.chaos_testing.judgement import Outcome, Promise, Times, judge
from scripts.chaos_testing.ledger import Ledger
from scripts.chaos_testing.once import deliver, event
from scripts.clustering.cluster import APP_PORT, Cluster, wait_until
from scripts.clustering.redis_cluster import NODE_TIMEOUT_S, run_cli
from scripts.clustering.running import Fault, Harm, Plan, Scenario, under_load
from services.redis import keys

_MOVED_SLOTS = 3000
_BROADCASTS = 60
_FORMATS = ("mp4", "flv", "hls")
_A_USER = keys.token("anyone")
_OfKey = Callable[[Cluster, str], AbstractContextManager[None]]


@contextmanager
def _redis_killed(whole: Cluster, key: str) -> Iterator[None]:
    with whole.primary(key).killed():
        yield


@contextmanager
def _redis_stopped(whole: Cluster, key: str) -> Iterator[None]:
    with whole.primary(key).frozen():
        yield


@contextmanager
def _redis_cut(whole: Cluster, key: str) -> Iterator[None]:
    """The primary runs on, and its clients of that side may reach it: it must take no write that the others lack."""
    primary = whole.primary(key)
    with whole.network.cut(primary.machine):
        yield
        said = primary.reply("SET", key, "")
    whole.notes.append(f"cut off, it said {said.split()[0]}")
    if not said.startswith("CLUSTERDOWN"):
        whole.broken.append(f"the primary that was cut off said {said} to a write")


@contextmanager
def _redis_failover(whole: Cluster) -> Iterator[None]:
    with whole.replica(whole.primary(keys.VERSIONS)).client() as client:
        client.execute_command("CLUSTER FAILOVER")
    yield


@contextmanager
def _slots_moved(whole: Cluster) -> Iterator[None]:
    source, target = whole.primary(keys.VERSIONS), whole.primary(_A_USER)
    _move(whole, source.id, target.id)
    yield


@contextmanager
def _primary_added(whole: Cluster) -> Iterator[None]:
    node, known = whole.add_redis(), whole.redis[0]
    run_cli(known, "add-node", node.address, known.address)
    # The new node refuses slots for two seconds after it has heard of the others.
    wait_until(
        lambda: node.is_ok() and all(node.address in each.members() for each in whole.redis),
        whole.pause,
        "the new node does not join",
    )
    _move(whole, "all", node.id)
    yield


def _move(whole: Cluster, source: str, target: str) -> None:
    options = ("--cluster-from", source, "--cluster-to", target, "--cluster-slots", str(_MOVED_SLOTS))
    run_cli(whole.redis[0], "reshard", whole.redis[0].address, *options)


@contextmanager
def _writer_killed(whole: Cluster) -> Iterator[None]:
    with whole.databases[0].killed():
        yield


@contextmanager
def _writer_cut(whole: Cluster) -> Iterator[None]:
    """The writer runs on alone: it must take no write."""
    writer = whole.databases[0]
    with whole.network.cut(writer.machine):
        yield
        try:
            with writer.connection() as connection, connection.cursor() as cursor:
                cursor.execute("INSERT INTO tb_ugc (userid, file_id) VALUES ('cut', 'off')")
            whole.broken.append("the node that was cut off took a write")
        except pymysql.MySQLError as error:
            whole.notes.append(f"cut off, it said {error.args[0]}")


@contextmanager
def _app_killed(whole: Cluster) -> Iterator[None]:
    with whole.apps[0].killed():
        yield


@contextmanager
def _apps_restarted(whole: Cluster) -> Iterator[None]:
    """One group after the other, each when HAProxy has the one before it again."""
    for app in whole.apps:
        app.stop()
        app.start()
        wait_until(whole.haproxy.is_whole, whole.pause, f"{app.name} does not come back")
    yield


def _three_formats(whole: Cluster, _: Plan) -> Outcome:
    """The files of a broadcast in three formats are announced at once, each through another app and another MariaDB."""
    addresses = [app.machine.address for app in whole.apps]
    anchors = [f"anchor{number}" for number in range(_BROADCASTS)]
    crowd = Crowd(APP_PORT, Ledger(), anchors, 1, address=addresses[0])  # another MariaDB might not know them yet
    crowd.register()
    for node in whole.databases:
        node.catch_up()
    start, together = time.monotonic(), threading.Barrier(len(_FORMATS))

    def announce(form: str, address: str) -> None:
        connection = Connection(APP_PORT, crowd.samples, address)
        for client in crowd.clients:
            together.wait()
            announced = event(client.userid, 0)
            deliver(connection, {**announced, "file_id": f"{announced['file_id']}-{form}", "file_format": form})
        connection.close()

    in_parallel([partial(announce, *pair) for pair in zip(_FORMATS, addresses, strict=True)], len(_FORMATS))
    outcome = judge("three-formats", Promise(), crowd.samples, Times(start, time.monotonic()), timed=False)
    whole.databases[0].catch_up()
    with whole.databases[0].connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT COUNT(*) FROM tb_vod), (SELECT COUNT(*) FROM tb_vod_file)")
        replays, files = cursor.fetchone() or (0, 0)
    outcome.acknowledged, outcome.found = _BROADCASTS, replays
    if (replays, files) != (_BROADCASTS, _BROADCASTS * len(_FORMATS)):
        outcome.broken.append(f"{replays} replays of {files} files instead of {_BROADCASTS}")
    return outcome


_BACK = Harm(back_within_s=NODE_TIMEOUT_S + 3, one_shard=True)
# Until the others agree that the writer is gone, the next one may not know the last writes that all have received.
_WRITER = Harm(back_within_s=3, max_write_gap_s=3, stale=True)
_NONE = Harm()


def _of_primary(name: str, title: str, occur: _OfKey, key: str, *, cuts: bool = False) -> Fault:
    """A fault of the primary that has a key."""
    return Fault(name, title, lambda whole: occur(whole, key), _BACK, key=key, cuts=cuts)


FAULTS = (
    _of_primary("redis-killed", "a primary of Redis is killed", _redis_killed, _A_USER),
    _of_primary(
        "redis-versions-killed", "the primary with the versions of the lists is killed", _redis_killed, keys.VERSIONS
    ),
    _of_primary("redis-stopped", "the primary with the versions hangs", _redis_stopped, keys.VERSIONS),
    _of_primary("redis-cut", "the primary with the versions is cut off", _redis_cut, keys.VERSIONS, cuts=True),
    Fault("redis-failover", "a planned fail-over of Redis", _redis_failover, _NONE),
    Fault("redis-slots-moved", f"{_MOVED_SLOTS:,} slots move", _slots_moved, _NONE),
    Fault("redis-primary-added", f"a fourth primary takes {_MOVED_SLOTS:,} slots", _primary_added, _NONE),
    Fault("mysql-writer-killed", "the MariaDB that takes the writes is killed", _writer_killed, _WRITER),
    Fault("mysql-writer-cut", "the MariaDB that takes the writes is cut off", _writer_cut, _WRITER, cuts=True),
    Fault("app-killed", "a group of apps is killed", _app_killed, Harm(in_flight=True)),
    Fault("rolling-restart", "the three groups of apps restart, one by one", _apps_restarted, _NONE, pause_s=0.1),
)
SCENARIOS = (
    *map(under_load, FAULTS),
    Scenario(
        "three-formats",
        f"{_BROADCASTS} broadcasts in three formats at once through three apps and three MariaDB",
        _three_formats,
        spread=True,
    ),
)
