"""/get_vod_list and /upload_room (protocol, sections 6 and 7), and /delete_vod."""

from typing import Annotated, Any, NotRequired

from typing_extensions import TypedDict

from handlers.schemas.formats import Formats
from services.texts import described, described_object
from services.validation import FileId, Location, OptionalUrl, Parameters, Title
from services.videos import ListedReplay

_TITLE: Any = described("title of the broadcast", "直播标题", "周末直播")
_LOCATION: Any = described("place of the broadcast", "地理位置", "深圳")


class RoomInformation(Parameters):
    """The parameters of /upload_room."""

    title: Annotated[Title, _TITLE]
    location: Annotated[Location, _LOCATION] = ""
    frontcover: Annotated[
        OptionalUrl | None,
        described(
            "address of the cover; by default the profile's",
            "封面图 URL；默认用资料中的封面",
            "https://example.com/live.png",
        ),
    ] = None


class VodFile(Parameters):
    """The parameters of /delete_vod."""

    file_id: Annotated[
        FileId,
        described("id of the replay, as the list has it", "回放的文件 ID，与列表中的一致", "5285890800000000002"),
    ]


class VodInfo(TypedDict):
    """A replay."""

    userid: Annotated[str, described("the author", "作者的用户 ID", "xiaoming")]
    nickname: Annotated[str, described("the author's present name", "作者当前的昵称", "小明")]
    avatar: Annotated[
        str,
        described("address of the author's present portrait", "作者当前的头像 URL", "https://example.com/xiaoming.png"),
    ]
    file_id: Annotated[str, described("id of the file in VOD", "点播文件 ID", "5285890800000000002")]
    title: Annotated[str, _TITLE]
    like_count: Annotated[int, described("number of likes", "点赞数量", 0)]
    viewer_count: Annotated[int, described("number of viewers", "观看数", 0)]
    frontcover: Annotated[str, described("address of the cover", "封面图 URL", "https://example.com/live.png")]
    location: Annotated[str, _LOCATION]
    play_url: Annotated[
        str,
        described(
            "address of the recording, empty without one",
            "点播播放地址，没有时为空字符串",
            "https://example.com/live.mp4",
        ),
    ]
    create_time: Annotated[
        str,
        described(
            "end of the broadcast, YYYY-MM-DD HH:MM:SS", "直播结束时间，YYYY-MM-DD HH:MM:SS", "2026-11-26 21:00:00"
        ),
    ]
    hls_play_url: Annotated[
        str,
        described(
            "address of the HLS recording, empty without one",
            "HLS 播放地址，没有时为空字符串",
            "https://example.com/live.m3u8",
        ),
    ]
    start_time: Annotated[
        str,
        described(
            "begin of the broadcast, YYYY-MM-DD HH:MM:SS", "直播开始时间，YYYY-MM-DD HH:MM:SS", "2026-11-26 20:00:00"
        ),
    ]
    likecount: NotRequired[
        Annotated[
            int, described("like_count, with compat.official_apps", "同 like_count，仅在 compat.official_apps 时", 0)
        ]
    ]
    viewercount: NotRequired[
        Annotated[
            int,
            described("viewer_count, with compat.official_apps", "同 viewer_count，仅在 compat.official_apps 时", 0),
        ]
    ]


class VodList(TypedDict):
    """The `data` of /get_vod_list."""

    list: Annotated[list[VodInfo], described_object("replays, newest first", "回放列表，最新的在前")]


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
