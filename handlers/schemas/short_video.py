"""What the short-video app sends and reads differently (decisions, section 12)."""

from typing import Annotated

from typing_extensions import TypedDict

from conf.settings import Cos, Vod
from handlers.schemas.account import LoginData
from handlers.schemas.formats import Formats
from handlers.schemas.page import Count, Index
from handlers.schemas.ugc import UgcInfo, UgcVideo, ugcinfo
from services.texts import described, described_object
from services.validation import LongTitle, OptionalUserid, Parameters, Userid
from services.videos import ListedVideo

# Of the Node server's include/enums.js: the file is ready, and its review has passed.
_READY = 0
_PASSED = 1


class ShortVideoPage(Parameters):
    """A page of the list. 0 counts as the first page, as on the official server."""

    index: Annotated[Index, described("number of the page, from 1; 0 counts as 1", "页码，从 1 开始；0 视为 1", 1)] = 1
    count: Count = 10

    @property
    def offset(self) -> int:
        """Offset of the first row."""
        return (max(self.index, 1) - 1) * self.count


class ShortVideo(UgcVideo):
    """The parameters of /lite/upload_ugc."""

    title: Annotated[LongTitle, described("title of the video", "标题", "猫")] = ""


class UserReported(Parameters):
    """The parameters of /lite/report_user. The iOS app sends both, and signs nothing."""

    userid: Annotated[Userid, described("the reported user", "被举报的用户", "xiaoming")]
    hostuserid: Annotated[OptionalUserid, described("the user who reports", "举报人", "anna")] = ""


class LoginVodInfo(TypedDict):
    """The VOD application for the app's uploads."""

    Appid: Annotated[str, described("id of the account at Tencent Cloud", "腾讯云账号的 AppId", "1250000000")]
    SubAppId: Annotated[
        str, described("id of the application in VOD, empty without one", "点播应用 ID，没有则为空", "1500000000")
    ]
    SecretId: Annotated[
        str, described("id of the key that get_vod_sign signs with", "get_vod_sign 所用密钥的 ID", "AKIDEXAMPLE")
    ]


class ShortVideoLoginData(LoginData):
    """The `data` of /lite/login."""

    vod_info: Annotated[LoginVodInfo, described_object("VOD application for uploads", "上传所用的点播应用")]


class ShortVideoInfo(UgcInfo):
    """A short video with the states that the app wants to see before it plays it."""

    status: Annotated[int, described("0: the file is ready", "0：文件可用", _READY)]
    review_status: Annotated[int, described("1: the review has passed", "1：审核通过", _PASSED)]


class ShortVideoList(TypedDict):
    """The `data` of /lite/get_ugc_list."""

    list: Annotated[list[ShortVideoInfo], described_object("short videos, newest first", "小视频列表，从新到旧")]
    total: Annotated[
        int, described("number of all short videos; an estimate above 10,000", "小视频总数；超过 10,000 时为估计值", 1)
    ]


def login_vod_info(cos: Cos, vod: Vod) -> LoginVodInfo:
    """The VOD application as /lite/login answers it. COS and VOD belong to one account at Tencent Cloud."""
    return {
        "Appid": cos.appid,
        "SubAppId": "" if vod.sub_app_id is None else str(vod.sub_app_id),
        "SecretId": vod.secret_id,
    }


def short_video_info(video: ListedVideo, formats: Formats) -> ShortVideoInfo:
    """A short video as /lite/get_ugc_list answers it. Nothing here is reviewed, so everything has passed."""
    return {**ugcinfo(video, formats), "status": _READY, "review_status": _PASSED}
