"""Events of Tencent's live service (decisions, section 6): their signature and the recordings that they announce."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from services.errors import Code, ServiceError
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
UnixTime = Annotated[int, Field(ge=0, le=4102444800), INTEGER, Rule("a time in Unix seconds before the year 2100")]


class EventSignature(Parameters):
    """The fields that sign an event."""

    t: Annotated[str, Field(pattern=r"^[0-9]{1,12}$"), BeforeValidator(_decimal), Rule("a time in Unix seconds")] = (
        Field(description="expiry of the event, Unix seconds in decimal, as received")
    )
    sign: Annotated[str, Field(max_length=128), Rule("at most 128 characters")] = Field(
        description="md5(callback key + t)"
    )


class EventType(Parameters):
    """The kind of an event."""

    event_type: Annotated[int, INTEGER, Rule("an integer")] = Field(description="100: a recording is ready")


class Recording(Parameters):
    """A recorded file."""

    stream_id: Annotated[
        str, Field(pattern=r"^[!-~]{1,255}$"), Rule("1 to 255 printable ASCII characters without spaces")
    ] = Field(description="id of the stream: the userid, usually behind a prefix")
    file_id: FileId = Field(description="id of the file in VOD")
    video_url: Url = Field(description="address of the file")
    file_format: Annotated[
        str, Field(pattern="^(mp4|hls|flv|aac)$"), BeforeValidator(_lower), Rule("mp4, hls, flv or aac")
    ] = Field(description="format of the file, in lower case")
    start_time: UnixTime = Field(description="begin of the recording")
    end_time: UnixTime = Field(description="end of the recording")
    duration: Annotated[int, Field(ge=0), INTEGER, Rule("a whole number of seconds")] | None = Field(
        None, description="length of the recording in seconds; by default end_time - start_time"
    )

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
