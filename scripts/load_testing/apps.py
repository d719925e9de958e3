"""The requests of the apps and of a web page: their fields, bytes and signatures (decisions, section 2)."""

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from services.tencent.signatures import liteav_sig

Fields = Mapping[str, Any]


class App(ABC):
    """An app in the hands of one user. It signs with the token of its last login."""

    user_agent: str

    def __init__(self, userid: str) -> None:
        self.userid = userid
        self.token = ""
        self.refresh_token = ""

    @abstractmethod
    def body(self, path: str, fields: Fields) -> bytes:
        """The bytes that this app sends to an interface."""

    def headers(self, body: bytes) -> dict[str, str]:
        """The apps sign every request, with an empty token when they have none."""
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": self.user_agent,
            "Liteav-Sig": liteav_sig(self.token, body),
        }

    @abstractmethod
    def pages(self, count: int) -> Iterator[Fields]:
        """The requests for up to `count` screens of a list, from the first on."""

    def room(self, title: str, location: str, cover: str) -> Fields:
        """The fields that this app sends about a broadcast."""
        return {"title": title, "location": location, "frontcover": cover}

    def keep_session(self, data: Fields) -> None:
        """Take the tokens over from the answer of /login or /refresh."""
        self.token, self.refresh_token = data["token"], data["refresh_token"]


class Android(App):
    """org.json writes without spaces and escapes slashes. The time is in seconds."""

    user_agent = "okhttp/3.8.1"

    def body(self, path: str, fields: Fields) -> bytes:
        common = {"userId": self.userid, "userid": self.userid, "timestamp": int(time.time()), "expires": 10}
        return _escaped({**common, **fields})

    def pages(self, count: int) -> Iterator[Fields]:
        """The Android app requests one long page."""
        yield {"index": "0", "count": 200}

    def room(self, title: str, location: str, cover: str) -> Fields:
        return {"title": title, "location": location, "frontCover": cover}


class Ios(App):
    """NSJSONSerialization escapes slashes, too. The time is in milliseconds with a fraction."""

    user_agent = "TCLVBIMDemo/1 CFNetwork/1410 Darwin/22.6.0"

    def __init__(self, userid: str) -> None:
        super().__init__(userid)
        self._session_expires_s = 86400

    def body(self, path: str, fields: Fields) -> bytes:
        body = {"userid": self.userid, **fields}
        if path != "/upload_room":
            body["timestamp"] = int(time.time() * 1000) + 0.25
            body["expires"] = self._session_expires_s
        return _escaped(body)

    def pages(self, count: int) -> Iterator[Fields]:
        """The iOS app requests the list from its beginning again, longer each time."""
        for screen in range(count):
            yield {"index": 0, "count": 20 * (screen + 1)}

    def keep_session(self, data: Fields) -> None:
        super().keep_session(data)
        self._session_expires_s = data["expires"]


class Web(App):
    """A web page has a bearer token and adds no fields."""

    user_agent = "Mozilla/5.0"

    def body(self, path: str, fields: Fields) -> bytes:
        return json.dumps(fields).encode()

    def headers(self, body: bytes) -> dict[str, str]:
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"Content-Type": "application/json", "User-Agent": self.user_agent, **authorization}

    def pages(self, count: int) -> Iterator[Fields]:
        for screen in range(count):
            yield {"index": 20 * screen, "count": 20}


def password(userid: str, typed: str = "loadtest") -> str:
    """The apps send md5(md5(password) + userid) instead of what the user types (protocol, section 1)."""
    return _md5(_md5(typed) + userid)


def _escaped(body: Fields) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/").encode()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
