"""/get_vod_list, /delete_vod and /upload_room: replays, and the room information for the next one."""

from handlers.base import Routes
from handlers.description import Description
from handlers.interfaces import UserHandler
from handlers.lists import ListHandler
from handlers.schemas.vod import RoomInformation, VodFile, VodList, vodinfo
from services.errors import Code
from services.snapshot import Feed
from services.texts import Text

_TAG = Text("Broadcasts and replays", "直播与回放")


class GetVodListHandler(ListHandler):
    """Replays of past broadcasts, newest first (protocol, section 6)."""

    feed = Feed.REPLAYS
    description = Description(
        tag=_TAG,
        summary=Text("List replays", "拉回放列表"),
        details=Text(
            "Replays of all users, newest first by create_time. They are made of Tencent's recording events: the files "
            "of one broadcast in several formats are one replay, whose file_id is that of the first event. play_url is "
            "the MP4, without one the FLV or AAC.",
            "所有用户的回放，按 create_time 从新到旧。回放由腾讯云的录制事件生成：同一场直播的多种格式合并为一条回放，"
            "file_id 取第一个事件的。play_url 为 MP4，没有时为 FLV 或 AAC。",
        ),
    )

    async def list_page(self, index: int, count: int) -> VodList:
        replays = await self.services.videos.replays(index, count)
        return {"list": [vodinfo(replay, self.formats) for replay in replays]}


class UploadRoomHandler(UserHandler[RoomInformation]):
    """Stores room information for the next broadcast (protocol, section 7)."""

    parameters = RoomInformation
    description = Description(
        tag=_TAG,
        summary=Text("Upload the room's information", "上传房间信息"),
        details=Text(
            "Call it when a broadcast begins: its replay gets title, location and frontcover from here.",
            "在直播开始时调用：该场直播的回放使用此处的 title、location 和 frontcover。",
        ),
        refusals={Code.UPDATE_FAILED: "no such user", Code.TOO_FREQUENT: "too many uploads"},
    )

    async def serve(self, userid: str, parameters: RoomInformation) -> None:
        await self.services.videos.upload_room(userid, parameters.title, parameters.location, parameters.frontcover)


class DeleteVodHandler(UserHandler[VodFile]):
    """Deletes a replay of the caller (decisions, sections 10 and 11)."""

    parameters = VodFile
    description = Description(
        tag=_TAG,
        summary=Text("Delete a replay of the caller", "删除自己的回放"),
        refusals={Code.UPDATE_FAILED: "file_id: the user has no such video"},
    )

    async def serve(self, userid: str, parameters: VodFile) -> None:
        await self.services.videos.delete_replay(userid, parameters.file_id)


ROUTES: Routes = [
    ("/get_vod_list", GetVodListHandler),
    ("/upload_room", UploadRoomHandler),
    ("/delete_vod", DeleteVodHandler),
]
