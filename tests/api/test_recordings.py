"""/callback/tape_callback: recordings become replays (decisions, section 6)."""

import hashlib
import itertools
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymysql.cursors import Cursor
from tornado import gen

from conf.settings import Settings
from handlers.transport.application import Application
from services import open_services
from tests.harness.client import PASSWORD, Api
from tests.harness.events import START, event
from tests.harness.second_application import another_process

PATH = "/callback/tape_callback"
VECTORS = json.loads((Path(__file__).parent.parent / "protocol" / "vectors.json").read_text())
CAPTURED = VECTORS["live_callback"][0]


def recorded(name: str, start: int, end: int) -> dict[str, Any]:
    """An event whose file_id `name` begins with its format's first letter: m, h, f or a."""
    formats = {"m": "mp4", "h": "hls", "f": "flv", "a": "aac"}
    return event(
        file_id=name,
        video_url=f"http://vod/{name}",
        file_format=formats[name[0]],
        start_time=START + start,
        end_time=START + end,
        duration=end - start,
    )


async def deliver(api: Api, body: dict[str, Any], path: str = PATH) -> tuple[int, dict[str, Any]]:
    response = await api.fetch(path, json.dumps(body).encode())
    return response.code, json.loads(response.body)


async def store(api: Api, *events: dict[str, Any]) -> None:
    for body in events:
        assert (await api.fetch(PATH, json.dumps(body).encode())).body == b'{"code":0}'


async def replays(api: Api, token: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await api.call("/get_vod_list", {"count": 500}, token=token))["data"]["list"]
    return rows


@contextmanager
def away(mysql: Cursor, table: str) -> Iterator[None]:
    """The database without one of its tables."""
    mysql.execute(f"RENAME TABLE {table} TO {table}_away")
    try:
        yield
    finally:
        mysql.execute(f"RENAME TABLE {table}_away TO {table}")


def undelivered(mysql: Cursor) -> list[tuple[str, str]]:
    """The reason and the body of every kept event."""
    mysql.execute("SELECT reason, body FROM tb_undelivered_callback ORDER BY create_time, body")
    return list(mysql.fetchall())


def count(mysql: Cursor, table: str) -> int:
    mysql.execute(f"SELECT COUNT(*) FROM {table}")
    (rows,) = mysql.fetchone() or ()
    return int(rows)


@pytest.mark.gen_test
@pytest.mark.parametrize("path", [PATH, PATH + ".php"])
async def test_a_recording_becomes_a_replay(api: Api, path: str) -> None:
    user = await api.user("anchor")
    assert await deliver(api, event(), path) == (200, {"code": 0})
    assert await replays(api, user.token) == [
        {
            "userid": "anchor",
            "nickname": "",
            "avatar": "",
            "file_id": "m1",
            "title": "",
            "like_count": 0,
            "viewer_count": 0,
            "frontcover": "",
            "location": "",
            "play_url": "http://vod/m1",
            "create_time": "2023-11-15 06:20:00",
            "hls_play_url": "",
            "start_time": "2023-11-15 06:13:20",
        }
    ]


@pytest.mark.gen_test
@pytest.mark.conf("--live.callback_key", CAPTURED["key"])
@pytest.mark.parametrize("order", [1, -1])
async def test_the_captured_events_become_one_replay(api: Api, order: int) -> None:
    user = await api.user("user_01")
    t = int(time.time()) + 600
    sign = hashlib.md5(f"{CAPTURED['key']}{t}".encode()).hexdigest()
    for body in CAPTURED["bodies"][::order]:
        assert await deliver(api, {**body, "t": t, "sign": sign}) == (200, {"code": 0})
    (replay,) = await replays(api, user.token)
    assert (replay["start_time"], replay["create_time"]) == ("2023-11-15 06:06:40", "2023-11-15 06:13:18")
    assert replay["play_url"].endswith("f0.mp4")
    assert replay["hls_play_url"].endswith("f0.m3u8")


@pytest.mark.gen_test
@pytest.mark.parametrize("order", list(itertools.permutations(["m1", "h1", "f1", "a1"])))
async def test_formats_of_one_broadcast_are_one_replay_in_any_order(api: Api, order: tuple[str, ...]) -> None:
    user = await api.user("anchor")
    jitter = {"m1": 0, "h1": 1, "f1": 2, "a1": 3}
    await store(api, *(recorded(name, jitter[name], 400 + jitter[name]) for name in order))
    (replay,) = await replays(api, user.token)
    assert replay["file_id"] == order[0]
    assert (replay["play_url"], replay["hls_play_url"]) == ("http://vod/m1", "http://vod/h1")
    assert (replay["start_time"], replay["create_time"]) == ("2023-11-15 06:13:20", "2023-11-15 06:20:03")


