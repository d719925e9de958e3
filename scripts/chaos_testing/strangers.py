"""Connections in great numbers that are slow, silent, or read no answer, beside the clients."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial

from handlers.transport.http1 import ANSWER_TIMEOUT_S, HEADERS_TIMEOUT_S
from handlers.transport.listeners import allow_many_connections
from scripts.benchmark.servers import memory_bytes
from scripts.chaos_testing.clients import Client, Connection
from scripts.chaos_testing.faults import Fault
from scripts.chaos_testing.installation import Installation, files
from scripts.chaos_testing.judgement import Promise
from scripts.chaos_testing.ledger import Ledger

SLOW, UNREAD, SILENT = 2_000, 2_000, 5_000
MAX_BYTES = 100_000  # of the server's memory, for a connection
_TICK_S = 1
_LONG_ROWS = 500
_SPARE_FILES = 60  # that a server may have opened for its stores meanwhile
_LATE_S = 10  # to close thousands of connections

_HEAD = b"POST /get_user_info HTTP/1.1\r\nHost: example.com\r\n"
_BODY = _HEAD + b"Content-Length: 100000\r\n\r\n{"
_SERVED = b"HTTP/1.1 200"
_OTHERS = Promise(refuses=frozenset(), p99_times=2)


@contextmanager
def _strangers(
    whole: Installation,
    number: int,
    first: Callable[[Installation], Sequence[bytes]],
    drip: bytes = b"",
    *,
    answered: bool = False,
) -> Iterator[None]:
    """`number` connections. They send the texts of `first`, in turns, then `drip` once a second, and read nothing.

    With `answered` each waits for the beginning of its answer before the next one sends: they are all of one user, of
    whom the server takes only a few requests at a time (http.max_requests_per_user).
    """
    allow_many_connections()
    texts = first(whole)
    opened_files, memory = files(whole), _memory(whole)
    stop = threading.Event()
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.create_connection(("127.0.0.1", whole.port))) for _ in range(number)]
        for position, each in enumerate(sockets):
            each.sendall(texts[position % len(texts)])
            if answered and each.recv(len(_SERVED), socket.MSG_PEEK) != _SERVED:
                whole.broken.append("a request for a long answer is not served")
        peak = [memory]
        dripping = threading.Thread(target=_drip, args=(whole, sockets, drip, stop, peak))
        dripping.start()
        yield
        stop.set()
        dripping.join()
        left = files(whole) - opened_files
    each_bytes = (max(peak) - memory) / number
    whole.notes.append(f"{each_bytes / 1000:.1f} kB of memory for each of {number:,} connections")
    if each_bytes > MAX_BYTES:
        whole.broken.append(f"a connection takes {each_bytes / 1000:.0f} kB of memory")
    if left > _SPARE_FILES:
        whole.broken.append(f"{left} of {number} connections are not cut off")


def _drip(
    whole: Installation, sockets: Sequence[socket.socket], text: bytes, stop: threading.Event, peak: list[int]
) -> None:
    while not stop.wait(_TICK_S):
        peak.append(_memory(whole))
        for each in sockets if text else ():
            with suppress(OSError):  # the server has cut it off
                each.send(text, socket.MSG_DONTWAIT)


def _memory(whole: Installation) -> int:
    return sum(map(memory_bytes, whole.workers))


def _nothing(_: Installation) -> Sequence[bytes]:
    return [b""]


def _halves(_: Installation) -> Sequence[bytes]:
    return _HEAD, _BODY


def _long_list(whole: Installation) -> Sequence[bytes]:
    """A request whose answer is far longer than the buffers of a connection."""
    with whole.sql() as cursor:
        cursor.execute(
            "INSERT INTO tb_vod"
            " (userid, file_id, title, frontcover, location, play_url, hls_play_url, start_time, create_time)"
            " SELECT 'stranger', seq, REPEAT('长', 128), REPEAT('f', 1024), '', REPEAT('p', 1024), REPEAT('h', 1024),"
            " NOW(6) - INTERVAL seq MINUTE, NOW(6) FROM seq_1_to_1000 WHERE seq <= %s",
            (_LONG_ROWS,),
        )
    with closing(Client(Connection(whole.port, []), "stranger", Ledger())) as stranger:
        stranger.register()
    return [stranger.request("/get_vod_list", {"index": 0, "count": _LONG_ROWS})]


FAULTS = (
    Fault(
        "slow-clients",
        f"{SLOW:,} clients that send a byte a second",
        partial(_strangers, number=SLOW, first=_halves, drip=b"x"),
        _OTHERS,
        HEADERS_TIMEOUT_S + _LATE_S,
    ),
    Fault(
        "unread-answers",
        f"{UNREAD:,} clients that do not read their answers",
        partial(_strangers, number=UNREAD, first=_long_list, answered=True),
        _OTHERS,
        ANSWER_TIMEOUT_S + _LATE_S,
    ),
    Fault(
        "silent-connections",
        f"{SILENT:,} connections that send nothing",
        partial(_strangers, number=SILENT, first=_nothing),
        _OTHERS,
        HEADERS_TIMEOUT_S + _LATE_S,
    ),
)
