"""./scripts/admin seed: demo data."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from pymysql.cursors import Cursor
from redis import Redis

from tests.harness.admin_command import admin, result_of
from tests.harness.client import Api
from tests.harness.lists import LISTS, listed

FEW = ("--users", "3", "--broadcasts", "5", "--videos", "7")
TABLES = ("tb_account", "tb_room", "tb_vod", "tb_vod_file", "tb_ugc")


def rows(mysql: Cursor) -> dict[str, tuple[tuple[object, ...], ...]]:
    found = {}
    for table in TABLES:
        mysql.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
        found[table] = tuple(mysql.fetchall())
    return found


@pytest.mark.gen_test
async def test_seeded_users_log_in_as_the_app_does_and_the_lists_show_their_videos(api: Api, mysql: Cursor) -> None:
    reader = await api.user("reader")
    for path in LISTS:
        assert await listed(api, path, reader.token) == []
    assert result_of("seed", *FEW) == {"added": {"users": 3, "broadcasts": 5, "videos": 7}}
    assert [len(await listed(api, path, reader.token)) for path in LISTS] == [5, 7]
    (replay, *_) = await listed(api, LISTS[0], reader.token)
    for field in ("nickname", "title", "location"):
        assert re.fullmatch(r"[\u4e00-\u9fff]+", replay[field])
    password = hashlib.md5((hashlib.md5(b"xiaozhibo").hexdigest() + "demo00003").encode()).hexdigest()
    assert (await api.call("/login", {"userid": "demo00003", "password": password}))["code"] == 200
    mysql.execute("SELECT password FROM tb_account WHERE userid = 'demo00003'")
    assert mysql.fetchall()[0][0].startswith("$argon2id$")


def test_a_second_run_adds_what_is_missing_and_changes_nothing(mysql: Cursor, store: Redis) -> None:
    result_of("seed", *FEW)
    mysql.execute("UPDATE tb_account SET nickname = 'mine' WHERE userid = 'demo00001'")
    before = rows(mysql)
    assert result_of("seed", *FEW) == {"added": {"users": 0, "broadcasts": 0, "videos": 0}}
    assert rows(mysql) == before
    assert admin("seed", *FEW[:4], "--videos", "450") == (
        0,
        "added: 0 users, 0 broadcasts, 443 videos\nlog in as demo00001, password xiaozhibo\n",
        "",
    )


def test_two_runs_make_the_same_rows(mysql: Cursor, store: Redis) -> None:
    made = []
    for _ in range(2):
        result_of("seed", *FEW)
        mysql.execute("SELECT userid, file_id, title, location, like_count, hls_play_url FROM tb_vod ORDER BY 2")
        made.append(mysql.fetchall())
        for table in TABLES:
            mysql.execute(f"DELETE FROM {table}")
    assert made[0] == made[1]


def test_a_run_for_other_users_makes_no_video_twice(mysql: Cursor, store: Redis) -> None:
    result_of("seed", "--users", "9", "--broadcasts", "18", "--videos", "18")
    added = result_of("seed", "--users", "3", "--broadcasts", "9", "--videos", "12")["added"]
    assert added == {"users": 0, "broadcasts": 3, "videos": 6}  # two of each of the three are there
    for table in ("tb_vod", "tb_ugc"):
        assert mysql.execute(f"SELECT file_id FROM {table} GROUP BY file_id HAVING COUNT(*) > 1") == 0


def test_a_replay_is_what_the_events_of_its_files_would_have_made(mysql: Cursor, store: Redis) -> None:
    result_of("seed", "--users", "4", "--broadcasts", "40", "--videos", "0")
    mysql.execute(
        """
        SELECT v.userid, v.title, v.location, v.frontcover, v.play_url, v.hls_play_url, v.start_time, v.create_time,
               GROUP_CONCAT(f.file_format ORDER BY f.file_format DESC), MAX(f.file_id = v.file_id)
        FROM tb_vod v JOIN tb_vod_file f ON f.userid = v.userid AND f.replay_file_id = v.file_id
        GROUP BY v.userid, v.file_id ORDER BY v.userid, v.start_time
        """
    )
    replays = mysql.fetchall()
    assert {replay[8] for replay in replays} == {"mp4", "mp4,hls", "mp4,flv", "mp4,hls,flv"}
    for userid, title, location, cover, url, hls_url, start, end, formats, is_named in replays:
        assert (url.endswith(".mp4"), hls_url.endswith(".m3u8"), is_named) == (True, "hls" in formats, 1)
        assert timedelta(minutes=5) <= end - start <= timedelta(hours=3)
        mysql.execute(
            "SELECT title, location, frontcover FROM tb_room WHERE userid = %s AND create_time <= %s"
            " ORDER BY create_time DESC LIMIT 1",
            (userid, start),
        )
        assert mysql.fetchall() == ((title, location, cover),)
    for before, after in pairwise(replays):
        assert before[0] != after[0] or before[7] < after[6]  # nobody broadcasts twice at a time
    ages = [datetime.now(UTC).replace(tzinfo=None) - replay[7] for replay in replays]
    assert timedelta(0) <= min(ages) < timedelta(days=10)
    assert timedelta(days=50) < max(ages) < timedelta(days=61)


@pytest.mark.gen_test
async def test_a_replay_that_has_been_deleted_stays_deleted(api: Api, mysql: Cursor) -> None:
    result_of("seed", *FEW)
    mysql.execute("SELECT userid, file_id FROM tb_vod LIMIT 1")
    assert admin("vod", "delete", *mysql.fetchall()[0], "--yes")[0] == 0
    assert result_of("seed", *FEW)["added"]["broadcasts"] == 0
    assert mysql.execute("SELECT 1 FROM tb_vod") == 4


def test_the_next_run_completes_one_that_was_interrupted(mysql: Cursor, store: Redis) -> None:
    result_of("seed", *FEW)
    before = rows(mysql)
    for table in ("tb_room", "tb_vod", "tb_vod_file"):
        mysql.execute(f"DELETE FROM {table} WHERE userid = 'demo00002'")
    added = len(before["tb_vod"]) - len(rows(mysql)["tb_vod"])
    assert result_of("seed", *FEW)["added"]["broadcasts"] == added > 0
    assert {table: len(found) for table, found in rows(mysql).items()} == {
        table: len(found) for table, found in before.items()
    }


def test_a_terminal_shows_the_progress(mysql: Cursor, store: Redis) -> None:
    code, output, errors = admin("seed", *FEW, TTY_COMPATIBLE="1", FORCE_COLOR="1")
    assert code == 0
    assert re.search("broadcasts.*100%", errors)
    assert "\x1b" not in output


@pytest.mark.parametrize("option", ["--users", "--broadcasts"])
def test_a_count_is_a_number_that_fits(option: str) -> None:
    assert admin("seed", option, "-1")[0] == 2


def test_production_is_refused_without_force(mysql: Cursor, store: Redis) -> None:
    real = {
        "XZB_ENVIRONMENT": "production",
        "XZB_HTTP__TLS_PORT": "0",
        "XZB_PASSWORD__REMEMBER_KEY": "0" * 32,
        "XZB_LIVE__CALLBACK_KEY": "k1",
        "XZB_LIVE__API_KEY": "k2",
        "XZB_IM__SDKAPPID": "1400000001",
        "XZB_IM__SECRET_KEY": "k3",
        "XZB_COS__APPID": "1250000001",
        "XZB_COS__BUCKET": "b",
        "XZB_COS__SECRET_ID": "k4",
        "XZB_COS__SECRET_KEY": "k5",
        "XZB_VOD__SECRET_ID": "k6",
        "XZB_VOD__SECRET_KEY": "k7",
    }
    code, output, errors = admin("seed", *FEW, **real)
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("this is production")
    assert mysql.execute("SELECT 1 FROM tb_account") == 0
    assert admin("seed", *FEW, "--force", **real)[0] == 0
    assert mysql.execute("SELECT 1 FROM tb_account") == 3
