"""/register and /login: users, passwords, and their protection."""

import asyncio
import json
import os
import subprocess
import sys

import pytest
from argon2 import PasswordHasher
from pymysql.cursors import Cursor
from redis import Redis
from tornado import gen

from conf.settings import ROOT
from handlers.transport.application import Application
from tests.harness.client import PASSWORD, Api


async def login_code(api: Api, userid: str, password: str) -> int:
    answer = await api.call("/login", {"userid": userid, "password": password})
    return int(answer["code"])


def import_user(mysql: Cursor, userid: str, password: str) -> None:
    mysql.execute("INSERT INTO tb_account (userid, password) VALUES (%s, %s)", (userid, password))


def stored_password(mysql: Cursor, userid: str) -> str:
    mysql.execute("SELECT password FROM tb_account WHERE userid = %s", (userid,))
    (password,) = mysql.fetchone() or ()
    return str(password)


@pytest.mark.gen_test
async def test_fifty_registrations_of_one_userid_give_one_user(api: Api) -> None:
    answers = await gen.multi(
        [api.call("/register", {"userid": "popular", "password": f"password{n}"}) for n in range(50)]
    )
    assert sorted(answer["code"] for answer in answers) == [200] + [612] * 49


@pytest.mark.gen_test
async def test_login_distinguishes_an_unknown_user_from_a_wrong_password(api: Api) -> None:
    await api.user("alice")
    assert await login_code(api, "nobody", PASSWORD) == 620
    assert await login_code(api, "Alice", PASSWORD) == 620
    assert await login_code(api, "alice", "wrong") == 621
    assert await login_code(api, "alice", PASSWORD.upper()) == 621


@pytest.mark.gen_test
async def test_the_table_holds_only_an_argon2id_hash(api: Api, mysql: Cursor) -> None:
    await api.user("alice")
    assert stored_password(mysql, "alice").startswith("$argon2id$")
    assert PASSWORD not in stored_password(mysql, "alice")


@pytest.mark.gen_test
async def test_an_imported_plain_password_is_replaced_by_its_hash_at_login(api: Api, mysql: Cursor) -> None:
    import_user(mysql, "old", PASSWORD)
    assert await login_code(api, "old", "wrong") == 621
    assert stored_password(mysql, "old") == PASSWORD
    assert await login_code(api, "old", PASSWORD) == 200
    assert stored_password(mysql, "old").startswith("$argon2id$")
    assert await login_code(api, "old", PASSWORD) == 200


@pytest.mark.gen_test
@pytest.mark.conf("--password.time_cost", "2", "--password.memory_kib", "128")
@pytest.mark.parametrize(("time_cost", "memory_kib"), [(1, 128), (2, 64), (3, 256)])
async def test_a_hash_of_other_costs_is_replaced_at_login(
    api: Api, mysql: Cursor, time_cost: int, memory_kib: int
) -> None:
    outdated = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1).hash(PASSWORD)
    import_user(mysql, "old", outdated)
    assert await login_code(api, "old", "wrong") == 621
    assert stored_password(mysql, "old") == outdated
    assert await login_code(api, "old", PASSWORD) == 200
    upgraded = stored_password(mysql, "old")
    assert "$m=128,t=2,p=1$" in upgraded
    assert await login_code(api, "old", PASSWORD) == 200
    assert stored_password(mysql, "old") == upgraded


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "3 per 10 minutes")
async def test_too_many_wrong_passwords_lock_that_user_only(api: Api, store: Redis) -> None:
    await api.user("alice")
    await api.user("bob")
    assert [await login_code(api, "alice", "wrong") for _ in range(4)] == [621, 621, 621, 429]
    assert await login_code(api, "alice", PASSWORD) == 429
    assert await login_code(api, "bob", PASSWORD) == 200
    assert 0 < store.ttl("xzb:{alice}:limit:wrong_passwords:own") <= 600
    store.pexpire("xzb:{alice}:limit:wrong_passwords:own", 1)
    while store.exists("xzb:{alice}:limit:wrong_passwords:own"):
        await asyncio.sleep(0)
    assert await login_code(api, "alice", PASSWORD) == 200


@pytest.mark.gen_test
@pytest.mark.conf(
    *("--password.max_wait", "0.01", "--password.time_cost", "8", "--password.memory_kib", "8192"),
    *("--password.remember", "0", "--limits.wrong_passwords_per_address", ""),
)
async def test_a_login_storm_beyond_the_queue_is_refused_fast(api: Api) -> None:
    await api.user("alice")
    codes = await gen.multi([login_code(api, "alice", PASSWORD) for _ in range(30)])
    assert set(codes) == {200, 503}
    assert codes.count(200) >= 2  # the one that runs and the one that is next
    assert await login_code(api, "alice", PASSWORD) == 200


