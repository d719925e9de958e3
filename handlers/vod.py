"""/get_vod_list, /delete_vod and /upload_room: replays, and the room information for the next one."""

from handlers.base import Routes
from handlers.interfaces import UserHandler
from handlers.lists import ListHandler
from handlers.schemas.vod import RoomInformation, VodFile, VodList, vodinfo
from services.authentication import Caller
from services.snapshot import Feed


class GetVodListHandler(ListHandler):
    """Replays of past broadcasts, newest first (protocol, section 6)."""

    feed = Feed.REPLAYS

    async def list_page(self, index: int, count: int) -> VodList:
        replays = await self.services.videos.replays(index, count)
        return {"list": [vodinfo(replay, self.formats) for replay in replays]}


class UploadRoomHandler(UserHandler[RoomInformation]):
    """Stores room information for the next broadcast (protocol, section 7)."""

    parameters = RoomInformation

    async def serve(self, caller: Caller, parameters: RoomInformation) -> None:
        await self.services.videos.upload_room(
            caller.userid, parameters.title, parameters.location, parameters.frontcover
        )


class DeleteVodHandler(UserHandler[VodFile]):
    """Deletes a replay of the caller (decisions, sections 10 and 11)."""

    parameters = VodFile

    async def serve(self, caller: Caller, parameters: VodFile) -> None:
        await self.services.videos.delete_replay(caller.userid, parameters.file_id)


ROUTES: Routes = [
    ("/get_vod_list", GetVodListHandler),
    ("/upload_room", UploadRoomHandler),
    ("/delete_vod", DeleteVodHandler),
]
