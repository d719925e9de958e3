"""/upload_ugc and /get_ugc_list: short videos."""

from handlers.base import Routes
from handlers.interfaces import UserHandler
from handlers.lists import ListHandler
from handlers.schemas.ugc import UgcList, UgcVideo, ugcinfo
from services.authentication import Caller
from services.snapshot import Feed


class UploadUgcHandler(UserHandler[UgcVideo]):
    """Publishes a short video (protocol, section 8)."""

    parameters = UgcVideo

    async def serve(self, caller: Caller, parameters: UgcVideo) -> None:
        await self.services.videos.upload_ugc(caller.userid, parameters.video())


class GetUgcListHandler(ListHandler):
    """Short videos, newest first (protocol, section 9)."""

    feed = Feed.UGC

    async def list_page(self, index: int, count: int) -> UgcList:
        videos = await self.services.videos.ugc(index, count)
        return {"list": [ugcinfo(video, self.formats) for video in videos]}


ROUTES: Routes = [
    ("/upload_ugc", UploadUgcHandler),
    ("/get_ugc_list", GetUgcListHandler),
]