@pytest.mark.gen_test
@pytest.mark.parametrize("order", list(itertools.permutations(["m1", "h1", "m2", "h2"])))
async def test_consecutive_recordings_are_replays_of_their_own(api: Api, order: tuple[str, ...]) -> None:
    user = await api.user("anchor")
    times = {"1": (0, 401), "2": (399, 800)}
    await store(api, *(recorded(name, *times[name[1]]) for name in order))
    urls = [(replay["play_url"], replay["hls_play_url"]) for replay in await replays(api, user.token)]
    assert urls == [("http://vod/m2", "http://vod/h2"), ("http://vod/m1", "http://vod/h1")]


@pytest.mark.gen_test
async def test_two_files_of_one_format_are_two_replays(api: Api) -> None:
    user = await api.user("anchor")
    await store(api, recorded("m1", 0, 400), recorded("m2", 0, 400), recorded("h1", 0, 400), recorded("h2", 0, 400))
    assert len(await replays(api, user.token)) == 2


@pytest.mark.gen_test
async def test_only_a_leading_prefix_leaves_the_stream_id(api: Api, mysql: Cursor) -> None:
    user = await api.user("a7_b")
    await api.user("ab")
    await store(api, event(stream_id="a7_b"))
    assert [replay["userid"] for replay in await replays(api, user.token)] == ["a7_b"]


@pytest.mark.gen_test
async def test_recordings_without_length_are_merged_with_each_other_only(api: Api) -> None:
    user = await api.user("anchor")
    await store(api, recorded("m1", 0, 400), recorded("h2", 400, 400), recorded("m2", 400, 400))
    urls = sorted((replay["play_url"], replay["hls_play_url"]) for replay in await replays(api, user.token))
    assert urls == [("http://vod/m1", ""), ("http://vod/m2", "http://vod/h2")]


@pytest.mark.gen_test
async def test_another_users_recording_of_that_time_is_not_merged(api: Api) -> None:
    user = await api.user("anchor")
    await api.user("other")
    await store(api, recorded("m1", 0, 400), {**recorded("h1", 0, 400), "stream_id": "5000_other"})
    assert len(await replays(api, user.token)) == 2


@pytest.mark.gen_test
async def test_identical_callbacks_at_once_make_one_replay(api: Api, mysql: Cursor) -> None:
    user = await api.user("anchor")
    await gen.multi([store(api, event()) for _ in range(20)])
    assert len(await replays(api, user.token)) == count(mysql, "tb_vod_file") == 1


@pytest.mark.gen_test
@pytest.mark.parametrize("names", [("m1", "m1"), ("m1", "h1"), ("h1", "f1"), ("a1", "m1")])
async def test_two_processes_that_are_called_at_once_make_one_replay(
    api: Api, conf: Settings, names: tuple[str, str]
) -> None:
    user = await api.user("anchor")
    async with another_process(api, conf) as other:
        for broadcast in range(10):
            start = broadcast * 1000
            here, there = ({**recorded(name, start, start + 400), "file_id": f"{name}_{broadcast}"} for name in names)
            await gen.multi([store(api, here), store(other, there), store(api, there), store(other, here)])
    assert len(await replays(api, user.token)) == 10


@pytest.mark.gen_test
async def test_simultaneous_deliveries_through_two_processes_make_one_replay(api: Api, conf: Settings) -> None:
    user = await api.user("anchor")
    async with open_services(conf) as second:
        bodies = [recorded(name, 0, 400) for name in ("m1", "h1") * 10]
        there = [second.recordings.receive(body, json.dumps(body).encode(), "") for body in bodies]
        await gen.multi([*(store(api, body) for body in bodies), *there])
    (replay,) = await replays(api, user.token)
    assert (replay["play_url"], replay["hls_play_url"]) == ("http://vod/m1", "http://vod/h1")