@pytest.mark.gen_test
@pytest.mark.conf("--password.max_wait", "0.05", "--password.time_cost", "32", "--password.memory_kib", "8192")
async def test_a_full_queue_refuses_first_logins_before_it_asks_who_they_are(api: Api, mysql: Cursor) -> None:
    await api.user("alice")
    for number in range(6):
        import_user(mysql, f"u{number}", "other")
    assert await login_code(api, "u0", PASSWORD) == 621  # now it is known how long a hash takes
    storm = [asyncio.ensure_future(login_code(api, f"u{number}", PASSWORD)) for number in range(1, 6)]
    await asyncio.wait(storm, return_when=asyncio.FIRST_COMPLETED)
    assert [await login_code(api, userid, PASSWORD) for userid in ("nobody", "alice")] == [503, 200]
    assert {*await asyncio.gather(*storm)} == {621, 503}
    assert await login_code(api, "nobody", PASSWORD) == 620


@pytest.mark.gen_test
@pytest.mark.conf(
    *("--password.time_cost", "4", "--password.memory_kib", "8192"),
    *("--password.remember", "0", "--password.max_wait", "60"),
)
async def test_a_rush_of_registrations_keeps_no_login_out(api: Api) -> None:
    await api.user("alice")
    order: list[str] = []

    async def register(userid: str) -> None:
        assert (await api.call("/register", {"userid": userid, "password": PASSWORD}))["code"] == 200
        order.append("register")

    async def login() -> None:
        assert await login_code(api, "alice", PASSWORD) == 200
        order.append("login")

    rush = [asyncio.ensure_future(register(f"u{number}")) for number in range(30)]
    while not order:
        await asyncio.sleep(0.001)
    await login()
    assert len(order) < 15  # of the 30 that had come before it
    await asyncio.gather(*rush)


@pytest.mark.gen_test
@pytest.mark.logs_errors
@pytest.mark.parametrize(
    "corrupt", ["$argon2", "$argon2id$rubbish", "$argon2id$v=19$m=64,t=1,p=1$c2FsdA", "$argon2id$v=19$m=x,t=1,p=1$a$b"]
)
async def test_a_corrupt_hash_is_an_internal_error_without_its_text(api: Api, mysql: Cursor, corrupt: str) -> None:
    import_user(mysql, "odd", corrupt)
    answer = await api.call("/login", {"userid": "odd", "password": PASSWORD})
    assert answer == {"code": 500, "message": "internal error"}


@pytest.mark.gen_test
async def test_a_taken_userid_keeps_its_password(api: Api) -> None:
    await api.user("alice")
    answer = await api.call("/register", {"userid": "alice", "password": "another"})
    assert answer["code"] == 612
    assert await login_code(api, "alice", "another") == 621
    assert await login_code(api, "alice", PASSWORD) == 200


@pytest.mark.gen_test
async def test_userids_that_differ_in_case_are_two_users(api: Api) -> None:
    for userid in ("alice", "Alice"):
        answer = await api.call("/register", {"userid": userid, "password": f"of-{userid}"})
        assert answer["code"] == 200
    assert await login_code(api, "alice", "of-alice") == 200
    assert await login_code(api, "Alice", "of-Alice") == 200
    assert await login_code(api, "Alice", "of-alice") == 621


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
async def test_registering_opens_no_session(api: Api, store: Redis) -> None:
    assert (await api.call("/register", {"userid": "alice", "password": PASSWORD}))["code"] == 200
    assert store.keys() == [b"xzb:{alice}:verified"]  # the check of a returning user


@pytest.mark.gen_test
async def test_equal_passwords_have_different_hashes(api: Api, mysql: Cursor) -> None:
    await api.user("alice")
    await api.user("bob")
    assert stored_password(mysql, "alice") != stored_password(mysql, "bob")


@pytest.mark.gen_test
async def test_a_hash_is_no_password(api: Api, mysql: Cursor) -> None:
    await api.user("alice")
    assert await login_code(api, "alice", stored_password(mysql, "alice")) == 621


