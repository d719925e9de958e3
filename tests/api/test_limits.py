"""Rate limits: each one holds, and harms nobody else."""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymysql.cursors import Cursor
from redis import Redis

from conf.settings import Settings
from handlers.transport.application import Application
from services.errors import StoreUnavailable
from services.limits import network_of
from tests.harness.client import PASSWORD, Api, request
from tests.harness.events import event
from tests.harness.second_application import another_process

STRANGER = "127.0.0.66"


async def login_code(api: Api, userid: str, password: str = PASSWORD) -> int:
    answer = await api.call("/login", {"userid": userid, "password": password})
    return int(answer["code"])


def let_pass(store: Redis, key: str, seconds: float) -> None:
    """Let time pass for a limit: its state is the time to live of its key."""
    store.pexpire(key, store.pttl(key) - round(seconds * 1000))


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords_per_address", "2 per 10 minutes")
async def test_a_stranger_locks_nobody_out(api: Api) -> None:
    await api.user("alice")
    stranger = api.at(STRANGER)
    assert [await login_code(stranger, "alice", "wrong") for _ in range(3)] == [621, 621, 429]
    assert await login_code(stranger, "alice") == 429
    assert await login_code(stranger, "bob") == 620
    assert await login_code(api, "alice") == 200


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "4 per 10 minutes", "--limits.wrong_passwords_per_address", "2 per hour")
async def test_wrong_passwords_from_many_addresses_count_together(api: Api) -> None:
    await api.user("alice")
    strangers = [api.at(f"127.0.1.{number}") for number in range(1, 4)]
    codes = [await login_code(stranger, "alice", "wrong") for stranger in strangers for _ in range(3)]
    assert codes == [621, 621, 429, 621, 621, 429, 429, 429, 429]
    assert await login_code(api.at(STRANGER), "alice") == 429
    assert await login_code(api, "alice") == 200  # she has logged in from there


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "3 per hour", "--limits.wrong_passwords_per_address", "2 per hour")
async def test_the_users_own_networks_count_together(api: Api) -> None:
    await api.user("alice")
    work = api.at("127.0.2.1")
    assert await login_code(work, "alice") == 200
    codes = [await login_code(own, "alice", "wrong") for own in (api, work) for _ in range(3)]
    assert codes == [621, 621, 429, 621, 429, 429]
    assert await login_code(api.at(STRANGER), "alice") == 200


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "remember", [pytest.param(ttl, marks=pytest.mark.conf("--password.remember", ttl)) for ttl in ("0", "3600")]
)
async def test_the_last_five_networks_are_the_users_own(api: Api, store: Redis, remember: str) -> None:
    networks = "xzb:{alice}:networks"
    await api.user("alice")
    for number in (5, 4, 3, 2, 1):
        assert await login_code(api.at(f"127.0.2.{number}"), "alice") == 200
    assert store.zrange(networks, 0, -1) == [f"127.0.2.{number}".encode() for number in (5, 4, 3, 2, 1)]
    assert 29 * 86400 < store.ttl(networks) <= 30 * 86400
    assert not store.keys("*wrong_passwords*")
    assert await login_code(api.at(STRANGER), "alice", "wrong") == 621
    assert store.zscore(networks, STRANGER) is None


@pytest.mark.gen_test
async def test_a_network_is_the_users_own_for_a_month(api: Api, store: Redis) -> None:
    await api.user("alice")
    month_ago = int(time.time() - 30 * 86400) * 1000
    store.zadd("xzb:{alice}:networks", {"127.0.2.1": month_ago, "127.0.2.2": month_ago + 60_000})
    assert await login_code(api.at("127.0.2.3"), "alice") == 200
    assert store.zrange("xzb:{alice}:networks", 0, -1) == [b"127.0.2.2", b"127.0.0.1", b"127.0.2.3"]