@pytest.mark.gen_test
async def test_a_replay_takes_the_room_in_force_when_it_started(api: Api, mysql: Cursor) -> None:
    user = await api.user("anchor")
    for title, at in (("older", -500), ("own", 120), ("later", 121)):
        mysql.execute(
            "INSERT INTO tb_room (userid, title, location, frontcover, create_time)"
            " VALUES ('anchor', %s, 'here', 'http://c', FROM_UNIXTIME(%s))",
            (title, START + at),
        )
    await store(api, event())
    (replay,) = await replays(api, user.token)
    assert (replay["title"], replay["location"], replay["frontcover"]) == ("own", "here", "http://c")


@pytest.mark.gen_test
async def test_without_a_room_a_replay_has_the_profiles_frontcover(api: Api) -> None:
    user = await api.user("anchor")
    await api.call("/upload_user_info", {"frontcover": "http://mine"}, token=user.token)
    await api.call("/upload_room", {"title": "of another broadcast"}, token=user.token)
    await store(api, event())
    (replay,) = await replays(api, user.token)
    assert (replay["title"], replay["frontcover"]) == ("", "http://mine")


@pytest.mark.gen_test
async def test_an_unknown_users_event_is_kept_once_and_delivered_later(
    api: Api, app: Application, mysql: Cursor
) -> None:
    await store(api, event(), event(), {**event(), "file_id": "", "video_id": "v2"}, event(stream_id="x"))
    assert count(mysql, "tb_undelivered_callback") == 3
    assert await app.services.recordings.replay_undelivered() == (0, 3)
    user = await api.user("anchor")
    assert await app.services.recordings.replay_undelivered() == (2, 1)
    assert await app.services.recordings.replay_undelivered() == (0, 1)
    assert {replay["file_id"] for replay in await replays(api, user.token)} == {"m1", "v2"}


@pytest.mark.gen_test
@pytest.mark.conf("--live.min_duration", "60")
async def test_recordings_shorter_than_the_minimum_are_ignored(api: Api, mysql: Cursor) -> None:
    user = await api.user("anchor")
    short, long = event(duration=59, file_id="short"), event(duration=60, file_id="long")
    await store(api, short, long, {**short, "stream_id": "5000_nobody"})
    assert [replay["file_id"] for replay in await replays(api, user.token)] == ["long"]
    assert count(mysql, "tb_undelivered_callback") == 0


@pytest.mark.gen_test
@pytest.mark.conf("--live.min_duration", "60")
async def test_a_kept_event_that_is_too_short_by_now_is_dropped(api: Api, app: Application, mysql: Cursor) -> None:
    body = json.dumps(event(duration=59))
    mysql.execute("INSERT INTO tb_undelivered_callback (event_id, body) VALUES ('1', %s)", (body,))
    assert await app.services.recordings.replay_undelivered() == (1, 0)
    assert count(mysql, "tb_undelivered_callback") == 0


@pytest.mark.gen_test
async def test_the_shortest_recording_is_a_replay_by_default(api: Api) -> None:
    user = await api.user("anchor")
    await store(api, event(duration=0, end_time=START))
    assert len(await replays(api, user.token)) == 1


BIZID = pytest.mark.conf("--live.bizid", "77")


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("stream_id", "userid"),
    [
        ("5000_anchor", "anchor"),
        ("5000_user_01", "user_01"),
        ("5000_6000_anchor", "6000_anchor"),
        ("anchor", "anchor"),
        ("x5000_anchor", "x5000_anchor"),
        pytest.param("77_anchor", "anchor", marks=BIZID),
        pytest.param("77_5000_anchor", "5000_anchor", marks=BIZID),
        pytest.param("5000_anchor", "5000_anchor", marks=BIZID),
        pytest.param("anchor", "anchor", marks=BIZID),
        pytest.param("a77_anchor", "a77_anchor", marks=BIZID),
    ],
)
async def test_the_user_is_the_stream_id_without_its_bizid(
    api: Api, mysql: Cursor, stream_id: str, userid: str
) -> None:
    user = await api.user()
    mysql.execute("INSERT INTO tb_account (userid, password) VALUES (%s, '')", (userid,))  # an imported one
    await store(api, event(stream_id=stream_id))
    assert [replay["userid"] for replay in await replays(api, user.token)] == [userid]
    assert count(mysql, "tb_undelivered_callback") == 0


