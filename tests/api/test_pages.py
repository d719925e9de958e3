"""A rendered page is never older than an answered write of any user through any process."""

import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr
from pymysql.cursors import Cursor
from redis import Redis
from tornado import gen

from conf.settings import Settings
from services.redis import keys
from services.snapshot import VERSIONS_BYTES
from tests.harness.client import PASSWORD, Api, request
from tests.harness.events import event
from tests.harness.lists import LISTS, VIDEO, insert, listed
from tests.harness.main_process import running
from tests.harness.second_application import another_process

SHORT = pytest.mark.conf("--performance.page_ttl", "0.5")
LONG = pytest.mark.conf("--performance.page_ttl", "60")


@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
async def test_own_writes_are_read_through_two_processes_under_concurrent_writes(
    api: Api, conf: Settings, mysql: Cursor, path: str
) -> None:
    users = [await api.user() for _ in range(4)]
    for user in users:
        insert(mysql, user.userid, f"f-{user.userid}", "2026-01-01")
    async with another_process(api, conf) as other:

        async def write_and_read(number: int) -> None:
            user = users[number]
            for step in range(10):
                writer, reader = (api, other) if (step + number) % 2 else (other, api)
                await writer.call("/upload_user_info", {"nickname": f"n{step}"}, token=user.token)
                rows = await listed(reader, path, user.token)
                assert {row["nickname"] for row in rows if row["userid"] == user.userid} == {f"n{step}"}

        await gen.multi([write_and_read(number) for number in range(4)])


@pytest.mark.usefixtures("mysql", "store")
@pytest.mark.parametrize("path", LISTS)
def test_own_writes_are_read_through_either_worker(tmp_path: Path, path: str) -> None:
    with running(tmp_path, "--http.processes", "2") as server, ThreadPoolExecutor(4) as users:

        def publish(userid: str, token: str, file_id: str) -> None:
            if path == "/get_ugc_list":
                body, to = {**VIDEO, "file_id": file_id}, "/upload_ugc"
            else:
                body, to = event(stream_id=f"5000_{userid}", file_id=file_id), "/callback/tape_callback"
            assert server.call(to, body, token)[0] == 200

        def own(userid: str, token: str) -> dict[str, str]:
            rows = server.call(path, {"count": 200}, token)[1]["data"]["list"]
            return {row["file_id"]: row["nickname"] for row in rows if row["userid"] == userid}

        def write_and_read(userid: str) -> None:
            login = {"userid": userid, "password": PASSWORD}
            server.call("/register", login)
            token = server.call("/login", login)[1]["data"]["token"]
            for step in range(10):  # every call opens a connection, which the kernel gives to either worker
                server.call("/upload_user_info", {"nickname": f"n{step}"}, token)
                assert own(userid, token) == {f"{userid}-{earlier}": f"n{step}" for earlier in range(step)}
                publish(userid, token, f"{userid}-{step}")
                assert own(userid, token) == {f"{userid}-{earlier}": f"n{step}" for earlier in range(step + 1)}

        list(users.map(write_and_read, ("alice", "bob", "carol", "dave")))


@pytest.mark.parametrize(
    ("takes", "compressed"),
    [
        *((takes, True) for takes in ("gzip", "GZIP", "deflate, gzip;q=0.5", "gzip;q=0.01", "br;q=0, gzip")),
        *((takes, False) for takes in ("", "identity", "gzip;q=0", "gzip;Q=0", "gzip ; q=0.00, br", "deflate")),
    ],
)
@pytest.mark.gen_test
async def test_a_page_is_compressed_for_clients_that_accept_gzip(
    api: Api, mysql: Cursor, takes: str, compressed: bool
) -> None:
    user = await api.user()
    for number in range(20):
        insert(mysql, user.userid, f"f{number}", "2026-01-01")
    plain = (await api.fetch("/get_ugc_list", b"{}", {"Authorization": f"Bearer {user.token}"})).body
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.base_url.rpartition(":")[2]))
    headers = f"Connection: close\r\nAccept-Encoding: {takes}\r\n"
    writer.write(request("/get_ugc_list", {}, user.token, headers))
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b"Vary: Accept-Encoding" in head
    assert (b"Content-Encoding: gzip" in head) is compressed
    assert (gzip.decompress(body) if compressed else body) == plain