@pytest.mark.gen_test
@pytest.mark.conf("--password.remember", "0")
@pytest.mark.parametrize("password", ["wrong", PASSWORD])
async def test_an_imported_user_is_not_told_by_the_time_of_an_answer(
    api: Api, app: Application, mysql: Cursor, password: str
) -> None:
    import_user(mysql, "old", PASSWORD)
    await api.user("new")
    hashes = []
    for userid in ("old", "new"):
        before = sum(app.services.metrics.argon2_seconds[()].counts)
        await login_code(api, userid, password)
        hashes.append(sum(app.services.metrics.argon2_seconds[()].counts) - before)
    assert hashes == [1, 1]


@pytest.mark.gen_test
async def test_an_empty_imported_password_lets_nobody_in(api: Api, mysql: Cursor) -> None:
    import_user(mysql, "old", "")
    assert await login_code(api, "old", "") == 602
    assert await login_code(api, "old", PASSWORD) == 621


@pytest.mark.gen_test
async def test_first_logins_at_once_of_an_imported_user_all_succeed(api: Api, mysql: Cursor) -> None:
    import_user(mysql, "old", PASSWORD)
    codes = await gen.multi([login_code(api, "old", PASSWORD) for _ in range(20)])
    assert set(codes) == {200}
    assert stored_password(mysql, "old").startswith("$argon2id$")
    assert await login_code(api, "old", PASSWORD) == 200


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "3 per 10 minutes")
async def test_the_last_try_may_be_the_right_one(api: Api) -> None:
    await api.user("alice")
    tries = ["wrong", "wrong", PASSWORD, "wrong", PASSWORD]
    assert [await login_code(api, "alice", password) for password in tries] == [621, 621, 200, 621, 429]


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "2 per 10 minutes")
async def test_wrong_passwords_of_an_imported_user_count_too(api: Api, mysql: Cursor) -> None:
    import_user(mysql, "old", PASSWORD)
    assert [await login_code(api, "old", "wrong") for _ in range(3)] == [621, 621, 429]
    assert await login_code(api, "old", PASSWORD) == 429


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "1 per 77 seconds")
async def test_the_answer_to_a_locked_user_says_when_to_retry(api: Api, store: Redis) -> None:
    await api.user("alice")
    assert await login_code(api, "alice", "wrong") == 621
    assert 70 <= store.ttl("xzb:{alice}:limit:wrong_passwords:own") <= 77
    store.expire("xzb:{alice}:limit:wrong_passwords:own", 33)
    response = await api.fetch("/login", json.dumps({"userid": "alice", "password": PASSWORD}).encode())
    assert (response.code, response.body) == (429, b'{"code":429,"message":"too many wrong passwords"}')
    assert 20 <= int(response.headers["Retry-After"]) <= 33


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@pytest.mark.conf(
    "--limits.wrong_passwords", "3 per 10 minutes", "--password.time_cost", "8", "--password.memory_kib", "4096"
)
async def test_wrong_passwords_at_once_do_not_outrun_the_throttle(api: Api) -> None:
    await api.user("alice")
    codes = await gen.multi([login_code(api, "alice", f"guess{n}") for n in range(20)])
    assert (codes.count(621), codes.count(429)) == (3, 17)


@pytest.mark.gen_test
@pytest.mark.conf("--password.max_wait", "0.01", "--password.time_cost", "8", "--password.memory_kib", "8192")
async def test_a_registration_that_was_refused_for_overload_left_nothing(api: Api) -> None:
    bodies = [{"userid": f"u{n}", "password": PASSWORD} for n in range(30)]
    codes = [answer["code"] for answer in await gen.multi([api.call("/register", body) for body in bodies])]
    assert set(codes) == {200, 503}
    refused = [await login_code(api, f"u{n}", PASSWORD) for n, code in enumerate(codes) if code == 503]
    assert set(refused) == {620}


@pytest.mark.gen_test
@pytest.mark.conf(
    *("--limits.wrong_passwords", "1 per 10 minutes", "--password.max_wait", "0.01"),
    *("--password.time_cost", "8", "--password.memory_kib", "8192"),
)
async def test_a_right_password_that_could_not_be_hashed_does_not_count(api: Api, mysql: Cursor) -> None:
    for number in range(10):
        import_user(mysql, f"u{number}", PASSWORD)
    codes = await gen.multi([login_code(api, f"u{number}", PASSWORD) for number in range(10)])
    assert set(codes) == {200, 503}
    refused = [f"u{number}" for number, code in enumerate(codes) if code == 503]
    assert [await login_code(api, userid, PASSWORD) for userid in refused] == [200] * len(refused)


