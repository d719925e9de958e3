"""/get_vod_list and /upload_room (protocol, sections 6 and 7), and /delete_vod."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from handlers.schemas.formats import Formats
from services.validation import FileId, Location, OptionalUrl, Parameters, Title
from services.videos import ListedReplay


class RoomInformation(Parameters):
    """The parameters of /upload_room."""

    title: Title = Field(description="title of the broadcast")
    location: Location = Field("", description="place of the broadcast")
    frontcover: OptionalUrl | None = Field(None, description="address of the cover; by default the profile's")


class VodFile(Parameters):
    """The parameters of /delete_vod."""

    file_id: FileId = Field(description="id of the replay, as the list has it")


class VodInfo(TypedDict):
    """A replay."""

    userid: Annotated[str, Field(description="the author")]
    nickname: Annotated[str, Field(description="the author's present name")]
    avatar: Annotated[str, Field(description="address of the author's present portrait")]
    file_id: Annotated[str, Field(description="id of the file in VOD")]
    title: Annotated[str, Field(description="title of the broadcast")]
    like_count: Annotated[int, Field(description="number of likes")]
    viewer_count: Annotated[int, Field(description="number of viewers")]
    frontcover: Annotated[str, Field(description="address of the cover")]
    location: Annotated[str, Field(description="place of the broadcast")]
    play_url: Annotated[str, Field(description="address of the recording, empty without one")]
    create_time: Annotated[str, Field(description="end of the broadcast, YYYY-MM-DD HH:MM:SS")]
    hls_play_url: Annotated[str, Field(description="address of the HLS recording, empty without one")]
    start_time: Annotated[str, Field(description="begin of the broadcast, YYYY-MM-DD HH:MM:SS")]
    likecount: NotRequired[Annotated[int, Field(description="like_count, with compat.official_apps")]]
    viewercount: NotRequired[Annotated[int, Field(description="viewer_count, with compat.official_apps")]]


class VodList(TypedDict):
    """The `data` of /get_vod_list."""

    list: Annotated[list[VodInfo], Field(description="replays, newest first")]


def vodinfo(replay: ListedReplay, formats: Formats) -> VodInfo:
    """A replay as /get_vod_list answers it."""
    info: VodInfo = {
        "userid": replay.userid,
        "nickname": replay.nickname,
        "avatar": formats.image(replay.avatar),
        "file_id": replay.file_id,
        "title": replay.title,
        "like_count": replay.like_count,
        "viewer_count": replay.viewer_count,
        "frontcover": formats.image(replay.frontcover),
        "location": replay.location,
        "play_url": replay.play_url,
        "create_time": formats.time(replay.create_time),
        "hls_play_url": replay.hls_play_url,
        "start_time": formats.time(replay.start_time),
    }
    if formats.official_apps:  # the shipped apps read these names
        info["likecount"] = replay.like_count
        info["viewercount"] = replay.viewer_count
    return info
