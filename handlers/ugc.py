"""/upload_ugc, /get_ugc_list and /delete_ugc: short videos."""

from handlers.base import Routes
from handlers.description import Description
from handlers.interfaces import UserHandler
from handlers.lists import ListHandler
from handlers.schemas.ugc import UgcFile, UgcList, UgcVideo, ugcinfo
from services.errors import Code
from services.snapshot import Feed
from services.texts import Text

_TAG = Text("Short videos", "小视频")


class UploadUgcHandler(UserHandler[UgcVideo]):
    """Publishes a short video (protocol, section 8)."""

    parameters = UgcVideo
    description = Description(
        tag=_TAG,
        summary=Text("Publish a short video", "发布小视频"),
        details=Text(
            "The same file_id again from the same user replaces the video and keeps its create_time. An absent field "
            "becomes empty.",
            "同一用户再次发布相同 file_id 会替换原记录并保留 create_time。缺省的字段变为空。",
        ),
        refusals={Code.UPDATE_FAILED: "no such user", Code.TOO_FREQUENT: "too many uploads"},
    )

    async def serve(self, userid: str, parameters: UgcVideo) -> None:
        await self.services.videos.upload_ugc(userid, parameters.video())


class GetUgcListHandler(ListHandler):
    """Short videos, newest first (protocol, section 9)."""

    feed = Feed.UGC
    description = Description(
        tag=_TAG,
        summary=Text("List short videos", "获取小视频列表"),
        details=Text(
            "Short videos of all users, newest first by create_time.", "所有用户的小视频，按 create_time 从新到旧。"
        ),
    )

    async def list_page(self, index: int, count: int) -> UgcList:
        videos = await self.services.videos.ugc(index, count)
        return {"list": [ugcinfo(video, self.formats) for video in videos]}


class DeleteUgcHandler(UserHandler[UgcFile]):
    """Deletes a short video of the caller (decisions, sections 10 and 11)."""

    parameters = UgcFile
    description = Description(
        tag=_TAG,
        summary=Text("Delete a short video of the caller", "删除自己的小视频"),
        refusals={Code.UPDATE_FAILED: "file_id: the user has no such video"},
    )

    async def serve(self, userid: str, parameters: UgcFile) -> None:
        await self.services.videos.delete_ugc(userid, parameters.file_id)


ROUTES: Routes = [
    ("/upload_ugc", UploadUgcHandler),
    ("/get_ugc_list", GetUgcListHandler),
    ("/delete_ugc", DeleteUgcHandler),
]