@pytest.mark.gen_test
async def test_other_events_are_ignored(api: Api, mysql: Cursor) -> None:
    fresh = event()
    for body in VECTORS["live_callback"][2]["bodies"]:
        assert await deliver(api, {**body, "t": fresh["t"], "sign": fresh["sign"]}) == (200, {"code": 0})
    assert count(mysql, "tb_undelivered_callback") == 0


@pytest.mark.gen_test
@pytest.mark.parametrize(("age", "status"), [(-86390, 200), (0, 200), (890, 200), (901, 403), (10**9, 403)])
async def test_an_event_is_good_until_15_minutes_past_its_expiry(api: Api, age: int, status: int) -> None:
    await api.user("anchor")
    answered, answer = await deliver(api, event(t=int(time.time()) - age))
    assert answered == status
    assert status == 200 or re.fullmatch(r"t: is \d+ s in the past, of which 900 are allowed", answer["message"])


@pytest.mark.gen_test
@pytest.mark.parametrize("ahead", [86400 + 600, 10**11])
async def test_an_event_that_expires_in_days_is_refused(api: Api, mysql: Cursor, ahead: int) -> None:
    await api.user("anchor")
    status, answer = await deliver(api, event(t=int(time.time()) + ahead))
    assert (status, answer["code"]) == (403, 4004)
    assert re.fullmatch(r"t: is \d+ s ahead, of which 86400 are allowed", answer["message"])
    assert count(mysql, "tb_vod_file") == 0


@pytest.mark.gen_test
@pytest.mark.parametrize("sign", ["", "x", "é", hashlib.md5(b"1").hexdigest()])
async def test_a_forged_event_is_refused(api: Api, mysql: Cursor, sign: str) -> None:
    await api.user("anchor")
    status, answer = await deliver(api, event(sign=sign))
    assert (status, answer["code"], count(mysql, "tb_vod")) == (403, 4004, 0)
    assert answer["message"] == "sign: is not md5(callback key + t)"


@pytest.mark.gen_test
@pytest.mark.conf("--live.callback_key", "")
async def test_without_a_key_every_event_is_refused(api: Api) -> None:
    t = int(time.time()) + 600
    sign = hashlib.md5(str(t).encode()).hexdigest()
    assert (await deliver(api, event(t=t, sign=sign)))[0] == 403


@pytest.mark.gen_test
@pytest.mark.conf("--live.callback_key", "new", "--live.previous_callback_key", "old")
async def test_both_keys_of_a_rotation_are_accepted(api: Api) -> None:
    await api.user("anchor")
    t = int(time.time()) + 600
    signs = [hashlib.md5(f"{key}{t}".encode()).hexdigest() for key in ("new", "old", "", "other")]
    assert [(await deliver(api, event(t=t, sign=sign)))[0] for sign in signs] == [200, 200, 403, 403]


@pytest.mark.gen_test
@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"t": NaN}', b"\xff"])
async def test_a_body_that_is_no_event_is_refused(api: Api, body: bytes) -> None:
    response = await api.fetch(PATH, body)
    expected = 4002 if body == b"" else 4001  # an empty body is an empty object
    assert (response.code, json.loads(response.body)["code"]) == (400, expected)


NOT_INTEGERS: list[object] = [1.5, True, "x", []]
NOT_TEXTS: list[object] = [7, [], {}]
SIGNATURE = ("t", "sign")
UNSIGNED: list[tuple[str, object]] = [
    *((name, None) for name in SIGNATURE),
    *itertools.product(["t"], [*NOT_INTEGERS, -1]),
    *itertools.product(["sign"], NOT_TEXTS),
    *((name, "\ud800") for name in SIGNATURE),
]
UNUSABLE: list[tuple[str, object]] = [
    *((name, None) for name in event() if name not in ("appid", "duration", *SIGNATURE)),
    *itertools.product(("start_time", "end_time", "duration", "event_type"), NOT_INTEGERS),
    *itertools.product(("stream_id", "file_id", "video_url", "file_format"), NOT_TEXTS),
    ("start_time", -1),
    ("end_time", START - 1),
    ("end_time", 10**18),
    ("end_time", 4102444800),  # it would lead the list up to the year 2100
    ("duration", -1),
    ("stream_id", "x" * 256),
    ("stream_id", "5000_anchor "),
    ("start_time", 253402300799),
    ("file_id", "a b"),
    ("file_id", "x" * 151),
    ("video_url", "ftp://x"),
    *(("file_format", bad) for bad in ("avi", "mp3", "fmp4", "")),
    *((name, "\ud800") for name in event() if name not in ("appid", *SIGNATURE)),
]


