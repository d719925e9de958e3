"""The measured requests, signed as the Android app signs them."""

import itertools
import json
import math
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from scripts.benchmark.population import NEW_FILES, PASSWORD, User, user
from services.tencent.signatures import liteav_sig

POPULATION = 10_000  # users, and rows of each list
RETURNING = 300  # users who log in again; the first login of each is hashed beforehand
_URL = "https://1250000000.vod2.myqcloud.com/7a3b1c2dvodgzp1250000000/new/f0.mp4"
_COVER = "https://xiaozhibo-1250000000.cos.ap-guangzhou.myqcloud.com/cover/new.png"

Fields = Mapping[str, Any]


class Case(NamedTuple):
    """A row of the result: requests, and the share of the bare handler's throughput that they have to reach."""

    name: str
    target: float
    requests: Callable[[int], list[bytes]]
    """Makes the requests; its argument is their number, which counts only with `once`."""
    once: bool = False
    """True when a repeated request needs less work: then each round gets new requests, and none is sent twice."""
    tls: bool = False
    """True to send them over TLS. The bare handler gets them without."""


def raw(path: str, fields: Fields, token: str | None = None) -> bytes:
    """An HTTP request as the Android app sends it; without a token it is not signed."""
    body = json.dumps(fields).replace("/", "\\/").encode()
    signature = f"Liteav-Sig: {liteav_sig(token, body)}\r\n" if token else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json; charset=utf-8\r\n{signature}"
        f"Content-Length: {len(body)}\r\nAccept-Encoding: gzip\r\nUser-Agent: okhttp/3.8.1\r\n\r\n"
    )
    return head.encode() + body


def signed(path: str, fields: Fields, caller: User) -> bytes:
    """A signed request that stays fresh for the whole benchmark."""
    common = {"userid": caller.userid, "timestamp": int(time.time()), "expires": 86400}
    return raw(path, {**common, **fields}, caller.token)


def of_all_users(path: str, fields: Callable[[User], Fields] = lambda _: {}) -> list[bytes]:
    """A request of each user, in random order."""
    users = [user(number + 1) for number in range(POPULATION)]
    random.Random(1).shuffle(users)
    return [signed(path, fields(caller), caller) for caller in users]


def page(path: str, count: int, index: int = 0) -> list[bytes]:
    """A request of each user for the same page."""
    return of_all_users(path, lambda _: {"index": str(index), "count": count})


def profile_change(caller: User) -> Fields:
    """A new nickname and avatar."""
    return {"nickname": f"新名字 {caller.userid} {time.time_ns()}", "avatar": _COVER, "sex": 0, "frontcover": _COVER}


_numbers = itertools.count()


def video(_: User) -> Fields:
    """A video with a new file_id."""
    file_id = f"{NEW_FILES}{time.time_ns()}x{next(_numbers)}"
    return {"file_id": file_id, "title": "小视频", "frontcover": _COVER, "location": "深圳", "play_url": _URL}


def room() -> Fields:
    """Room information with a new title."""
    return {"title": f"周末直播 {next(_numbers)}", "location": "深圳", "frontCover": _COVER}


def uploads(count: int) -> list[bytes]:
    """Uploads of new videos."""
    return [signed("/upload_ugc", video(caller), caller) for caller in callers(count)]


def rooms(count: int) -> list[bytes]:
    """Uploads of new room information: a repetition adds no row."""
    return [signed("/upload_room", room(), caller) for caller in callers(count)]


def profile_changes(count: int) -> list[bytes]:
    """Changes of profiles."""
    return [signed("/upload_user_info", profile_change(caller), caller) for caller in callers(count)]


def callers(count: int) -> list[User]:
    """`count` callers: the users in rotation."""
    return [user(number % POPULATION + 1) for number in range(count)]


def refreshes(count: int) -> list[bytes]:
    """A refresh of each of `count` users with sessions for it."""
    users = [user(number, "refresh") for number in range(count)]
    return [
        raw("/refresh", {"userid": owner.userid, "refresh_token": owner.refresh_token}, owner.token) for owner in users
    ]


def login(caller: User) -> bytes:
    """A login."""
    return raw("/login", {"userid": caller.userid, "password": PASSWORD})


def guests(first: int, count: int) -> list[User]:
    """Users for logins only: a login would end the session that signs the other requests."""
    return [user(number, "guest") for number in range(first, first + count)]


def logins() -> list[bytes]:
    """Logins of users who have logged in before."""
    return [login(guest) for guest in guests(1, RETURNING)]


def mix(count: int) -> list[bytes]:
    """70 % lists, 20 % profiles, 5 % signatures, 5 % writes that change a list, each of them new."""
    parts: tuple[tuple[int, Callable[[int], list[bytes]]], ...] = (
        (35, lambda _: page("/get_vod_list", 20)),
        (35, lambda _: page("/get_ugc_list", 20)),
        (20, lambda _: of_all_users("/get_user_info")),
        (2, lambda _: of_all_users("/get_cos_sign")),
        (2, lambda _: of_all_users("/get_vod_sign")),
        (1, lambda _: of_all_users("/get_roomservice_sign")),
        (3, uploads),
        (2, profile_changes),
    )
    chosen: list[bytes] = []
    for percent, requests in parts:
        number = math.ceil(count * percent / 100)
        chosen += itertools.islice(itertools.cycle(requests(number)), number)
    random.Random(2).shuffle(chosen)
    return chosen


CASES = (
    Case("get_user_info", 1.1, lambda _: of_all_users("/get_user_info")),
    Case("get_vod_list 20", 1.4, lambda _: page("/get_vod_list", 20)),
    Case("get_ugc_list 20", 1.4, lambda _: page("/get_ugc_list", 20)),
    Case("get_vod_list 200", 1.2, lambda _: page("/get_vod_list", 200)),
    Case("get_ugc_list 200", 1.2, lambda _: page("/get_ugc_list", 200)),
    Case("get_vod_list 20 TLS", 1.1, lambda _: page("/get_vod_list", 20), tls=True),
    Case("get_cos_sign", 1.4, lambda _: of_all_users("/get_cos_sign")),
    Case("get_vod_sign", 1.2, lambda _: of_all_users("/get_vod_sign")),
    Case("get_roomservice_sign", 1.4, lambda _: of_all_users("/get_roomservice_sign")),
    Case("refresh", 1.1, refreshes, once=True),
    Case("upload_user_info", 0.42, profile_changes, once=True),
    Case("upload_room", 0.36, rooms, once=True),
    Case("upload_ugc", 0.42, uploads, once=True),
    Case("login", 0.60, lambda _: logins()),
    Case("mix", 0.75, mix, once=True),
)
