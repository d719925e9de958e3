"""A row of an official server's table becomes a row of ours, or is skipped."""

from datetime import datetime

from models.account import NewAccount
from models.room import NewRoom
from models.ugc import NewVideo
from models.vod import NewReplay
from services.official.values import Skip, Values
from services.passwords import is_hash
from services.validation import (
    MAX_LOCATION,
    MAX_LONG_TITLE,
    MAX_NICKNAME,
    MAX_TITLE,
    FileId,
    NewUserid,
    Password,
    accepts,
)

_MAX_COUNT = 2**32 - 1
_PORN = 2  # ReviewStatus.Porn of the Node server's include/enums.js
# Stands for a time that nobody knows. It is the earliest, so that such a row is no news in a list.
_UNKNOWN = datetime(1970, 1, 1)  # UTC, as everything in the tables
_UNKNOWN_MEANING = "1970-01-01, the time is unknown"

is_new_userid = accepts(NewUserid)
_is_password = accepts(Password)
_is_file_id = accepts(FileId)


def account_of(values: Values) -> NewAccount:
    """A user. Without a password that a client could send, nobody can log in until an operator sets one."""
    userid = values.raw("userid")
    if not is_new_userid(userid):
        raise Skip("userid: cannot be registered here (decisions, sections 4 and 6)")
    password = values.raw("password")
    if not _is_password(password) or is_hash(password):  # a hash that somebody else made may cost any time to verify
        values.changed("password: none that a client sends, so nobody can log in")
        password = ""
    return NewAccount(
        userid=userid,
        password=password,
        nickname=values.text("nickname", MAX_NICKNAME),
        sex=values.number("sex", -1, 1, -1),
        avatar=values.url("avatar"),
        frontcover=values.url("frontcover"),
        create_time=values.time("create_time", _UNKNOWN, _UNKNOWN_MEANING),
    )


def room_of(values: Values) -> NewRoom:
    """The information about a user's last room."""
    return NewRoom(
        userid=_owner(values),
        title=values.text("title", MAX_TITLE),
        location=values.text("location", MAX_LOCATION),
        frontcover=values.url("frontcover"),
        create_time=values.time("create_time", _UNKNOWN, _UNKNOWN_MEANING),
    )


def replay_of(values: Values) -> NewReplay:
    """A replay. create_time is the end of the broadcast, and decides its place in the list."""
    owner, file_id = _owner(values), _file_id(values)
    play_url, hls_play_url = values.url("play_url"), values.url("hls_play_url")
    if not (play_url or hls_play_url):
        raise Skip("play_url, hls_play_url: neither is an http(s) URL")
    start = values.raw("start_time")
    end = (
        values.time("create_time", start, "start_time")
        if isinstance(start, datetime)
        else values.time("create_time", _UNKNOWN, _UNKNOWN_MEANING)
    )
    return NewReplay(
        userid=owner,
        file_id=file_id,
        title=values.text("title", MAX_TITLE),
        frontcover=values.url("frontcover"),
        location=values.text("location", MAX_LOCATION),
        play_url=play_url,
        hls_play_url=hls_play_url,
        like_count=values.number("like_count", 0, _MAX_COUNT, 0),
        viewer_count=values.number("viewer_count", 0, _MAX_COUNT, 0),
        start_time=values.time("start_time", end, "create_time"),
        create_time=end,
    )


def video_of(values: Values) -> NewVideo:
    """A short video. One that the review has blocked stays away: this server has no review, and would show it."""
    owner, file_id = _owner(values), _file_id(values)
    if values.raw("review_status") == _PORN:
        raise Skip("review_status: blocked by the review")
    play_url = values.url("play_url")
    if not play_url:
        raise Skip("play_url: no http(s) URL")
    return NewVideo(
        userid=owner,
        file_id=file_id,
        title=values.text("title", MAX_LONG_TITLE),
        frontcover=values.url("frontcover"),
        location=values.text("location", MAX_LOCATION),
        play_url=play_url,
        create_time=values.time("create_time", _UNKNOWN, _UNKNOWN_MEANING),
    )


def _owner(values: Values) -> str:
    """The userid as tb_account spells it."""
    owner, userid = values.raw("owner"), values.raw("userid")
    if owner is None:
        raise Skip("userid: has no account in the source")
    if owner != userid:
        values.changed("userid: spelled as in tb_account")
    return str(owner)


def _file_id(values: Values) -> str:
    file_id = values.raw("file_id")
    if not _is_file_id(file_id):
        raise Skip("file_id: not 1 to 150 letters, digits, '_' or '-'")
    return str(file_id)
