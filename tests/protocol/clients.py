"""The three clients byte by byte, and the document's promises to each of them."""

import hashlib
import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tornado.httpclient import HTTPResponse

from tests.harness.client import PASSWORD, Api, liteav_sig

OK = {"code": 200, "message": "OK"}
PROFILE = {"nickname": "小直播 😀", "avatar": "https://e.com/a/b.png", "sex": 1, "frontcover": "https://e.com/f/1.png"}
ROOM = {"title": "标题/一", "location": "不显示地理位置"}
VIDEO = {
    "file_id": "5285890800000000009",
    "title": "短/视频",
    "frontcover": "http://e.com/c/9.jpg",
    "location": "深圳",
    "play_url": "http://e.com/v/9.mp4",
}
RECORDED = {"file_id": "5285890800000000001", "video_url": "http://e.com/r/1.mp4", "file_format": "mp4"}
LENGTH = 300  # seconds of the recorded broadcast

# The tables of the document: what `data` holds, by interface. get_user_info also has a userid (decisions, section 4).
TOKENS = {"token": str, "refresh_token": str, "expires": int}
DATA: dict[str, dict[str, Any]] = {
    "/login": {
        **TOKENS,
        "roomservice_sign": {"sdkAppID": int, "accountType": str, "userID": str, "userSig": str},
        "cos_info": {"Bucket": str, "Region": str, "Appid": str, "SecretId": str},
    },
    "/refresh": TOKENS,
    "/get_user_info": {"userid": str, "nickname": str, "avatar": str, "sex": int, "frontcover": str},
    "/get_vod_list": {
        "list": [
            {
                "userid": str,
                "nickname": str,
                "avatar": str,
                "file_id": str,
                "title": str,
                "like_count": int,
                "viewer_count": int,
                "frontcover": str,
                "location": str,
                "play_url": str,
                "create_time": str,
                "hls_play_url": str,
                "start_time": str,
            }
        ]
    },
    "/get_ugc_list": {
        "list": [
            {
                "userid": str,
                "nickname": str,
                "avatar": str,
                "file_id": str,
                "title": str,
                "frontcover": str,
                "location": str,
                "play_url": str,
                "create_time": str,
            }
        ]
    },
    "/get_roomservice_sign": {"txTime": int, "sign": str},
    "/get_vod_sign": {"signature": str},
    "/get_cos_sign": {"signKey": str, "keyTime": str},
}
WITHOUT_DATA = ["/register", "/upload_user_info", "/upload_room", "/upload_ugc"]


def is_refused_as_stale(answer: dict[str, Any]) -> bool:
    """True for the refusal of a request that has expired or comes from the future, and tells the server's time."""
    match = re.fullmatch(
        r"(the request expired \d+ s ago|timestamp is \d+ s in the future): "
        r"clocks may differ by \d+ s, and the server's says (\d+)",
        answer["message"],
    )
    return match is not None and abs(int(match[2]) - time.time()) < 60


