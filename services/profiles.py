"""Profiles: what others see of a user."""

from collections.abc import Mapping

from models import account
from models.database import Database
from services.errors import Code, ServiceError


class Profiles:
    """Reads and changes profiles."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, userid: str) -> account.Profile:
        """The user's profile. Raises NO_SUCH_USER when the account is gone."""
        profile = await account.profile(self._db, userid)
        if profile is None:
            raise ServiceError(Code.NO_SUCH_USER, "no such user")
        return profile

    async def update(self, userid: str, changes: Mapping[str, str | int]) -> None:
        """Change the given fields and leave the others. Raises UPDATE_FAILED when the account is gone."""
        if changes and not await account.update_profile(self._db, userid, changes):
            raise ServiceError(Code.UPDATE_FAILED, "no such user")
