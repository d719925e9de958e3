"""./scripts/admin import-official: users of an official server move in, and what they published."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pymysql.cursors import Cursor
from redis import Redis

from conf.settings import mysql_arguments
from handlers.transport.application import Application
from models import account
from models.account import NewAccount
from models.database import Queries
from models.errors import StoreUnavailable
from models.official import OfficialDatabase
from services.official import importer
from services.official.report import Report
from tests.harness.admin_command import admin, result_of
from tests.harness.client import PASSWORD, Api
from tests.harness.events import event
from tests.harness.official import (
    OFFICIAL,
    OFFICIAL_URL,
    PHP_UGC,
    ZERO,
    insert,
    official_database,
    password_of,
    populate,
)
from tests.harness.stores import DATABASE, MYSQL_URL, connect_mysql

REFUSED_USERID = "userid: cannot be registered here (decisions, sections 4 and 6)"
NOT_IMPORTED = "userid: its account was not imported"


@pytest.fixture
def php(mysql: Cursor, store: Redis) -> Iterator[Cursor]:
    """An empty database of the PHP server."""
    with official_database("php") as cursor:
        yield cursor


def run_import(*options: str) -> dict[str, Any]:
    """The report of the command."""
    report: dict[str, Any] = result_of("import-official", "--from", OFFICIAL_URL, *options)
    return report


async def import_now(app: Application, timezone: str = "Asia/Shanghai") -> Report:
    """The report of an import in this process."""
    async with OfficialDatabase.open(mysql_arguments(OFFICIAL_URL), ZoneInfo(timezone)) as source:
        return await app.services.official_import.run(source, dry_run=False, on_progress=lambda *_: None)


def rows(mysql: Cursor, sql: str) -> Sequence[Any]:
    mysql.execute(sql)
    return mysql.fetchall()


def test_every_row_is_imported_or_skipped_for_a_reason(php: Cursor, mysql: Cursor) -> None:
    php.execute(PHP_UGC)
    made = populate(php, accounts=2500, replays=500, videos=200)
    report = run_import()
    users, replays, videos = (report["tables"][name] for name in ("tb_account", "tb_vod", "tb_ugc"))

    bad_userids = made.accounts["digits and _ in front"] + made.accounts["space in the userid"]
    bad_userids += made.accounts["long userid"] + 1  # "user 42"
    assert users["skipped"] == {REFUSED_USERID: bad_userids}
    assert users["changed"] == {
        "password: none that a client sends, so nobody can log in": made.accounts["no password"]
        + made.accounts["password with spaces"],
        "avatar: no http(s) URL, left empty": made.accounts["avatar is no URL"],
        "avatar: http: put before it": made.accounts["avatar without scheme"],
        "create_time: zero or NULL, became 1970-01-01, the time is unknown": made.accounts["zero date"],
        "nickname: control characters removed": made.accounts["control characters"],
        "sex: not from -1 to 1, became -1": made.accounts["sex"],
    }
    assert (users["read"], users["imported"]) == (2501, 2501 - bad_userids)
    assert rows(mysql, "SELECT COUNT(*) FROM tb_account") == ((users["imported"],),)

    assert replays["skipped"] == {
        "userid: has no account in the source": made.replays["no account"],
        NOT_IMPORTED: made.replays["account that cannot be imported"],
        "play_url, hls_play_url: neither is an http(s) URL": made.replays["no address"],
        "file_id: not 1 to 150 letters, digits, '_' or '-'": made.replays["bad file_id"],
    }
    assert replays["changed"] == {
        "start_time: zero or NULL, became create_time": made.replays["zero start"] + made.replays["no time at all"],
        "create_time: zero or NULL, became start_time": made.replays["zero end"],
        "create_time: zero or NULL, became 1970-01-01, the time is unknown": made.replays["no time at all"],
        "userid: spelled as in tb_account": made.replays["other case"],
        "like_count: not from 0 to 4294967295, became 0": made.replays["negative count"],
    }
    assert replays["imported"] == 500 - sum(replays["skipped"].values())
    assert rows(mysql, "SELECT COUNT(*) FROM tb_vod") == ((replays["imported"],),)

    assert videos["skipped"] == {
        "userid: has no account in the source": made.videos["no account"],
        "play_url: no http(s) URL": made.videos["no address"],
    }
    assert rows(mysql, "SELECT COUNT(*) FROM tb_ugc") == ((200 - sum(videos["skipped"].values()),),)
    assert videos["examples"]["play_url: no http(s) URL"][0].startswith("'u")


def test_a_dry_run_says_the_same_and_writes_nothing(php: Cursor, mysql: Cursor) -> None:
    php.execute(PHP_UGC)
    populate(php, accounts=100, replays=60, videos=20)
    dry = run_import("--dry-run")
    assert rows(mysql, "SELECT (SELECT COUNT(*) FROM tb_account) + (SELECT COUNT(*) FROM tb_imported)") == ((0,),)
    assert dry.pop("dry_run") is True
    real = run_import()
    assert real.pop("dry_run") is False
    assert dry == real


@pytest.mark.gen_test
async def test_users_log_in_with_their_old_passwords_and_find_what_is_theirs(
    php: Cursor, mysql: Cursor, app: Application, api: Api
) -> None:
    php.execute(PHP_UGC)
    insert(
        php,
        "tb_account",
        userid="Alice",
        password=password_of("Alice"),
        nickname="小明😀",
        sex=1,
        create_time="2018-01-01",
    )
    insert(php, "tb_room", userid="Alice", title="t" * 200, location=None, create_time="2020-05-05 12:00:00")
    address = "http://example.com/1"
    times = {"start_time": "2020-05-05 12:00:00", "create_time": "2020-05-05 13:00:00"}
    insert(php, "tb_vod", userid="alice ", file_id="v1", title="直播🎉", play_url=address, **times)
    insert(php, "tb_ugc", userid="Alice", file_id="s1", title="猫", play_url=address, create_time="2021-01-01 16:00:00")
    other = await api.user()
    for path in ("/get_vod_list", "/get_ugc_list"):  # cached now
        assert (await api.call(path, token=other.token))["data"]["list"] == []
    await import_now(app)

    answer = await api.call("/login", {"userid": "Alice", "password": password_of("Alice")})
    assert answer["code"] == 200
    assert rows(mysql, "SELECT password LIKE '$argon2id$%' FROM tb_account WHERE userid = 'Alice'") == ((1,),)
    profile = (await api.call("/get_user_info", token=answer["data"]["token"]))["data"]
    assert (profile["nickname"], profile["sex"], profile["avatar"]) == ("小明😀", 1, "")
    (replay,) = (await api.call("/get_vod_list", token=other.token))["data"]["list"]
    assert (replay["userid"], replay["title"], replay["play_url"]) == ("Alice", "直播🎉", address)
    assert (replay["start_time"], replay["create_time"]) == ("2020-05-05 20:00:00", "2020-05-05 21:00:00")
    (video,) = (await api.call("/get_ugc_list", token=other.token))["data"]["list"]
    assert (video["title"], video["create_time"]) == ("猫", "2021-01-02 00:00:00")
    assert rows(mysql, "SELECT userid, title, location FROM tb_room") == (("Alice", "t" * 128, ""),)


@pytest.mark.gen_test
async def test_another_run_brings_what_is_new_and_leaves_the_rest_alone(
    php: Cursor, mysql: Cursor, app: Application, api: Api
) -> None:
    php.execute(PHP_UGC)
    for userid in ("stays", "leaves"):
        insert(php, "tb_account", userid=userid, password=password_of(userid), nickname="old")
        insert(php, "tb_vod", userid=userid, file_id="v", play_url="http://a/v", start_time="2020-01-01")
        insert(php, "tb_ugc", userid=userid, file_id="kept", title="old", play_url="http://a/s")
        insert(php, "tb_ugc", userid=userid, file_id="gone", play_url="http://a/s")
    await import_now(app)

    token = {}
    for userid in ("stays", "leaves"):
        answer = await api.call("/login", {"userid": userid, "password": password_of(userid)})
        token[userid] = answer["data"]["token"]
    await api.call("/upload_user_info", {"nickname": "new"}, token=token["stays"])
    await api.call("/upload_ugc", {"file_id": "kept", "title": "new", "play_url": "http://b"}, token=token["stays"])
    assert (await api.call("/delete_ugc", {"file_id": "gone"}, token=token["stays"]))["code"] == 200
    answer = await api.call("/delete_account", {"password": password_of("leaves")}, token=token["leaves"])
    assert answer["code"] == 200
    php.execute("UPDATE tb_vod SET hls_play_url = 'http://a/v.m3u8', play_url = 'http://other', title = 'other'")
    insert(php, "tb_vod", userid="stays", file_id="v2", play_url="http://a/v2", start_time="2020-02-01")
    insert(php, "tb_vod", userid="leaves", file_id="v2", play_url="http://a/v2", start_time="2020-02-01")
    insert(php, "tb_account", userid="newcomer", password=password_of("newcomer"))
    report = await import_now(app)

    assert rows(mysql, "SELECT userid, nickname FROM tb_account ORDER BY userid") == (
        ("newcomer", ""),
        ("stays", "new"),
    )
    assert rows(mysql, "SELECT userid, file_id, title, play_url FROM tb_ugc") == (("stays", "kept", "new", "http://b"),)
    assert rows(mysql, "SELECT userid, file_id, title, play_url, hls_play_url FROM tb_vod ORDER BY file_id") == (
        ("stays", "v", "", "http://a/v", "http://a/v.m3u8"),
        ("stays", "v2", "", "http://a/v2", ""),
    )
    assert (report.tables["tb_vod"].completed, report.tables["tb_vod"].imported) == (1, 1)
    assert report.tables["tb_vod"].skipped == Counter({NOT_IMPORTED: 1})
    assert report.tables["tb_account"].imported_before == 2


@pytest.mark.gen_test
async def test_an_account_made_here_is_not_given_what_its_namesake_published(
    php: Cursor, mysql: Cursor, app: Application, api: Api
) -> None:
    await api.user("bob")
    insert(php, "tb_account", userid="bob", password=password_of("bob"), nickname="another bob")
    insert(php, "tb_room", userid="bob", title="t")
    insert(php, "tb_vod", userid="bob", file_id="v", play_url="http://a/v", start_time="2020-01-01")
    report = await import_now(app)
    assert report.tables["tb_account"].skipped == Counter({"userid: somebody registered it here": 1})
    assert report.tables["tb_vod"].skipped == report.tables["tb_room"].skipped == Counter({NOT_IMPORTED: 1})
    assert (await api.call("/login", {"userid": "bob", "password": PASSWORD}))["code"] == 200
    assert rows(mysql, "SELECT COUNT(*) FROM tb_vod") == ((0,),)


@pytest.mark.gen_test
async def test_an_interrupted_import_goes_on_where_it_stopped(
    php: Cursor, mysql: Cursor, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    php.execute(PHP_UGC)
    populate(php, accounts=100, replays=40, videos=20)
    monkeypatch.setattr(importer, "_BATCH", 30)
    fetch_many, calls = OfficialDatabase._fetch_many, 0

    async def break_off(self: OfficialDatabase, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise StoreUnavailable("mysql", "gone", "SELECT tb_account")
        return await fetch_many(self, *args)

    with monkeypatch.context() as broken:
        broken.setattr(OfficialDatabase, "_fetch_many", break_off)
        with pytest.raises(StoreUnavailable):
            await import_now(app)
    ((first,),) = rows(mysql, "SELECT COUNT(*) FROM tb_account")
    report = await import_now(app)
    assert report.tables["tb_account"].imported_before == first > 0
    ((count,),) = rows(mysql, "SELECT COUNT(*) FROM tb_account")
    assert count == first + report.tables["tb_account"].imported == 101 - report.tables["tb_account"].skipped.total()
    assert report.tables["tb_vod"].imported == rows(mysql, "SELECT COUNT(*) FROM tb_vod")[0][0] > 0


@pytest.mark.gen_test
async def test_who_registers_during_the_import_keeps_the_account(
    php: Cursor, mysql: Cursor, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(php, "tb_account", userid="quick", password=password_of("quick"))
    insert(php, "tb_account", userid="other", password=password_of("other"))
    insert_many = account.insert_many

    async def insert_later(db: Queries, accounts: Sequence[NewAccount]) -> None:
        mysql.execute("INSERT IGNORE INTO tb_account (userid, password) VALUES ('quick', 'mine')")
        await insert_many(db, accounts)

    (table, *others) = importer._TABLES
    late = importer._Table(**{**vars(table), "insert": insert_later})
    monkeypatch.setattr(importer, "_TABLES", (late, *others))
    report = await import_now(app)
    assert report.tables["tb_account"].skipped == Counter({"userid: somebody registered it here": 1})
    assert rows(mysql, "SELECT userid, password FROM tb_account ORDER BY userid") == (
        ("other", password_of("other")),
        ("quick", "mine"),
    )


@pytest.mark.gen_test
async def test_the_node_servers_videos_come_without_those_that_its_review_blocked(
    mysql: Cursor, app: Application
) -> None:
    with official_database("node") as node:
        insert(node, "tb_account", userid="anna", password="long-and-plain")
        for file_id, review in (("new", 0), ("normal", 1), ("porn", 2)):
            insert(node, "tb_ugc", userid="anna", file_id=file_id, play_url="http://a/s", review_status=review)
        report = await import_now(app)
    assert rows(mysql, "SELECT file_id FROM tb_ugc ORDER BY file_id") == (("new",), ("normal",))
    assert report.tables["tb_ugc"].skipped == Counter({"review_status: blocked by the review": 1})
    assert not report.tables["tb_vod"].present  # an older version has only these two tables


@pytest.mark.gen_test
async def test_utf8_in_latin1_columns_is_read_as_utf8(mysql: Cursor, app: Application) -> None:
    with official_database("php", charset="latin1") as php:
        # As a client that never says which character set it sends: the server takes the bytes for latin1.
        insert(
            php, "tb_account", userid="mojibake", password="x", nickname="小明😀".encode().decode("cp1252", "replace")
        )
        php.execute("UPDATE tb_account SET nickname = CONVERT(%s USING latin1)", ("?",))
        php.execute("UPDATE tb_account SET nickname = CAST(%s AS BINARY)", ("小明😀".encode(),))
        insert(php, "tb_account", userid="latin", password="x", nickname="café")
        insert(php, "tb_vod", userid="latin", file_id="v", play_url="http://a", start_time="2020-01-01")
        report = await import_now(app)
    assert rows(mysql, "SELECT userid, nickname FROM tb_account ORDER BY userid") == (
        ("latin", "café"),
        ("mojibake", "小明😀"),
    )
    assert any("nickname is latin1" in warning for warning in report.tables["tb_account"].warnings)
    assert rows(mysql, "SELECT userid FROM tb_vod") == (("latin",),)


@pytest.mark.gen_test
async def test_times_in_datetime_columns_are_local_and_missing_columns_are_empty(
    php: Cursor, mysql: Cursor, app: Application
) -> None:
    insert(php, "tb_account", userid="anna", password="x")
    php.execute("ALTER TABLE tb_account DROP COLUMN frontcover, MODIFY create_time DATETIME")
    php.execute("UPDATE tb_account SET create_time = '2020-01-01 08:00:00'")
    php.execute("ALTER TABLE tb_vod CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")  # not as tb_account
    insert(php, "tb_vod", userid="anna", file_id="v", play_url="http://a", start_time=ZERO, create_time="2020-01-01")
    await import_now(app, "Asia/Shanghai")
    ((created, frontcover),) = rows(mysql, "SELECT create_time, frontcover FROM tb_account")
    assert (str(created), frontcover) == ("2020-01-01 00:00:00", "")
    assert rows(mysql, "SELECT userid, start_time = create_time FROM tb_vod") == (("anna", 1),)


@pytest.mark.gen_test
async def test_a_zero_time_of_another_language_is_unknown(php: Cursor, mysql: Cursor, app: Application) -> None:
    php.execute("ALTER TABLE tb_account MODIFY create_time DATETIME")
    insert(php, "tb_account", userid="anna", password="x", create_time="0001-01-01 00:00:00")
    await import_now(app)
    assert rows(mysql, "SELECT CAST(create_time AS CHAR) FROM tb_account") == (("1970-01-01 00:00:00",),)


@pytest.mark.gen_test
async def test_the_recording_in_the_other_format_completes_an_imported_replay(
    php: Cursor, mysql: Cursor, app: Application, api: Api
) -> None:
    insert(php, "tb_account", userid="anchor", password="x")
    times = {"start_time": "2023-11-14 22:13:20", "create_time": "2023-11-14 22:20:00"}  # of the event, in UTC
    insert(php, "tb_vod", userid="anchor", file_id="m1", play_url="http://vod/m1", **times)
    await import_now(app)
    hls = event(file_id="h1", file_format="hls", video_url="http://vod/h1")
    assert (await api.fetch("/callback/tape_callback", json.dumps(hls).encode())).code == 200
    assert rows(mysql, "SELECT file_id, play_url, hls_play_url FROM tb_vod") == (
        ("m1", "http://vod/m1", "http://vod/h1"),
    )


@pytest.mark.gen_test
async def test_what_an_interrupted_import_has_brought_is_listed(
    php: Cursor, mysql: Cursor, app: Application, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await api.user()
    assert (await api.call("/get_vod_list", {}, token=user.token))["data"]["list"] == []
    insert(php, "tb_account", userid="anna", password="x")
    for number in range(2):
        insert(php, "tb_vod", userid="anna", file_id=f"v{number}", play_url="http://a", start_time="2020-01-01")
    monkeypatch.setattr(importer, "_BATCH", 1)
    fetch = OfficialDatabase._fetch_many

    async def break_off(self: OfficialDatabase, cursor: Any, size: int, sql: str) -> list[Any]:
        if "FROM tb_vod" in sql and rows(mysql, "SELECT 1 FROM tb_vod"):
            raise StoreUnavailable("source", "gone", "SELECT tb_vod")
        return await fetch(self, cursor, size, sql)

    monkeypatch.setattr(OfficialDatabase, "_fetch_many", break_off)
    with pytest.raises(StoreUnavailable):
        await import_now(app)
    assert len((await api.call("/get_vod_list", {}, token=user.token))["data"]["list"]) == 1


@pytest.mark.gen_test
async def test_a_stored_hash_is_not_believed(php: Cursor, mysql: Cursor, app: Application, api: Api) -> None:
    insert(php, "tb_account", userid="eve", password="$argon2id$v=19$m=4000000,t=9,p=1$c2FsdHNhbHQ$aGFzaGhhc2g")
    await import_now(app)
    assert rows(mysql, "SELECT password FROM tb_account") == (("",),)
    assert (await api.call("/login", {"userid": "eve", "password": "x"}))["code"] == 621


def test_the_report_in_words_names_counts_reasons_and_rows(php: Cursor) -> None:
    insert(php, "tb_account", userid="5000_bob", password="x")
    insert(php, "tb_account", userid="anna", password=None)
    code, output, errors = admin("import-official", OFFICIAL_MYSQL_URL=OFFICIAL_URL)
    assert (code, errors) == (0, "")
    assert output.startswith(f"{OFFICIAL}: imported\n")
    assert "  2 read, 1 imported, 1 skipped\n" in output
    assert f"  skipped 1: {REFUSED_USERID} ('5000_bob')\n" in output
    assert "  changed 1: password: none that a client sends, so nobody can log in ('anna')\n" in output
    assert "tb_ugc\n  not in the source\n" in output


def test_this_server_is_no_source() -> None:
    code, output, errors = admin("import-official", "--from", MYSQL_URL)
    assert (code, output) == (1, "")
    assert errors == f"{DATABASE} is a database of this server, and no official one\n"


def test_a_column_without_which_no_row_can_be_imported_ends_the_import(php: Cursor, mysql: Cursor) -> None:
    insert(php, "tb_account", userid="anna", password="x")
    php.execute("ALTER TABLE tb_account CHANGE password `PassWord` VARCHAR(255), CHANGE nickname name VARCHAR(100)")
    report = run_import()
    assert report["tables"]["tb_account"]["warnings"] == ["nickname: not in the source, or no right to it"]
    assert rows(mysql, "SELECT password FROM tb_account") == (("x",),)
    php.execute("ALTER TABLE tb_account DROP COLUMN `PassWord`")
    code, output, errors = admin("import-official", "--from", OFFICIAL_URL)
    assert (code, output) == (1, "")
    assert errors == f"{OFFICIAL} has no column tb_account.password, or this user has no right to it\n"


def test_a_source_with_a_time_limit_and_without_snapshots_is_read_whole(php: Cursor, mysql: Cursor) -> None:
    insert(php, "tb_account", userid="anna", password="x")
    user = f"limited_{DATABASE}"  # the time limit of a user, because that of the server is everybody's
    mysql.execute(f"CREATE OR REPLACE USER {user}@localhost WITH MAX_STATEMENT_TIME 0.000001")
    mysql.execute(f"GRANT ALL ON {OFFICIAL}.* TO {user}@localhost")
    mysql.execute("SET GLOBAL tx_isolation = 'READ-COMMITTED'")
    try:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            assert runner.run(counts_around_an_insert(php, user)) == (1, 1)
    finally:
        mysql.execute("SET GLOBAL tx_isolation = 'REPEATABLE-READ'")
        mysql.execute(f"DROP USER {user}@localhost")


async def counts_around_an_insert(php: Cursor, user: str) -> tuple[int, int]:
    """The number of accounts in a snapshot, before and after another one registers."""
    async with OfficialDatabase.open({**mysql_arguments(OFFICIAL_URL), "user": user}, ZoneInfo("UTC")) as source:
        before = await source.count("tb_account")
        insert(php, "tb_account", userid="bob", password="x")
        return before, await source.count("tb_account")


@pytest.mark.gen_test
async def test_who_registers_the_name_of_a_deleted_user_gets_nothing_of_theirs(
    php: Cursor, mysql: Cursor, app: Application, api: Api
) -> None:
    insert(php, "tb_account", userid="anna", password="x")
    await import_now(app)
    await app.services.deletion.delete("anna")
    insert(php, "tb_vod", userid="anna", file_id="v", play_url="http://a")
    report = await import_now(app)
    assert report.tables["tb_account"].imported_before == 1  # and not brought back
    assert rows(mysql, "SELECT * FROM tb_account") == ()
    await api.user("anna")
    report = await import_now(app)
    assert report.tables["tb_vod"].skipped == {NOT_IMPORTED: 1}
    assert rows(mysql, "SELECT * FROM tb_vod") == ()


def test_a_source_that_is_none_is_one_line(mysql: Cursor) -> None:
    with connect_mysql() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {OFFICIAL}")
        try:
            code, output, errors = admin("import-official", "--from", OFFICIAL_URL)
        finally:
            cursor.execute(f"DROP DATABASE {OFFICIAL}")
    assert (code, output) == (1, "")
    assert errors == f"{OFFICIAL} has no column tb_account.userid, or this user has no right to it\n"
    code, output, errors = admin("import-official", "--from", OFFICIAL_URL)
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("source: connect: ")
    assert "Unknown database" in errors
    code, output, errors = admin("import-official", "--from", "mysql://user:hush/x")
    assert (code, output) == (2, "")
    assert "percent-encoded" in " ".join(errors.split())
    assert "hush" not in errors