NICENESS = """
import asyncio, os, threading
from services.metrics.catalogue import Metrics
from services.passwords import Passwords

passwords = Passwords(time_cost=1, memory_kib=64, threads=1, max_wait=1, metrics=Metrics())
asyncio.run(passwords.hash("password"))
(hashing,) = (thread for thread in threading.enumerate() if thread.name.startswith("argon2"))
print(os.getpriority(os.PRIO_PROCESS, 0), os.getpriority(os.PRIO_PROCESS, hashing.native_id))
"""


@pytest.mark.parametrize(("niceness", "expected"), [(0, (0, 5)), (10, (10, 15)), (19, (19, 19))])
def test_hashing_lowers_its_priority_at_any_niceness(niceness: int, expected: tuple[int, int]) -> None:
    command = ["nice", "-n", str(niceness - os.getpriority(os.PRIO_PROCESS, 0)), sys.executable, "-c", NICENESS]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert tuple(map(int, ended.stdout.split())) == expected


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "3 per 10 minutes")
async def test_first_logins_that_came_too_many_at_once_do_not_count(api: Api, store: Redis) -> None:
    await api.user("alice")
    store.delete("xzb:{alice}:verified")
    codes = await gen.multi([login_code(api, "alice", PASSWORD) for _ in range(40)])
    assert set(codes) == {200, 429}
    assert await login_code(api, "alice", PASSWORD) == 200


@pytest.mark.both_kinds_of_redis
@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "3 per 10 minutes")
async def test_remembered_passwords_at_once_need_no_tries(api: Api) -> None:
    await api.user("alice")
    assert set(await gen.multi([login_code(api, "alice", PASSWORD) for _ in range(40)])) == {200}


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "3 per 10 minutes")
async def test_right_passwords_do_not_count(api: Api) -> None:
    await api.user("alice")
    assert [await login_code(api, "alice", PASSWORD) for _ in range(10)] == [200] * 10


@pytest.mark.gen_test
@pytest.mark.logs_errors
@pytest.mark.conf("--limits.wrong_passwords", "2 per 10 minutes")
async def test_tries_on_a_corrupt_hash_do_not_count(api: Api, mysql: Cursor) -> None:
    import_user(mysql, "odd", "$argon2id$rubbish")
    assert [await login_code(api, "odd", PASSWORD) for _ in range(4)] == [500] * 4


@pytest.mark.gen_test
@pytest.mark.conf(
    "--limits.wrong_passwords",
    "3 per 10 minutes",
    "--password.max_wait",
    "0.01",
    "--password.time_cost",
    "8",
    "--password.memory_kib",
    "8192",
)
async def test_tries_refused_for_overload_do_not_count(api: Api, store: Redis) -> None:
    users = [await api.user(f"u{n}") for n in range(10)]
    store.delete(*store.keys("*:verified"))  # a refusal tells nothing about the passwords
    tries = [user.userid for user in users for _ in range(3)]
    codes = await gen.multi([login_code(api, userid, "wrong") for userid in tries])
    assert {621, 503} == set(codes)
    refused = {userid for userid, code in zip(tries, codes, strict=True) if code == 503}
    assert [await login_code(api, userid, PASSWORD) for userid in refused] == [200] * len(refused)


@pytest.mark.gen_test
@pytest.mark.parametrize("userid", ["8888_victim", "1_", "0_a", "123456789_-"])
async def test_a_userid_that_begins_like_a_stream_id_is_refused(api: Api, mysql: Cursor, userid: str) -> None:
    answer = await api.call("/register", {"userid": userid, "password": PASSWORD})
    assert (answer["code"], answer["message"].partition(":")[0]) == (610, "userid")
    mysql.execute("SELECT COUNT(*) FROM tb_account")
    assert mysql.fetchone() == (0,)


@pytest.mark.gen_test
@pytest.mark.parametrize("userid", ["8888", "0", "8888-victim", "8888victim", "a_1", "a8888_x", "9" * 32, "1-_", "1a_"])
async def test_a_userid_with_digits_first_is_otherwise_accepted(api: Api, userid: str) -> None:
    assert (await api.user(userid)).userid == userid


@pytest.mark.gen_test
async def test_a_user_of_before_the_rule_can_still_log_in(api: Api, mysql: Cursor) -> None:
    mysql.execute("INSERT INTO tb_account (userid, password) VALUES ('8888_old', %s)", (PASSWORD,))
    user = await api.login("8888_old")
    assert (await api.call("/get_user_info", token=user.token))["code"] == 200
