"""Calls every interface once over plain HTTP and checks the answer: a fast wrong answer is worth nothing."""

import gzip
import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

from scripts.benchmark.population import PASSWORD, Stores, User, user
from scripts.benchmark.requests import guests, profile_change, room, video
from services.tencent.signatures import liteav_sig

_LISTED = {"userid", "nickname", "avatar", "file_id", "title", "frontcover", "location", "play_url", "create_time"}


class Client:
    """Calls the server as one user, on one connection."""

    def __init__(self, port: int, caller: User) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=120)  # a storm of logins on a busy machine is slow
        self._caller = caller

    def call(self, path: str, fields: Any) -> Any:
        """The `data` of the answer. Raises RuntimeError when its code is not 200."""
        body = json.dumps({"userid": self._caller.userid, **fields}).encode()
        signature = liteav_sig(self._caller.token, body)
        self._connection.request("POST", path, body, {"Liteav-Sig": signature, "Accept-Encoding": "gzip"})
        response = self._connection.getresponse()
        content = response.read()
        if response.headers["Content-Encoding"] == "gzip":
            content = gzip.decompress(content)
        answer = json.loads(content)
        if answer["code"] != 200:
            raise RuntimeError(f"{path}: {answer}")
        return answer.get("data")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def check_contents(port: int, stores: Stores, rows: int) -> None:
    """Raise RuntimeError unless every interface answers correctly on tables of `rows` rows."""
    caller = user(rows)
    stores.open_sessions([caller, user(1, "refresh")])
    client = Client(port, caller)
    try:
        for check in (_profile, _lists, _signatures, _uploads):
            check(client, caller, stores, rows)
    finally:
        client.close()
        stores.remove_written()
    _sessions(port)


def _expect(condition: bool, name: str) -> None:
    if not condition:
        raise RuntimeError(f"wrong answer: {name}")


def _profile(client: Client, caller: User, stores: Stores, rows: int) -> None:
    changed = profile_change(caller)
    client.call("/upload_user_info", changed)
    _expect(client.call("/get_user_info", {}) == {"userid": caller.userid, **changed}, "get_user_info")


def _lists(client: Client, caller: User, stores: Stores, rows: int) -> None:
    for path, table in (("/get_vod_list", "tb_vod"), ("/get_ugc_list", "tb_ugc")):
        newest = stores.row(f"SELECT file_id FROM {table} ORDER BY create_time DESC, file_id DESC LIMIT 1")[0]  # noqa: S608
        for count in (20, 200):
            listed = client.call(path, {"index": "0", "count": count})["list"]
            _expect(len(listed) == count and listed[0]["file_id"] == newest, path)
            _expect(all(row.keys() >= _LISTED for row in listed), f"{path}: fields")
        last = client.call(path, {"index": str(rows - 1), "count": 20})["list"]
        _expect([row["userid"] for row in last] == [caller.userid], f"{path}: end")
        _expect(last[0]["nickname"] == client.call("/get_user_info", {})["nickname"], f"{path}: nickname")


def _signatures(client: Client, caller: User, stores: Stores, rows: int) -> None:
    expected = {
        "/get_cos_sign": {"signKey", "keyTime"},
        "/get_vod_sign": {"signature"},
        "/get_roomservice_sign": {"txTime", "sign"},
    }
    for path, names in expected.items():
        _expect(client.call(path, {}).keys() == names, path)


def _uploads(client: Client, caller: User, stores: Stores, rows: int) -> None:
    information = room()
    client.call("/upload_room", information)
    _expect(stores.row("SELECT userid, title FROM tb_room") == (caller.userid, information["title"]), "upload_room")
    uploaded = video(caller)
    client.call("/upload_ugc", uploaded)
    listed = client.call("/get_ugc_list", {})["list"][0]
    _expect({**listed, **uploaded} == listed, "upload_ugc")


def _sessions(port: int) -> None:
    refreshing, guest = user(1, "refresh"), guests(1, 1)[0]
    calls: list[tuple[User, Callable[[Client], Any]]] = [
        (refreshing, lambda client: client.call("/refresh", {"refresh_token": refreshing.refresh_token})),
        (guest, lambda client: client.call("/login", {"password": PASSWORD})),
    ]
    for caller, call in calls:
        client = Client(port, caller)
        _expect(call(client)["token"].startswith(f"{caller.userid}."), "token")
        client.close()
