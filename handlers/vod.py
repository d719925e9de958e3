"""/get_vod_list and /upload_room: replays, and what they will be called."""

from handlers.base import ListHandler, Routes, UserHandler
from handlers.schemas import RoomInformation, VodList, vodinfo
from services.versions import List


class GetVodListHandler(ListHandler):
    """Replays of past broadcasts, newest first (document, section 6)."""

    shows = List.REPLAYS

    async def list_page(self, index: int, count: int) -> VodList:
        replays = await self.services.videos.replays(index, count)
        official_apps = self.conf.compat.official_apps
        return {"list": [vodinfo(replay, self.timezone, official_apps=official_apps) for replay in replays]}


class UploadRoomHandler(UserHandler[RoomInformation]):
    """Says what the broadcast about to start is (document, section 7)."""

    parameters = RoomInformation

    async def serve(self, caller: str, parameters: RoomInformation) -> None:
        await self.services.videos.upload_room(caller, parameters.title, parameters.location, parameters.frontcover)


ROUTES: Routes = [
    ("/get_vod_list", GetVodListHandler),
    ("/upload_room", UploadRoomHandler),
]