@pytest.mark.gen_test
@pytest.mark.parametrize(("name", "bad"), UNSIGNED)
async def test_an_event_without_a_readable_signature_is_refused(
    api: Api, mysql: Cursor, name: str, bad: object
) -> None:
    await api.user("anchor")
    status, answer = await deliver(api, {**event(), name: bad})
    assert (status, answer["code"]) == (400, 4002)
    assert answer["message"].startswith(f"{name}: ")
    assert count(mysql, "tb_vod") == count(mysql, "tb_vod_file") == count(mysql, "tb_undelivered_callback") == 0


@pytest.mark.gen_test
@pytest.mark.parametrize(("name", "bad"), UNUSABLE)
async def test_a_signed_event_that_cannot_be_used_is_kept_whole(
    api: Api, mysql: Cursor, logged: list[dict[str, Any]], name: str, bad: object
) -> None:
    await api.user("anchor")
    first = event()
    again = event(t=first["t"] + 1)  # a repetition is signed anew
    await store(api, {**first, name: bad}, {**again, name: bad})
    ((reason, body),) = undelivered(mysql)
    assert reason.startswith(f"{name}: ")
    assert json.loads(body) == {**again, name: bad}
    assert [line["reason"] for line in logged if line["event"] == "event kept"] == [reason, reason]
    assert count(mysql, "tb_vod") == count(mysql, "tb_vod_file") == 0


@pytest.mark.gen_test
async def test_an_event_that_cannot_be_used_stays_kept_until_it_can_be(
    api: Api, app: Application, mysql: Cursor
) -> None:
    user = await api.user("anchor")
    await store(api, event(file_format="avi"))
    assert await app.services.recordings.replay_undelivered() == (0, 1)
    mysql.execute("UPDATE tb_undelivered_callback SET body = REPLACE(body, 'avi', 'flv')")  # a later version knows it
    assert await app.services.recordings.replay_undelivered() == (1, 0)
    assert await app.services.recordings.replay_undelivered() == (0, 0)
    assert [replay["play_url"] for replay in await replays(api, user.token)] == ["http://vod/m1"]


@pytest.mark.gen_test
async def test_a_kept_event_that_is_not_readable_stops_no_other(api: Api, app: Application, mysql: Cursor) -> None:
    await api.user("anchor")
    bodies = [("1", '{"x":' + "[" * 5000 + "]" * 5000 + "}"), ("2", json.dumps(event()))]
    mysql.executemany("INSERT INTO tb_undelivered_callback (event_id, body) VALUES (%s, %s)", bodies)
    assert await app.services.recordings.replay_undelivered() == (1, 1)
    assert count(mysql, "tb_undelivered_callback") == 1


@pytest.mark.gen_test
@pytest.mark.parametrize("file_format", ["MP4", "Mp4", "FLV", "AAC", "HLS"])
async def test_a_format_counts_in_any_case(api: Api, mysql: Cursor, file_format: str) -> None:
    user = await api.user("anchor")
    await store(api, event(file_format=file_format))
    (replay,) = await replays(api, user.token)
    assert replay["hls_play_url" if file_format == "HLS" else "play_url"] == "http://vod/m1"
    assert count(mysql, "tb_undelivered_callback") == 0


@pytest.mark.gen_test
@pytest.mark.parametrize("name", ["file_id", "video_id", "record_file_id"])
@pytest.mark.parametrize("others", [{}, {"file_id": None}, {"file_id": ""}])
async def test_a_file_may_be_named_by_three_fields(api: Api, name: str, others: dict[str, Any]) -> None:
    user = await api.user("anchor")
    unnamed = {field: value for field, value in event().items() if field != "file_id"}
    await store(api, {**unnamed, **others, name: "m1"})
    assert [replay["file_id"] for replay in await replays(api, user.token)] == ["m1"]


@pytest.mark.gen_test
@pytest.mark.logs_errors
@pytest.mark.parametrize("table", ["tb_account", "tb_room", "tb_vod", "tb_vod_file"])
async def test_an_event_that_cannot_be_stored_is_refused_for_a_retry(api: Api, mysql: Cursor, table: str) -> None:
    user = await api.user("anchor")
    with away(mysql, table):
        assert await deliver(api, event()) == (500, {"code": 500, "message": "internal error"})
    assert count(mysql, "tb_vod_file") == count(mysql, "tb_vod") == count(mysql, "tb_undelivered_callback") == 0
    await store(api, event())
    assert len(await replays(api, user.token)) == 1