class Wire(Api):
    """Checks the bytes of every answer: UTF-8, and neither `\\u` nor `\\/` escapes."""

    async def fetch(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> HTTPResponse:
        response = await super().fetch(path, body, headers, method)
        assert "\ufffd" not in response.body.decode("utf-8")
        assert b"\\u" not in response.body
        assert b"\\/" not in response.body
        return response


class Client(ABC):
    """An app in the hands of one user."""

    def __init__(self, api: Api, userid: str = "user_01") -> None:
        self.api = Wire(api.client, api.base_url, api.server)
        self.userid = userid
        self.token = ""
        self.refresh_token = ""

    @abstractmethod
    def body(self, path: str, fields: Mapping[str, Any]) -> bytes:
        """The bytes that this app sends for these fields."""

    def headers(self, body: bytes) -> dict[str, str]:
        """The official apps sign every request, even without a token."""
        return {"Content-Type": "application/json; charset=utf-8", "Liteav-Sig": liteav_sig(self.token, body)}

    def page(self) -> dict[str, Any]:
        """The page of a list that this app requests first."""
        return {"index": 0, "count": 20}

    def room(self) -> dict[str, Any]:
        """The fields that this app sends about a broadcast."""
        return ROOM

    async def post(self, path: str, body: bytes) -> dict[str, Any]:
        return await self.api.send(path, body, self.headers(body))

    async def call(self, path: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await self.post(path, self.body(path, fields or {}))

    async def register(self) -> dict[str, Any]:
        return await self.call("/register", {"userid": self.userid, "password": PASSWORD})

    async def login(self) -> dict[str, Any]:
        return self._keep(await self.call("/login", {"userid": self.userid, "password": PASSWORD}))

    async def refresh(self) -> dict[str, Any]:
        fields = {"userid": self.userid, "refresh_token": self.refresh_token}
        return self._keep(await self.call("/refresh", fields))

    async def enter(self) -> None:
        """Register and log in."""
        assert await self.register() == OK
        assert (await self.login())["code"] == 200

    def _keep(self, answer: dict[str, Any]) -> dict[str, Any]:
        self.token, self.refresh_token = answer["data"]["token"], answer["data"]["refresh_token"]
        return answer


class Android(Client):
    """org.json: compact, slashes escaped; the time in seconds; some extra fields."""

    def body(self, path: str, fields: Mapping[str, Any], timestamp: int | None = None, expires: int = 10) -> bytes:
        timestamp = int(time.time()) if timestamp is None else timestamp
        extra = {"userId": self.userid, "frontCover": "http://e.com/ignored"}
        body = {**extra, "userid": self.userid, "timestamp": timestamp, "expires": expires, **fields}
        return compact(body).replace("/", "\\/").encode()

    def page(self) -> dict[str, Any]:
        return {"index": "0", "count": 200}


class Ios(Client):
    """NSJSONSerialization: compact, slashes escaped; milliseconds with a fraction."""

    session_expires = 86400

    def body(self, path: str, fields: Mapping[str, Any], timestamp: float | None = None) -> bytes:
        body = {"userid": self.userid, **fields}
        if path != "/upload_room":
            body["timestamp"] = int(time.time() * 1000) + 0.25 if timestamp is None else timestamp
            body["expires"] = self.session_expires
        return compact(body).replace("/", "\\/").encode()

    def room(self) -> dict[str, Any]:
        return {**ROOM, "frontcover": "https://e.com/room/7.png"}

    def _keep(self, answer: dict[str, Any]) -> dict[str, Any]:
        self.session_expires = answer["data"]["expires"]
        return super()._keep(answer)


class Web(Client):
    """A page or a script: plain JSON with `\\u` escapes, curl's default content type (a form), a bearer token."""

    def body(self, path: str, fields: Mapping[str, Any]) -> bytes:
        return json.dumps(fields).encode() if fields else b""

    def headers(self, body: bytes) -> dict[str, str]:
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"Content-Type": "application/x-www-form-urlencoded", **authorization}


def compact(body: Mapping[str, Any]) -> str:
    """JSON without spaces, as both apps write it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def shape(value: Any) -> Any:
    """A value with every leaf replaced by its type, to compare with a table of the document; True is no int."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value)


async def walk(client: Client) -> dict[str, dict[str, Any]]:
    """Call each of the twelve interfaces once; return the answers by path."""
    answers = {"/register": await client.register(), "/login": await client.login(), "/refresh": await client.refresh()}
    answers["/upload_user_info"] = await client.call("/upload_user_info", PROFILE)
    answers["/upload_room"] = await client.call("/upload_room", client.room())
    await record(client)
    answers["/upload_ugc"] = await client.call("/upload_ugc", VIDEO)
    for path in ("/get_vod_list", "/get_ugc_list"):
        answers[path] = await client.call(path, client.page())
    answers["/get_roomservice_sign"] = await client.call("/get_roomservice_sign", {"userid": client.userid})
    for path in ("/get_user_info", "/get_vod_sign", "/get_cos_sign"):
        answers[path] = await client.call(path)
    return answers


async def record(client: Client, start: int | None = None) -> int:
    """Announce the recording of a broadcast as the live service does; return its start (default: now)."""
    start = int(time.time()) if start is None else start
    t = int(time.time()) + 600
    event = {
        "event_type": 100,
        "t": t,
        "sign": hashlib.md5(f"fake-callback-key{t}".encode()).hexdigest(),
        "stream_id": f"5000_{client.userid}",
        **RECORDED,
        "start_time": start,
        "end_time": start + LENGTH,
        "duration": LENGTH,
    }
    response = await client.api.fetch("/callback/tape_callback", compact(event).encode())
    assert response.body == b'{"code":0}'
    return start


def shanghai(unix: int) -> str:
    """A time as the lists show it."""
    return datetime.fromtimestamp(unix, ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%d %H:%M:%S")


def check_walk(answers: Mapping[str, dict[str, Any]]) -> None:
    """Check that all twelve answers have exactly the document's keys and types."""
    assert len(answers) == 12
    for path, answer in answers.items():
        if path in WITHOUT_DATA:
            assert answer == OK, path
        else:
            assert {name: answer[name] for name in OK} == OK, path
            assert shape(answer["data"]) == DATA[path], path


async def check_contents(client: Client, room_cover: str) -> None:
    """The lists and the profile answer the values that were sent."""
    start = await record(client)
    author = {"userid": client.userid, "nickname": PROFILE["nickname"], "avatar": PROFILE["avatar"]}
    (replay,) = (await client.call("/get_vod_list", client.page()))["data"]["list"]
    assert replay == {
        **author,
        **ROOM,
        "frontcover": room_cover,
        "file_id": RECORDED["file_id"],
        "play_url": RECORDED["video_url"],
        "hls_play_url": "",
        "like_count": 0,
        "viewer_count": 0,
        "start_time": shanghai(start),
        "create_time": shanghai(start + LENGTH),
    }
    (video,) = (await client.call("/get_ugc_list", client.page()))["data"]["list"]
    created = datetime.strptime(video.pop("create_time"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    assert abs(created.timestamp() - time.time()) < 60
    assert video == {**author, **VIDEO}
    assert (await client.call("/get_user_info"))["data"] == {"userid": client.userid, **PROFILE}


async def publish(client: Client) -> None:
    """Open a session, and upload a profile, a room and a video."""
    await client.enter()
    for path, fields in (("/upload_user_info", PROFILE), ("/upload_room", client.room()), ("/upload_ugc", VIDEO)):
        assert await client.call(path, fields) == OK
