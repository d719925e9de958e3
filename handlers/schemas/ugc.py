"""/upload_ugc and /get_ugc_list (protocol, sections 8 and 9), and /delete_ugc."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from handlers.schemas.formats import Formats
from services.validation import FileId, Location, OptionalUrl, Parameters, Title, Url
from services.videos import ListedVideo, Video


class UgcVideo(Parameters):
    """The parameters of /upload_ugc."""

    file_id: FileId = Field(description="id of the file in VOD")
    title: Title = Field("", description="title of the video")
    frontcover: OptionalUrl = Field("", description="address of the cover")
    location: Location = Field("", description="place of the video")
    play_url: Url = Field(description="address of the video")

    def video(self) -> Video:
        """The video to publish."""
        return Video(self.file_id, self.title, self.frontcover, self.location, self.play_url)


class UgcFile(Parameters):
    """The parameters of /delete_ugc."""

    file_id: FileId = Field(description="id of the file in VOD")


class UgcInfo(TypedDict):
    """A short video."""

    userid: Annotated[str, Field(description="the author")]
    nickname: Annotated[str, Field(description="the author's present name")]
    avatar: Annotated[str, Field(description="address of the author's present portrait")]
    file_id: Annotated[str, Field(description="id of the file in VOD")]
    title: Annotated[str, Field(description="title of the video")]
    frontcover: Annotated[str, Field(description="address of the cover")]
    location: Annotated[str, Field(description="place of the video")]
    play_url: Annotated[str, Field(description="address of the video")]
    create_time: Annotated[str, Field(description="time of its publication, YYYY-MM-DD HH:MM:SS")]


class UgcList(TypedDict):
    """The `data` of /get_ugc_list."""

    list: Annotated[list[UgcInfo], Field(description="short videos, newest first")]


def ugcinfo(video: ListedVideo, formats: Formats) -> UgcInfo:
    """A short video as /get_ugc_list answers it."""
    return {
        "userid": video.userid,
        "nickname": video.nickname,
        "avatar": formats.image(video.avatar),
        "file_id": video.file_id,
        "title": video.title,
        "frontcover": formats.image(video.frontcover),
        "location": video.location,
        "play_url": video.play_url,
        "create_time": formats.time(video.create_time),
    }