@pytest.mark.gen_test
@pytest.mark.logs_errors
async def test_an_unknown_users_event_that_cannot_be_kept_is_refused_for_a_retry(api: Api, mysql: Cursor) -> None:
    with away(mysql, "tb_undelivered_callback"):
        assert (await deliver(api, event()))[0] == 500
    await store(api, event())
    assert count(mysql, "tb_undelivered_callback") == 1


@pytest.mark.gen_test
@pytest.mark.logs_errors
async def test_a_kept_event_that_is_stored_but_not_forgotten_is_forgotten_by_the_next_delivery(
    api: Api, mysql: Cursor
) -> None:
    await store(api, event())  # of nobody
    user = await api.user("anchor")
    with away(mysql, "tb_undelivered_callback"):
        assert (await deliver(api, event()))[0] == 500
    assert (len(await replays(api, user.token)), count(mysql, "tb_undelivered_callback")) == (1, 1)
    await store(api, event())
    assert (len(await replays(api, user.token)), count(mysql, "tb_undelivered_callback")) == (1, 0)


@pytest.mark.gen_test
@pytest.mark.conf("--mysql.query_timeout", "0.3")
async def test_an_event_that_waits_too_long_for_the_database_is_refused_for_a_retry(api: Api, mysql: Cursor) -> None:
    user = await api.user("anchor")
    mysql.execute("START TRANSACTION")
    mysql.execute("SELECT userid FROM tb_account FOR UPDATE")
    assert (await deliver(api, event()))[0] == 503
    mysql.execute("COMMIT")
    await store(api, event())
    assert len(await replays(api, user.token)) == 1


@pytest.mark.gen_test
@pytest.mark.conf("--live.callback_key", CAPTURED["key"])
@pytest.mark.parametrize("body", CAPTURED["bodies"])
async def test_a_captured_event_is_stale_by_now(api: Api, mysql: Cursor, body: dict[str, Any]) -> None:
    await api.user("user_01")
    status, answer = await deliver(api, body)
    assert (status, answer["code"], count(mysql, "tb_vod")) == (403, 4004, 0)


@pytest.mark.gen_test
@pytest.mark.parametrize("as_sent", [int, str])
async def test_numbers_may_come_as_text(api: Api, as_sent: type) -> None:
    user = await api.user("anchor")
    numbers = {"event_type": 100, "start_time": START, "end_time": START + 400, "duration": 400}
    t = as_sent(int(time.time()) + 600)
    await store(api, event(t=t, **{name: as_sent(number) for name, number in numbers.items()}))
    (replay,) = await replays(api, user.token)
    assert (replay["start_time"], replay["create_time"]) == ("2023-11-15 06:13:20", "2023-11-15 06:20:00")


@pytest.mark.gen_test
@pytest.mark.parametrize("event_type", [0, 1, 200, 332, -1, "1"])
async def test_an_event_of_another_type_needs_no_recording(api: Api, mysql: Cursor, event_type: object) -> None:
    await api.user("anchor")
    head = {name: value for name, value in event().items() if name in ("t", "sign", "stream_id")}
    await store(api, {**head, "event_type": event_type}, event(event_type=event_type))
    assert count(mysql, "tb_vod") == count(mysql, "tb_vod_file") == count(mysql, "tb_undelivered_callback") == 0


@pytest.mark.gen_test
@pytest.mark.parametrize("event_type", [1, 100])
async def test_a_forged_event_is_refused_before_anything_else_is_read(api: Api, event_type: int) -> None:
    status, answer = await deliver(api, {"t": event()["t"], "sign": "f" * 32, "event_type": event_type})
    assert (status, answer["code"]) == (403, 4004)


