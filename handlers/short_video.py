"""The paths of the official short-video app (小视频), with `compat.short_video` (decisions, section 12)."""

from handlers.account import LoginHandler, RefreshHandler, RegisterHandler
from handlers.base import Routes
from handlers.description import Description
from handlers.interfaces import InterfaceHandler, UserHandler
from handlers.lists import PageHandler
from handlers.page_cache import PageKey
from handlers.profile import GetUserInfoHandler, UploadUserInfoHandler
from handlers.schemas.account import Login
from handlers.schemas.short_video import (
    ShortVideo,
    ShortVideoList,
    ShortVideoLoginData,
    ShortVideoPage,
    UserReported,
    login_vod_info,
    short_video_info,
)
from handlers.signature import GetCosSignHandler, GetVodSignHandler
from handlers.ugc import UploadUgcHandler
from services.errors import Code
from services.snapshot import Feed
from services.texts import Text
from services.validation import validate

_PATH = "/lite"
_TAG = Text("Short-video app", "小视频 App")


class ShortVideoLoginHandler(LoginHandler):
    """Also tells which VOD application takes the uploads."""

    description = Description(
        tag=_TAG,
        summary=Text("Log in to the short-video app", "登录小视频 App"),
        details=Text(
            "As /login, and names the VOD application for uploads.", "与 /login 相同，并返回上传所用的点播应用。"
        ),
        refusals=LoginHandler.description.refusals,
    )

    async def serve(self, parameters: Login) -> ShortVideoLoginData:
        data = await super().serve(parameters)
        return {**data, "vod_info": login_vod_info(self.conf.cos, self.conf.vod)}


class UploadShortVideoHandler(UserHandler[ShortVideo]):
    """Publishes a short video, with a longer title."""

    parameters = ShortVideo
    description = Description(
        tag=_TAG,
        summary=Text("Publish a short video with a longer title", "发布小视频（标题更长）"),
        details=Text("As /upload_ugc.", "与 /upload_ugc 相同。"),
        refusals=UploadUgcHandler.description.refusals,
    )

    async def serve(self, userid: str, parameters: ShortVideo) -> None:
        await self.services.videos.upload_ugc(userid, parameters.video())


class ShortVideoListHandler(PageHandler):
    """Short videos, newest first, for everybody: the iOS app asks for them without a session."""

    parameters = ShortVideoPage
    feed = Feed.UGC
    description = Description(
        tag=_TAG,
        summary=Text("List short videos, page by page", "按页获取小视频列表"),
        details=Text(
            "Short videos of all users, newest first by create_time, for everybody. A signature is ignored.",
            "所有用户的小视频，按 create_time 从新到旧，忽略签名。",
        ),
    )

    async def post(self) -> None:
        page = validate(ShortVideoPage, self.body_object())
        await self.answer_page(PageKey(self.feed, page.offset, page.count, _PATH), self.services.feeds.look_up())

    async def list_page(self, index: int, count: int) -> ShortVideoList:
        videos = await self.services.videos.ugc(index, count)
        total = await self.services.videos.ugc_total()
        return {"list": [short_video_info(video, self.formats) for video in videos], "total": total}


class ReportUserHandler(InterfaceHandler):
    """Counts a report of a user. It is no `PublicHandler`: the user that it names has not called."""

    parameters = UserReported
    description = Description(
        tag=_TAG,
        summary=Text("Report a user", "举报用户"),
        details=Text("Counts a report, which operators see. Nobody signs it.", "记录一次举报供管理员查看，无需签名。"),
        refusals={
            Code.UPDATE_FAILED: "no such user",
            Code.TOO_FREQUENT: "too many reports from this address",
        },
    )

    async def post(self) -> None:
        report = validate(UserReported, self.body_object())
        await self.services.user_reports.add(report.userid, report.hostuserid, self.address)
        self.answer(Code.OK, "OK", None)


OWN_ROUTES: Routes = [
    (f"{_PATH}/login", ShortVideoLoginHandler),
    (f"{_PATH}/upload_ugc", UploadShortVideoHandler),
    (f"{_PATH}/get_ugc_list", ShortVideoListHandler),
    (f"{_PATH}/report_user", ReportUserHandler),
]
"""The paths that differ from those of 小直播."""

ROUTES: Routes = [
    *OWN_ROUTES,
    (f"{_PATH}/register", RegisterHandler),
    (f"{_PATH}/refresh", RefreshHandler),
    (f"{_PATH}/get_user_info", GetUserInfoHandler),
    (f"{_PATH}/upload_user_info", UploadUserInfoHandler),
    (f"{_PATH}/get_vod_sign", GetVodSignHandler),
    (f"{_PATH}/get_cos_sign", GetCosSignHandler),
]
