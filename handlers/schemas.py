"""The parameters and the answers of every interface (document, sections 1 to 12; decisions on parameters).

Parameters are pydantic models; answers are the typed dicts that become `data`. An absent parameter and a JSON
null are the same thing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, NotRequired, TypedDict, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from models.account import Profile
from models.ugc import ListedVideo, Video
from models.vod import ListedReplay
from services.errors import Code, ServiceError
from services.recordings import Recording

P = TypeVar("P", bound="Parameters")

_MOST_SERVED = 500


def _integer(value: object) -> object:
    """Integers come as JSON numbers or as decimal strings (Android's `"index": "0"`)."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii() and len(value) <= 40:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise PydanticCustomError("integer", "must be an integer")


def _decimal(value: object) -> object:
    """A number and its decimal text are the same to the sender of an event."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _served(count: int) -> int:
    return min(count, _MOST_SERVED)


_USERID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$"
_PASSWORD = r"^[!-~]{1,128}$"
_TEXT = r"^\P{Cc}*$"
_URL = (
    r"^(?i:https?)://([^\s\p{Cc}/?#@\\]*@)?(\[[0-9A-Fa-f:.]+\]|[^\s\p{Cc}:/?#@\[\]\\]+)(:[0-9]{1,5})?"
    r"([/?#][^\s\p{Cc}]*)?$"
)
_OPTIONAL_URL = rf"^$|{_URL}"
_FILE_ID = r"^[A-Za-z0-9_-]{1,150}$"
_STREAM_ID = r"^[!-~]{1,255}$"
_FILE_FORMAT = r"^(mp4|hls|flv|aac)$"
_DECIMAL = r"^[0-9]{1,12}$"

# The rules, by their pattern or by pydantic's name for the problem, in words for the client.
_RULES = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_unicode": "must not contain lone surrogates",
    _USERID: "must be 1 to 32 letters, digits, '_' or '-', beginning with a letter or a digit",
    _PASSWORD: "must be 1 to 128 printable ASCII characters without spaces",
    _TEXT: "must not contain control characters",
    _URL: "must be an absolute http(s) URL",
    _OPTIONAL_URL: "must be an absolute http(s) URL, or empty",
    _FILE_ID: "must be 1 to 150 letters, digits, '_' or '-'",
    _STREAM_ID: "must be 1 to 255 printable ASCII characters without spaces",
    _FILE_FORMAT: "must be mp4, hls, flv or aac",
    _DECIMAL: "must be a time in Unix seconds",
}

Userid = Annotated[str, StringConstraints(pattern=_USERID)]
Password = Annotated[str, StringConstraints(pattern=_PASSWORD)]
Nickname = Annotated[str, StringConstraints(max_length=100, pattern=_TEXT)]
Title = Annotated[str, StringConstraints(max_length=128, pattern=_TEXT)]
Location = Annotated[str, StringConstraints(max_length=128, pattern=_TEXT)]
Url = Annotated[str, StringConstraints(max_length=1024, pattern=_URL)]
OptionalUrl = Annotated[str, StringConstraints(max_length=1024, pattern=_OPTIONAL_URL)]
FileId = Annotated[str, StringConstraints(pattern=_FILE_ID)]
Integer = Annotated[int, BeforeValidator(_integer)]
Sex = Annotated[Integer, Field(ge=-1, le=1)]
# Up to the year 2100: a time must fit a DATETIME in every zone, and some more.
UnixTime = Annotated[Integer, Field(ge=0, le=4102444800)]


class Parameters(BaseModel):
    """The parameters of an interface; the apps send more, which is ignored.

    A text needs a constraint: of a bare `str` pydantic does not look at the characters, which may be lone surrogates.
    """

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    codes: ClassVar[Mapping[str, Code]] = {}
    """What a malformed parameter answers when it is not INVALID_PARAM."""


class NoParameters(Parameters):
    """Interfaces that take none."""


class Registration(Parameters):
    codes: ClassVar[Mapping[str, Code]] = {"userid": Code.BAD_USERID, "password": Code.BAD_PASSWORD}

    userid: Userid
    password: Password


class Login(Parameters):
    userid: Userid
    password: Password


class Refresh(Parameters):
    userid: Userid
    refresh_token: Annotated[str, StringConstraints(max_length=128)]


class ProfileChanges(Parameters):
    """Fields that are absent stay as they are."""

    nickname: Nickname | None = None
    avatar: OptionalUrl | None = None
    sex: Sex | None = None
    frontcover: OptionalUrl | None = None


class PageRequest(Parameters):
    """Part of a list: `index` is the offset of its first row."""

    index: Annotated[Integer, Field(ge=0)] = 0
    count: Annotated[Integer, Field(ge=1), AfterValidator(_served)] = 20


class RoomInformation(Parameters):
    title: Title
    location: Location = ""
    frontcover: OptionalUrl | None = None


class UgcVideo(Parameters):
    file_id: FileId
    title: Title = ""
    frontcover: OptionalUrl = ""
    location: Location = ""
    play_url: Url

    def video(self) -> Video:
        """The video to publish."""
        return Video(self.file_id, self.title, self.frontcover, self.location, self.play_url)


class EventHead(Parameters):
    """What every event of the live service carries; `t` is its expiry in decimal, as received."""

    t: Annotated[str, BeforeValidator(_decimal), StringConstraints(pattern=_DECIMAL)]
    sign: Annotated[str, StringConstraints(max_length=128)]


class EventType(Parameters):
    """What kind of event it is; 100 announces a recording."""

    event_type: Integer


class RecordingEvent(Parameters):
    """A recording is ready (event_type 100)."""

    stream_id: Annotated[str, StringConstraints(pattern=_STREAM_ID)]
    file_id: FileId
    video_url: Url
    file_format: Annotated[str, StringConstraints(pattern=_FILE_FORMAT)]
    start_time: UnixTime
    end_time: UnixTime
    duration: Annotated[Integer, Field(ge=0)]

    def recording(self) -> Recording:
        """The recorded file."""
        if self.end_time < self.start_time:
            raise ServiceError(Code.INVALID_PARAM, "end_time: must not be before start_time")
        return Recording(**self.model_dump())


def recording_in(body: Mapping[str, Any]) -> Recording:
    """The recorded file that an event announces; older events name it video_id. Raises ServiceError."""
    file_id = body.get("file_id") or body.get("video_id")
    return read(RecordingEvent, {**body, "file_id": file_id}).recording()


def read(model: type[P], body: Mapping[str, Any]) -> P:
    """The parameters that a body holds. Raises ServiceError naming the first bad one and its rule."""
    try:
        if None in body.values():
            body = {name: value for name, value in body.items() if value is not None}
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    name, problem = str(first["loc"][0]), first["type"]
    code = Code.INVALID_PARAM if problem == "missing" else model.codes.get(name, Code.INVALID_PARAM)
    rule = _RULES.get(first.get("ctx", {}).get("pattern", problem), first["msg"])
    raise ServiceError(code, f"{name}: {rule}")


class TokenData(TypedDict):
    token: str
    refresh_token: str
    expires: int


class RoomserviceLogin(TypedDict):
    sdkAppID: int
    accountType: str
    userID: str
    userSig: str


class CosInfo(TypedDict):
    Bucket: str
    Region: str
    Appid: str | int
    SecretId: str


class LoginData(TokenData):
    roomservice_sign: RoomserviceLogin
    cos_info: CosInfo


class ProfileData(TypedDict):
    userid: str
    nickname: str
    avatar: str
    sex: int
    frontcover: str


class VodInfo(TypedDict):
    userid: str
    nickname: str
    avatar: str
    file_id: str
    title: str
    like_count: int
    viewer_count: int
    frontcover: str
    location: str
    play_url: str
    create_time: str
    hls_play_url: str
    start_time: str
    likecount: NotRequired[int]
    viewercount: NotRequired[int]


class VodList(TypedDict):
    list: list[VodInfo]


class UgcInfo(TypedDict):
    userid: str
    nickname: str
    avatar: str
    file_id: str
    title: str
    frontcover: str
    location: str
    play_url: str
    create_time: str


class UgcList(TypedDict):
    list: list[UgcInfo]


class RoomserviceSignData(TypedDict):
    txTime: int
    sign: str


class VodSignData(TypedDict):
    signature: str


class CosSignData(TypedDict):
    signKey: str
    keyTime: str


def profile_data(profile: Profile) -> ProfileData:
    """A profile as get_user_info answers it."""
    return {
        "userid": profile.userid,
        "nickname": profile.nickname,
        "avatar": profile.avatar,
        "sex": profile.sex,
        "frontcover": profile.frontcover,
    }


def vodinfo(replay: ListedReplay, timezone: ZoneInfo, *, official_apps: bool) -> VodInfo:
    """A replay as get_vod_list answers it."""
    info: VodInfo = {
        "userid": replay.userid,
        "nickname": replay.nickname,
        "avatar": replay.avatar,
        "file_id": replay.file_id,
        "title": replay.title,
        "like_count": replay.like_count,
        "viewer_count": replay.viewer_count,
        "frontcover": replay.frontcover,
        "location": replay.location,
        "play_url": replay.play_url,
        "create_time": local_time(replay.create_time, timezone),
        "hls_play_url": replay.hls_play_url,
        "start_time": local_time(replay.start_time, timezone),
    }
    if official_apps:  # the shipped apps read these names
        info["likecount"] = replay.like_count
        info["viewercount"] = replay.viewer_count
    return info


def ugcinfo(video: ListedVideo, timezone: ZoneInfo) -> UgcInfo:
    """A short video as get_ugc_list answers it."""
    return {
        "userid": video.userid,
        "nickname": video.nickname,
        "avatar": video.avatar,
        "file_id": video.file_id,
        "title": video.title,
        "frontcover": video.frontcover,
        "location": video.location,
        "play_url": video.play_url,
        "create_time": local_time(video.create_time, timezone),
    }


@lru_cache(maxsize=4096)  # the rows of a page are rendered again and again
def local_time(utc: datetime, timezone: ZoneInfo) -> str:
    """`YYYY-MM-DD HH:MM:SS` on the clocks of a time zone."""
    local = utc.replace(tzinfo=UTC).astimezone(timezone)
    return local.replace(tzinfo=None).isoformat(" ", "seconds")