@pytest.mark.gen_test
@pytest.mark.parametrize("absent", [{}, {"file_id": None}, {"file_id": ""}])
async def test_the_video_id_replaces_an_absent_file_id(api: Api, absent: dict[str, Any]) -> None:
    user = await api.user("anchor")
    named = {name: value for name, value in event().items() if name != "file_id"}
    await store(api, {**named, **absent, "video_id": "1250_v1"}, event(file_id="m2", video_id="1250_v2"))
    assert {replay["file_id"] for replay in await replays(api, user.token)} == {"1250_v1", "m2"}


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("names", "play_url", "hls_play_url"),
    [(["f1"], "http://vod/f1", ""), (["h1"], "", "http://vod/h1"), (["f1", "m1"], "http://vod/m1", "")],
)
async def test_each_format_fills_its_url(api: Api, names: list[str], play_url: str, hls_play_url: str) -> None:
    user = await api.user("anchor")
    await store(api, *(recorded(name, 0, 400) for name in names))
    (replay,) = await replays(api, user.token)
    assert (replay["play_url"], replay["hls_play_url"]) == (play_url, hls_play_url)


@pytest.mark.gen_test
async def test_duplicates_change_nothing(api: Api, mysql: Cursor) -> None:
    user = await api.user("anchor")
    events = [recorded("m1", 0, 400), recorded("h1", 1, 399), recorded("m2", 500, 900)]
    await store(api, *events)
    mysql.execute("UPDATE tb_vod SET like_count = 5")
    before = await replays(api, user.token)
    await api.call("/upload_user_info", {"frontcover": "http://new"}, token=user.token)
    await store(api, *reversed(events), *({**body, "video_url": "http://vod/moved"} for body in events))
    assert await replays(api, user.token) == before


@pytest.mark.gen_test
async def test_an_imported_replay_is_not_doubled(api: Api, mysql: Cursor) -> None:
    user = await api.user("anchor")
    mysql.execute(
        "INSERT INTO tb_vod (userid, file_id, title, frontcover, location, start_time, create_time)"
        " VALUES ('anchor', 'm1', 'imported', '', '', '2026-01-01', '2026-01-01')"
    )
    await store(api, event())
    (replay,) = await replays(api, user.token)
    assert replay["title"] == "imported"


@pytest.mark.gen_test
async def test_an_unknown_users_event_is_kept_as_it_came(api: Api, mysql: Cursor, logged: list[dict[str, Any]]) -> None:
    raw = json.dumps({**event(), "extra": "额外 😀"}, indent=1, ensure_ascii=False)
    for _ in range(2):
        assert (await api.fetch(PATH, raw.encode())).body == b'{"code":0}'
    assert undelivered(mysql) == [("stream_id: names no user", raw)]
    assert [line["reason"] for line in logged if line["event"] == "event kept"] == ["stream_id: names no user"] * 2


@pytest.mark.gen_test
async def test_an_unknown_users_event_that_comes_twenty_times_at_once_is_kept_once(
    api: Api, conf: Settings, mysql: Cursor
) -> None:
    async with another_process(api, conf) as other:
        await gen.multi([store(process, event()) for process in (api, other) for _ in range(20)])
    assert count(mysql, "tb_undelivered_callback") == 1


@pytest.mark.gen_test
async def test_no_event_is_lost_while_its_user_registers(api: Api, mysql: Cursor) -> None:
    events = [store(api, recorded(f"m{n}", 0, 400)) for n in range(40)]
    registration = api.call("/register", {"userid": "anchor", "password": PASSWORD})
    *_, answer = await gen.multi([*events, registration])
    assert answer["code"] == 200
    assert count(mysql, "tb_vod") + count(mysql, "tb_undelivered_callback") == 40


@pytest.mark.gen_test
async def test_a_later_event_of_the_same_file_delivers_the_one_that_was_kept(api: Api, mysql: Cursor) -> None:
    await store(api, event())
    user = await api.user("anchor")
    await store(api, event())
    assert (len(await replays(api, user.token)), count(mysql, "tb_undelivered_callback")) == (1, 0)


@pytest.mark.gen_test
async def test_a_broadcast_takes_the_room_uploaded_just_before(api: Api) -> None:
    user, other = await api.user("anchor"), await api.user("other")
    room = {"title": "标题 😀", "location": "深圳", "frontcover": "http://cover"}
    await api.call("/upload_room", {"title": "first"}, token=user.token)
    await api.call("/upload_room", room, token=user.token)
    await api.call("/upload_room", {"title": "not mine"}, token=other.token)
    now = int(time.time())
    await store(api, event(start_time=now, end_time=now + 400))
    (replay,) = await replays(api, user.token)
    assert replay.items() >= room.items()


