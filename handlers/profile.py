"""/get_user_info and /upload_user_info."""

from handlers.base import Routes, UserHandler
from handlers.schemas import NoParameters, ProfileChanges, ProfileData, profile_data


class GetUserInfoHandler(UserHandler[NoParameters]):
    """The caller's profile (document, section 4)."""

    parameters = NoParameters

    async def serve(self, caller: str, parameters: NoParameters) -> ProfileData:
        return profile_data(await self.services.profiles.get(caller))


class UploadUserInfoHandler(UserHandler[ProfileChanges]):
    """Changes the caller's profile (document, section 5)."""

    parameters = ProfileChanges

    async def serve(self, caller: str, parameters: ProfileChanges) -> None:
        await self.services.profiles.update(caller, parameters.model_dump(exclude_none=True))


ROUTES: Routes = [
    ("/get_user_info", GetUserInfoHandler),
    ("/upload_user_info", UploadUserInfoHandler),
]
