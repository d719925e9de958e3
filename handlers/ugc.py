"""/upload_ugc, /get_ugc_list and /delete_ugc: short videos."""

from handlers.base import Routes
from handlers.interfaces import UserHandler
from handlers.lists import ListHandler
from handlers.schemas.ugc import UgcFile, UgcList, UgcVideo, ugcinfo
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


class DeleteUgcHandler(UserHandler[UgcFile]):
    """Deletes a short video of the caller (decisions, sections 10 and 11)."""

    parameters = UgcFile

    async def serve(self, caller: Caller, parameters: UgcFile) -> None:
        await self.services.videos.delete_ugc(caller.userid, parameters.file_id)


ROUTES: Routes = [
    ("/upload_ugc", UploadUgcHandler),
    ("/get_ugc_list", GetUgcListHandler),
    ("/delete_ugc", DeleteUgcHandler),
]