@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
@SHORT
async def test_a_page_expires_after_page_ttl_when_a_version_change_is_lost(api: Api, mysql: Cursor, path: str) -> None:
    user = await api.user()
    assert await listed(api, path, user.token) == []
    insert(mysql, user.userid, "f1", "2026-01-01")  # not through the server: no version changes
    assert await listed(api, path, user.token) == []
    async with asyncio.timeout(20):
        while not await listed(api, path, user.token):
            await asyncio.sleep(0.01)


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
@LONG
async def test_a_page_is_kept_until_its_list_changes(api: Api, mysql: Cursor, store: Redis, path: str) -> None:
    user = await api.user()
    assert await listed(api, path, user.token) == []
    insert(mysql, user.userid, "f1", "2026-01-01")
    assert await listed(api, path, user.token) == []
    store.set(keys.VERSIONS, b"changed " * 2)
    assert len(await listed(api, path, user.token)) == 1


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
@LONG
async def test_a_changed_profile_invalidates_only_the_pages_that_show_the_user(
    api: Api, mysql: Cursor, path: str
) -> None:
    shown, stranger = await api.user(), await api.user()
    await api.call("/upload_user_info", {"nickname": "first"}, token=stranger.token)
    insert(mysql, shown.userid, "f1", "2026-01-01")
    assert len(await listed(api, path, shown.token)) == 1
    insert(mysql, shown.userid, "f2", "2026-01-02")  # not through the server: only a newly rendered page shows it
    await api.call("/upload_user_info", {"nickname": "second"}, token=stranger.token)
    assert len(await listed(api, path, shown.token)) == 1
    await api.call("/upload_user_info", {"nickname": "third"}, token=shown.token)
    assert [row["nickname"] for row in await listed(api, path, shown.token)] == ["third", "third"]


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@LONG
async def test_a_page_without_requests_during_many_changes_is_rendered_again(
    api: Api, mysql: Cursor, store: Redis
) -> None:
    shown, stranger = await api.user(), await api.user()
    await api.call("/upload_user_info", {"nickname": "first"}, token=stranger.token)
    assert await listed(api, "/get_vod_list", shown.token) == []
    insert(mysql, shown.userid, "f1", "2026-01-01")
    for number in range(100):
        await api.call("/upload_user_info", {"nickname": f"n{number}"}, token=stranger.token)
    assert len(await listed(api, "/get_vod_list", shown.token)) == 1
    log = store.getrange(keys.VERSIONS, VERSIONS_BYTES, -1)
    assert 900 < len(log) <= 1024


@pytest.mark.gen_test
@LONG
async def test_a_bump_that_redis_refuses_is_made_up_for(api: Api, conf: Settings, store: Redis) -> None:
    user = await api.user()
    async with another_process(api, conf) as other:
        assert await listed(other, "/get_ugc_list", user.token) == []
        store.rpush(keys.VERSIONS, "no text")  # a bump fails, and the process that has the page learns nothing
        await api.call("/upload_ugc", VIDEO, token=user.token)
        store.delete(keys.VERSIONS)
        async with asyncio.timeout(20):
            while not await listed(other, "/get_ugc_list", user.token):
                await asyncio.sleep(0.01)


@pytest.mark.gen_test
@pytest.mark.parametrize("off", range(4))
async def test_every_optimization_can_be_turned_off(api: Api, conf: Settings, off: int) -> None:
    choices: list[dict[str, float]] = [{"page_ttl": 0.0}, {"batch": 1}, {}, {"page_ttl": 0.0, "batch": 1}]
    password = conf.password.model_copy(update={"remember": 0} if off > 1 else {})
    performance = conf.performance.model_copy(update=choices[off])
    without = conf.model_copy(update={"performance": performance, "password": password})
    async with another_process(api, without) as other:
        user = await other.user()
        user = await other.login(user.userid)
        await other.call("/upload_ugc", VIDEO, token=user.token)
        await other.call("/upload_user_info", {"nickname": "n"}, token=user.token)
        assert [row["nickname"] for row in await listed(other, "/get_ugc_list", user.token)] == ["n"]
        assert await listed(other, "/get_vod_list", user.token) == []


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@pytest.mark.conf("--password.remember", "100")
async def test_a_returning_user_is_not_hashed_again_until_the_hash_changes(
    api: Api, mysql: Cursor, store: Redis
) -> None:
    await api.call("/register", {"userid": "alice", "password": PASSWORD})
    check = store.get("xzb:{alice}:verified")
    assert check is not None
    assert len(check) == 32
    await api.login("alice")
    assert store.get("xzb:{alice}:verified") == check
    mysql.execute("UPDATE tb_account SET password = 'another' WHERE userid = 'alice'")
    answer = await api.call("/login", {"userid": "alice", "password": "0123456789abcdef0123456789abcdef"})
    assert answer["code"] == 621


@pytest.mark.gen_test
@pytest.mark.conf("--password.remember", "100", "--password.remember_key", "1" * 32)
async def test_a_rotated_key_still_recognises_returning_users(api: Api, conf: Settings, store: Redis) -> None:
    await api.user("alice")
    check = store.get("xzb:{alice}:verified")
    for previous, is_hashed in ((SecretStr("1" * 32), False), (SecretStr(""), True)):
        changes = {"remember_key": SecretStr("2" * 32), "previous_remember_key": previous}
        rotated = conf.model_copy(update={"password": conf.password.model_copy(update=changes)})
        async with another_process(api, rotated) as other:
            await other.login("alice")
        assert (store.get("xzb:{alice}:verified") != check) == is_hashed
