"""Events of Tencent's live service (decisions, section 6): their signature and the recordings that they announce."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from services.errors import Code, ServiceError
from services.texts import described
from services.validation import INTEGER, FileId, Parameters, Rule, Url, validate

_RECORDING_READY = 100
# The live service sends the id of a file under one of these names.
_FILE_IDS = ("file_id", "video_id", "record_file_id")


def _decimal(value: object) -> object:
    """The text of a number: the live service signs the text, and sends it with quotes or without."""
    if isinstance(value, int | str) and not isinstance(value, bool):
        return str(value)
    raise PydanticCustomError("decimal", "must be a number or its text")


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


# So that the time fits a DATETIME in every time zone.
UnixTime = Annotated[
    int,
    Field(ge=0, le=4102444800),
    INTEGER,
    Rule("a time in Unix seconds, at most 4102444800 (the year 2100)", "Unix 时间（秒），最大 4102444800（2100 年）"),
]


class EventSignature(Parameters):
    """The fields that sign an event."""

    t: Annotated[
        str,
        Field(pattern=r"^[0-9]{1,12}$"),
        BeforeValidator(_decimal),
        Rule("a time in Unix seconds", "Unix 时间（秒）"),
        described(
            "expiry of the event, Unix seconds, as a number or as its text",
            "事件过期时间，Unix 秒，数字或文本",
            "1700000600",
        ),
    ]
    sign: Annotated[
        str,
        Field(max_length=128),
        Rule("at most 128 characters", "最多 128 个字符"),
        described(
            "md5(callback key + t), lowercase hex",
            "md5(回调密钥 + t)，小写十六进制",
            "14c891c875b5a5bc4e0dcf08d3d0f3c7",
        ),
    ]


class EventType(Parameters):
    """The kind of an event."""

    event_type: Annotated[
        int,
        INTEGER,
        Rule("an integer", "整数"),
        described(
            "100: a recording is ready. Events of other kinds are ignored",
            "100 表示录制完成。其他类型的事件被忽略",
            100,
        ),
    ]


class Recording(Parameters):
    """A recorded file."""

    stream_id: Annotated[
        str,
        Field(pattern=r"^[!-~]{1,255}$"),
        Rule("1 to 255 printable ASCII characters without spaces", "1 到 255 个可打印 ASCII 字符，不含空格"),
        described(
            "id of the stream: the bizid, `_` and the userid", "直播流 ID：bizid 加“_”加 userid", "5000_xiaoming"
        ),
    ]
    file_id: Annotated[
        FileId,
        described(
            "id of the file in VOD. `video_id` or `record_file_id` stands in for a missing one",
            "点播文件 ID。缺失时取 video_id 或 record_file_id",
            "5285890800000000002",
        ),
    ]
    video_url: Annotated[Url, described("address of the file", "文件地址", "https://example.com/live.mp4")]
    file_format: Annotated[
        str,
        Field(pattern="^(mp4|hls|flv|aac)$"),
        BeforeValidator(_lower),
        Rule("mp4, hls, flv or aac", "mp4、hls、flv 或 aac"),
        described("format of the file, in any case", "文件格式，不区分大小写", "mp4"),
    ]
    start_time: Annotated[
        UnixTime, described("begin of the recording, Unix seconds", "录制开始时间，Unix 秒", 1700000000)
    ]
    end_time: Annotated[UnixTime, described("end of the recording, Unix seconds", "录制结束时间，Unix 秒", 1700000060)]
    duration: Annotated[
        Annotated[int, Field(ge=0), INTEGER, Rule("a whole number of seconds", "整数秒")] | None,
        described(
            "length of the recording in seconds; by default end_time - start_time",
            "录制时长（秒）；默认为 end_time - start_time",
            60,
        ),
    ] = None

    @property
    def length(self) -> int:
        """Length of the recording in seconds."""
        return self.end_time - self.start_time if self.duration is None else self.duration


def signature_of(event: Mapping[str, Any]) -> EventSignature:
    """The signature of an event. Raises INVALID_PARAM."""
    return validate(EventSignature, event)


def recording_of(event: Mapping[str, Any]) -> Recording | None:
    """The recording that an event announces, None for an event of another kind. Raises INVALID_PARAM."""
    if validate(EventType, event).event_type != _RECORDING_READY:
        return None
    file_id = next((event[name] for name in _FILE_IDS if event.get(name) not in (None, "")), None)
    recording = validate(Recording, {**event, "file_id": file_id})
    if recording.end_time < recording.start_time:
        raise ServiceError(Code.INVALID_PARAM, "end_time: must not be before start_time")
    return recording
