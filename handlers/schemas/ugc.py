"""/upload_ugc and /get_ugc_list (protocol, sections 8 and 9), and /delete_ugc."""

from typing import Annotated, Any

from typing_extensions import TypedDict

from handlers.schemas.formats import Formats
from services.texts import described, described_object
from services.validation import FileId, Location, OptionalUrl, Parameters, Title, Url
from services.videos import ListedVideo, Video

_FILE_ID: Any = described("id of the file in VOD", "点播文件 ID", "5285890800000000001")
_TITLE: Any = described("title of the video", "标题", "猫")
_FRONTCOVER: Any = described("address of the cover", "封面图 URL", "https://example.com/cat.png")
_LOCATION: Any = described("place of the video", "地理位置", "深圳")
_PLAY_URL: Any = described("address of the video", "播放地址 URL", "https://example.com/cat.mp4")


class UgcVideo(Parameters):
    """The parameters of /upload_ugc."""

    file_id: Annotated[FileId, _FILE_ID]
    title: Annotated[Title, _TITLE] = ""
    frontcover: Annotated[OptionalUrl, _FRONTCOVER] = ""
    location: Annotated[Location, _LOCATION] = ""
    play_url: Annotated[Url, _PLAY_URL]

    def video(self) -> Video:
        """The video to publish."""
        return Video(self.file_id, self.title, self.frontcover, self.location, self.play_url)


class UgcFile(Parameters):
    """The parameters of /delete_ugc."""

    file_id: Annotated[FileId, _FILE_ID]


class UgcInfo(TypedDict):
    """A short video."""

    userid: Annotated[str, described("the author", "作者的用户 ID", "xiaoming")]
    nickname: Annotated[str, described("the author's present name", "作者当前的昵称", "小明")]
    avatar: Annotated[
        str,
        described("address of the author's present portrait", "作者当前的头像 URL", "https://example.com/xiaoming.png"),
    ]
    file_id: Annotated[str, _FILE_ID]
    title: Annotated[str, _TITLE]
    frontcover: Annotated[str, _FRONTCOVER]
    location: Annotated[str, _LOCATION]
    play_url: Annotated[str, _PLAY_URL]
    create_time: Annotated[
        str,
        described(
            "time of the first publication, YYYY-MM-DD HH:MM:SS",
            "首次发布时间，YYYY-MM-DD HH:MM:SS",
            "2026-11-26 20:00:00",
        ),
    ]


class UgcList(TypedDict):
    """The `data` of /get_ugc_list."""

    list: Annotated[list[UgcInfo], described_object("short videos, newest first", "小视频列表，最新的在前")]


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
