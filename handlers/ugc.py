"""/upload_ugc and /get_ugc_list: short videos."""

from handlers.base import Routes, UserHandler
from handlers.schemas import Page, UgcList, UgcVideo, ugcinfo


class UploadUgcHandler(UserHandler[UgcVideo]):
    """Publishes a short video (document, section 8)."""

    parameters = UgcVideo

    async def serve(self, caller: str, parameters: UgcVideo) -> None:
        await self.services.videos.upload_ugc(caller, parameters.video())


class GetUgcListHandler(UserHandler[Page]):
    """Short videos, newest first (document, section 9)."""

    parameters = Page

    async def serve(self, caller: str, parameters: Page) -> UgcList:
        videos = await self.services.videos.ugc(parameters.index, parameters.count)
        return {"list": [ugcinfo(video, self.timezone) for video in videos]}


ROUTES: Routes = [
    ("/upload_ugc", UploadUgcHandler),
    ("/get_ugc_list", GetUgcListHandler),
]