@pytest.mark.gen_test
async def test_a_network_is_noted_once_an_hour(api: Api, store: Redis) -> None:
    networks, hour_ago = "xzb:{alice}:networks", int(time.time() - 3600) * 1000
    await api.user("alice")
    store.zadd(networks, {"127.0.0.1": hour_ago})
    times = []
    for _ in range(2):
        assert await login_code(api, "alice") == 200
        times.append(store.zscore(networks, "127.0.0.1"))
    assert hour_ago != times[0] == times[1]


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "")
async def test_networks_are_kept_only_for_the_limit_that_needs_them(api: Api, store: Redis) -> None:
    await api.user("alice")
    assert not store.exists("xzb:{alice}:networks")


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
async def test_first_logins_at_once_from_a_new_network_use_up_no_tries(api: Api, store: Redis) -> None:
    await api.user("alice")
    store.delete("xzb:{alice}:verified")
    newcomer = api.at(STRANGER)
    assert await asyncio.gather(*[login_code(newcomer, "alice") for _ in range(10)]) == [200] * 10
    assert not store.keys("*wrong_passwords*")


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "4 per 10 minutes", "--limits.wrong_passwords_per_address", "2 per hour")
async def test_a_refused_try_uses_up_nothing(api: Api) -> None:
    await api.user("alice")
    for _ in range(20):
        await login_code(api.at(STRANGER), "alice", "wrong")
    another = api.at("127.0.0.67")
    assert [await login_code(another, "alice", "wrong") for _ in range(2)] == [621, 621]


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "off",
    [
        pytest.param(name, marks=pytest.mark.conf(f"--limits.{name}", "", "--password.remember", "0"))
        for name in ("wrong_passwords", "wrong_passwords_per_address")
    ],
)
async def test_each_limit_of_wrong_passwords_does_without_the_other(api: Api, store: Redis, off: str) -> None:
    await api.user("alice")
    assert not store.keys("*wrong_passwords*")
    assert await login_code(api, "alice", "wrong") == 621
    assert len(store.keys("*wrong_passwords*")) == 1


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords_per_address", "4 per 60 seconds")
async def test_uses_become_free_one_by_one(api: Api, store: Redis) -> None:
    await api.user("alice")
    key = "xzb:{alice}:limit:wrong_passwords:127.0.0.1"
    for _ in range(4):
        await login_code(api, "alice", "wrong")
    response = await api.fetch("/login", json.dumps({"userid": "alice", "password": PASSWORD}).encode())
    assert (response.code, response.body) == (429, b'{"code":429,"message":"too many wrong passwords"}')
    assert 10 <= int(response.headers["Retry-After"]) <= 15
    let_pass(store, key, 15)
    assert [await login_code(api, "alice", "wrong") for _ in range(2)] == [621, 429]
    let_pass(store, key, 30)
    assert [await login_code(api, "alice", "wrong") for _ in range(3)] == [621, 621, 429]


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords_per_address", "1 per day", "--limits.wrong_passwords", "1 per day")
async def test_a_right_password_leaves_no_key(api: Api, store: Redis) -> None:
    await api.user("alice")
    assert [await login_code(api, "alice") for _ in range(3)] == [200, 200, 200]
    assert not store.keys("*wrong_passwords*")


