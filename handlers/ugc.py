"""/upload_ugc and /get_ugc_list: short videos."""

from handlers.base import ListHandler, Routes, UserHandler
from handlers.schemas import UgcList, UgcVideo, ugcinfo
from services.versions import List


class UploadUgcHandler(UserHandler[UgcVideo]):
    """Publishes a short video (document, section 8)."""

    parameters = UgcVideo

    async def serve(self, caller: str, parameters: UgcVideo) -> None:
        await self.services.videos.upload_ugc(caller, parameters.video())


class GetUgcListHandler(ListHandler):
    """Short videos, newest first (document, section 9)."""

    shows = List.UGC

    async def list_page(self, index: int, count: int) -> UgcList:
        videos = await self.services.videos.ugc(index, count)
        return {"list": [ugcinfo(video, self.timezone) for video in videos]}


ROUTES: Routes = [
    ("/upload_ugc", UploadUgcHandler),
    ("/get_ugc_list", GetUgcListHandler),
]
