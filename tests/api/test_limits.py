"""Rate limits: each one holds, and harms nobody else."""

import json

import pytest
from redis import Redis

from services.limits import network_of
from tests.harness.client import PASSWORD, Api

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


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "4 per 10 minutes", "--limits.wrong_passwords_per_address", "2 per hour")
async def test_wrong_passwords_from_many_addresses_count_together(api: Api) -> None:
    await api.user("alice")
    strangers = [api.at(f"127.0.1.{number}") for number in range(1, 4)]
    codes = [await login_code(stranger, "alice", "wrong") for stranger in strangers for _ in range(3)]
    assert codes == [621, 621, 429, 621, 621, 429, 429, 429, 429]
    assert await login_code(api, "alice") == 429


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "4 per 10 minutes", "--limits.wrong_passwords_per_address", "2 per hour")
async def test_a_refused_try_uses_up_nothing(api: Api) -> None:
    await api.user("alice")
    for _ in range(20):
        await login_code(api.at(STRANGER), "alice", "wrong")
    assert [await login_code(api, "alice", "wrong") for _ in range(2)] == [621, 621]


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
    assert not store.keys("*limit*")


@pytest.mark.gen_test
@pytest.mark.conf("--limits.wrong_passwords", "", "--limits.wrong_passwords_per_address", "")
async def test_an_empty_rate_is_no_limit(api: Api, store: Redis) -> None:
    await api.user("alice")
    assert [await login_code(api, "alice", "wrong") for _ in range(30)] == [621] * 30
    assert not store.keys("*limit*")


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