async def guess_and_leave(http_port: int, userid: str, password: str) -> int:
    """Log in over a connection whose client sends its end at once, and still reads."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    writer.write(request("/login", {"userid": userid, "password": password}, ""))
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return int(json.loads(answer.partition(b"\r\n\r\n")[2])["code"])


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords_per_address", "3 per day")
async def test_a_wrong_guess_counts_though_its_client_has_left(api: Api, app: Application, http_port: int) -> None:
    await api.user("alice")  # her password is remembered: a right guess would be recognised without a hash
    codes = [await guess_and_leave(http_port, "alice", "wrong") for _ in range(5)]
    assert codes == [503, 503, 503, 429, 429]
    assert app.services.metrics.logins["abandoned"] == 3
    assert await guess_and_leave(http_port, "alice", PASSWORD) == 429


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords_per_address", "1 per day")
async def test_a_changed_password_is_no_wrong_guess(api: Api, http_port: int) -> None:
    alice = await api.user("alice")
    change = {"old_password": PASSWORD, "password": "new"}
    assert (await api.call("/change_password", change, token=alice.token))["code"] == 200
    assert [await guess_and_leave(http_port, "alice", "new") for _ in range(3)] == [200] * 3
    assert [await guess_and_leave(http_port, "alice", PASSWORD) for _ in range(2)] == [503, 429]


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords_per_address", "1 per day")
async def test_a_password_that_was_compared_with_nothing_does_not_count(api: Api, http_port: int, store: Redis) -> None:
    await api.user("alice")
    store.delete("xzb:{alice}:verified")
    assert [await guess_and_leave(http_port, "alice", PASSWORD) for _ in range(3)] == [503] * 3
    assert await login_code(api, "alice") == 200


@pytest.mark.own_redis
@pytest.mark.gen_test
async def test_without_a_count_no_password_is_told_from_another(api: Api, app: Application, store: Redis) -> None:
    await api.user("alice")
    store.config_set("maxmemory", 1)  # it reads, and refuses to write
    for password in (PASSWORD, "wrong"):
        with pytest.raises(StoreUnavailable, match="meter tries"):
            await app.services.accounts.authorize("alice", password, "127.0.0.1")


@pytest.mark.own_redis
@pytest.mark.gen_test
@pytest.mark.conf("--limits.without_redis", "refuse")
async def test_without_a_count_no_sign_is_told_from_another(api: Api, store: Redis) -> None:
    store.config_set("maxmemory", 1)
    answers = [await api.call("/callback/tape_callback", {**event(), **sign}) for sign in ({}, {"sign": "0" * 32})]
    assert [answer["code"] for answer in answers] == [503, 503]


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "", "--limits.wrong_passwords_per_address", "")
async def test_an_empty_rate_is_no_limit(api: Api, store: Redis) -> None:
    await api.user("alice")
    assert [await login_code(api, "alice", "wrong") for _ in range(30)] == [621] * 30
    assert not store.keys("*wrong_passwords*")


@pytest.mark.gen_test
@pytest.mark.conf("--limits.logins_per_address", "3 per hour")
async def test_logins_from_one_address(api: Api, mysql: Cursor) -> None:
    users = [await api.at(f"127.0.1.{number}").user() for number in range(4)]
    stranger = api.at(STRANGER)
    assert [await login_code(stranger, user.userid) for user in users] == [200, 200, 200, 429]
    assert await login_code(stranger, "nobody") == 429
    change = {"old_password": PASSWORD, "password": "new"}
    assert (await stranger.call("/change_password", change, token=users[3].token))["code"] == 429
    assert [await login_code(api, user.userid) for user in users[:3]] == [200, 200, 200]


@pytest.mark.gen_test
@pytest.mark.conf("--limits.registrations_per_address", "2 per hour")
async def test_registrations_from_one_address(api: Api, mysql: Cursor) -> None:
    async def register(client: Api, userid: str) -> int:
        return int((await client.call("/register", {"userid": userid, "password": PASSWORD}))["code"])

    assert [await register(api.at(STRANGER), name) for name in ("a", "b", "c")] == [200, 200, 429]
    mysql.execute("SELECT COUNT(*) FROM tb_account")
    assert mysql.fetchone() == (2,)
    assert await register(api, "c") == 200


Upload = Callable[[Api, str], Awaitable[int]]
_file_ids = map(str, itertools.count(1))


def upload(path: str, **fields: Any) -> Upload:
    async def send(api: Api, token: str) -> int:
        unique = "file_id" if "play_url" in fields else "title" if path == "/upload_room" else ""  # no repetition
        body = {**fields, **({unique: next(_file_ids)} if unique else {})}
        return int((await api.call(path, body, token=token))["code"])

    return send


@pytest.mark.gen_test
@pytest.mark.conf("--limits.uploads_per_user", "2 per hour", "--compat.short_video", "true")
@pytest.mark.parametrize(
    "send",
    [
        upload("/upload_room", title="Hello"),
        upload("/upload_ugc", play_url="https://example.com/cat.mp4"),
        upload("/lite/upload_ugc", play_url="https://example.com/cat.mp4"),
        upload("/upload_user_info", nickname="Alice"),
    ],
    ids=["room", "ugc", "lite", "profile"],
)
async def test_uploads_of_one_user(api: Api, mysql: Cursor, send: Upload) -> None:
    alice, bob = await api.user("alice"), await api.user("bob")
    assert [await send(api, alice.token) for _ in range(3)] == [200, 200, 429]
    assert await upload("/upload_room", title="Another")(api, alice.token) == 429
    mysql.execute("SELECT (SELECT COUNT(*) FROM tb_room) + (SELECT COUNT(*) FROM tb_ugc)")
    assert mysql.fetchone() in ((2,), (0,))
    assert (await api.call("/get_ugc_list", token=alice.token))["code"] == 200
    assert await send(api, bob.token) == 200


@pytest.mark.gen_test
@pytest.mark.conf("--limits.uploads_per_user", "31 per day")
async def test_a_process_counts_some_uploads_together(api: Api, conf: Settings, store: Redis) -> None:
    send, alice, bob = upload("/upload_room", title="Hello"), await api.user("alice"), await api.user("bob")
    key = "xzb:{alice}:limit:uploads_per_user"
    async with another_process(api, conf) as other:
        assert [await send(api, alice.token), store.exists(key)] == [200, 0]
        assert [await send(api, alice.token), store.exists(key)] == [200, 1]
        codes = [await send(client, alice.token) for _ in range(20) for client in (api, other)]
        assert codes == [200] * 30 + [429] * 10  # the last ones of each process are not counted
        assert [await send(client, alice.token) for client in (api, other)] == [429, 429]
        let_pass(store, key, 2 * 86400 / 31)
        assert [await send(client, alice.token) for client in (api, api, other)] == [200, 200, 429]
        assert await send(other, bob.token) == 200


@pytest.mark.gen_test
@pytest.mark.conf("--limits.uploads_per_user", "60 per day", "--http.max_requests_per_user", "100")
async def test_simultaneous_uploads_do_not_pass_the_limit(api: Api) -> None:
    send, alice = upload("/upload_ugc", play_url="https://example.com/cat.mp4"), await api.user("alice")

    async def send_some(count: int) -> list[int]:
        return [await send(api, alice.token) for _ in range(count)]

    codes = [code for sent in await asyncio.gather(*(send_some(15) for _ in range(8))) for code in sent]
    assert set(codes) == {200, 429}
    assert 57 <= codes.count(200) <= 63  # three may be owed
    assert await send(api, alice.token) == 429


async def callback(api: Api, **changes: Any) -> tuple[int, int]:
    response = await api.fetch("/callback/tape_callback", json.dumps(event(**changes)).encode())
    assert (response.code == 429) == ("Retry-After" in response.headers)
    return response.code, json.loads(response.body)["code"]


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_signs_per_address", "2 per hour")
async def test_callbacks_with_a_wrong_sign(api: Api) -> None:
    stranger = api.at(STRANGER)
    codes = [await callback(stranger, sign="f" * 32) for _ in range(3)]
    assert codes == [(403, 4004), (403, 4004), (429, 429)]
    assert await callback(stranger) == (429, 429)  # a guess may be right
    assert [await callback(api) for _ in range(5)] == [(200, 0)] * 5


@pytest.mark.gen_test
@pytest.mark.conf("--limits.reports_per_address", "2 per hour", "--compat.short_video", "true")
async def test_reports_from_one_address(api: Api) -> None:
    async def report(client: Api) -> int:
        return int((await client.call("/lite/report_user", {"userid": "alice"}))["code"])

    await api.user("alice")
    assert [await report(api.at(STRANGER)) for _ in range(3)] == [200, 200, 429]
    assert await report(api) == 200


@pytest.mark.gen_test
@pytest.mark.conf("--redis.url", "unix:///nowhere?db=0", "--limits.registrations_per_address", "1 per day")
async def test_without_redis_nothing_is_limited(api: Api, logged: list[dict[str, Any]]) -> None:
    assert await api.call("/register", {"userid": "alice", "password": PASSWORD}) == {"code": 200, "message": "OK"}
    (line,) = [line for line in logged if line["event"] == "limit not counted"]
    assert line["limit"] == "registrations_per_address"


@pytest.mark.gen_test
@pytest.mark.conf(
    *("--redis.url", "unix:///nowhere?db=0", "--limits.registrations_per_address", "1 per day"),
    *("--limits.without_redis", "refuse"),
)
async def test_without_redis_what_is_limited_is_refused_if_the_settings_say_so(api: Api) -> None:
    assert (await api.call("/register", {"userid": "alice", "password": PASSWORD}))["code"] == 503


@pytest.mark.gen_test
@pytest.mark.conf("--http.trusted_proxies", "127.0.0.1", "--limits.wrong_passwords_per_address", "1 per day")
async def test_clients_of_a_proxy_are_limited_apart(api: Api) -> None:
    async def guess(client: Api, address: str) -> int:
        body = {"userid": "alice", "password": "wrong"}
        return int((await client.call("/login", body, **{"X-Forwarded-For": f"9.9.9.9, {address}"}))["code"])

    await api.user("alice")
    assert [await guess(api, address) for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2")] == [621, 429, 621]
    assert [await guess(api.at(STRANGER), address) for address in ("192.0.2.3", "192.0.2.4")] == [621, 429]


@pytest.mark.gen_test
@pytest.mark.conf("--http.trusted_proxies", "127.0.0.1", "--limits.logins_per_address", "30 per day")
async def test_the_addresses_of_a_customer_of_ipv6_share_the_logins(api: Api) -> None:
    """Logins are counted two at a time with this rate, so one more may pass."""
    codes = []
    for number in range(40):
        body = {"userid": "nobody", "password": PASSWORD}
        codes.append((await api.call("/login", body, **{"X-Forwarded-For": f"2001:db8::{number}"}))["code"])
    assert (codes[:30], codes[31:]) == ([620] * 30, [429] * 9)


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@pytest.mark.conf("--limits.registrations_per_address", "1 per day")
async def test_the_limits_of_all_processes_are_one(api: Api, conf: Settings) -> None:
    async with another_process(api, conf) as other:
        codes = [
            (await client.call("/register", {"userid": userid, "password": PASSWORD}))["code"]
            for client, userid in ((api, "a"), (other, "b"))
        ]
    assert codes == [200, 429]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("/run/socket", ""),
    ],
)
def test_a_customer_of_ipv6_is_one_client(address: str, network: str) -> None:
    assert network_of(address) == network