@pytest.mark.gen_test
async def test_each_broadcast_of_a_user_keeps_its_own_room(api: Api, mysql: Cursor) -> None:
    user = await api.user("anchor")
    for number in range(3):
        mysql.execute(
            "INSERT INTO tb_room (userid, title, location, frontcover, create_time)"
            " VALUES ('anchor', %s, '', '', FROM_UNIXTIME(%s))",
            (f"room {number}", START + 1000 * number - 5),
        )
    starts = {number: 1000 * number for number in range(3)}
    for name in ("h", "m"):  # the later broadcasts' files come first
        await store(api, *(recorded(f"{name}{n}", starts[n], starts[n] + 400) for n in (2, 1, 0)))
    shown = [(replay["title"], replay["play_url"], replay["hls_play_url"]) for replay in await replays(api, user.token)]
    assert shown == [(f"room {n}", f"http://vod/m{n}", f"http://vod/h{n}") for n in (2, 1, 0)]


@pytest.mark.gen_test
async def test_a_short_broadcast_does_not_take_the_room_of_the_next_one(api: Api, mysql: Cursor) -> None:
    user = await api.user("anchor")
    for title, at in (("own", 0), ("next", 3)):
        mysql.execute(
            "INSERT INTO tb_room (userid, title, location, frontcover, create_time)"
            " VALUES ('anchor', %s, '', '', FROM_UNIXTIME(%s))",
            (title, START + at),
        )
    await store(api, recorded("m1", 0, 2), recorded("m2", 3, 60))
    assert [replay["title"] for replay in await replays(api, user.token)] == ["next", "own"]


@pytest.mark.gen_test
async def test_a_room_uploaded_in_the_second_of_the_end_is_in_force(api: Api, mysql: Cursor) -> None:
    user = await api.user("anchor")
    mysql.execute(
        "INSERT INTO tb_room (userid, title, location, frontcover, create_time)"
        " VALUES ('anchor', 'own', '', '', FROM_UNIXTIME(%s))",
        (START + 0.9,),
    )
    await store(api, recorded("m1", 0, 0))
    assert [replay["title"] for replay in await replays(api, user.token)] == ["own"]


@pytest.mark.gen_test
@pytest.mark.conf("--live.min_duration", "60")
async def test_an_event_without_a_duration_lasts_from_its_start_to_its_end(api: Api) -> None:
    user = await api.user("anchor")
    for name, length in (("short", 59), ("long", 60)):
        body = {**event(file_id=name, end_time=START + length), "duration": None}
        await store(api, body)
    assert [replay["file_id"] for replay in await replays(api, user.token)] == ["long"]


@pytest.mark.gen_test
async def test_a_room_uploaded_between_two_formats_does_not_change_the_replay(api: Api) -> None:
    user = await api.user("anchor")
    now = int(time.time())
    await api.call("/upload_room", {"title": "own"}, token=user.token)
    await store(api, event(start_time=now, end_time=now + 400))
    await api.call("/upload_room", {"title": "next"}, token=user.token)
    await store(api, event(file_id="h1", file_format="hls", start_time=now + 1, end_time=now + 401))
    assert [replay["title"] for replay in await replays(api, user.token)] == ["own"]


@pytest.mark.gen_test
@pytest.mark.parametrize("path", [PATH, PATH + ".php"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_post_delivers(api: Api, path: str, method: str) -> None:
    assert (await api.send(path, method=method))["code"] == 405


LAST_SECOND = 253402300799  # of the year 9999


@pytest.mark.gen_test
@pytest.mark.parametrize("start_time", [START, LAST_SECOND - 60])
async def test_an_event_of_the_last_accepted_second_does_not_break_the_list(api: Api, start_time: int) -> None:
    user = await api.user("anchor")
    status, _ = await deliver(api, event(start_time=start_time, end_time=LAST_SECOND))
    assert status == 200
    assert (await api.call("/get_vod_list", token=user.token))["code"] == 200


@pytest.mark.gen_test
async def test_a_format_that_a_replay_has_is_not_replaced_by_a_later_part(api: Api) -> None:
    user = await api.user("anchor")
    await store(api, recorded("m1", 0, 400), recorded("h1", 0, 201), recorded("h2", 203, 400))
    urls = {(replay["play_url"], replay["hls_play_url"]) for replay in await replays(api, user.token)}
    assert urls == {("http://vod/m1", "http://vod/h1"), ("", "http://vod/h2")}
