"""Profiles: what others see of a user."""

from collections.abc import Mapping

from models import account
from models.database import Database
from services.batches import Batches
from services.errors import Code, ServiceError
from services.versions import Versions

_SHOWN_IN_LISTS = {"nickname", "avatar"}


class Profiles:
    """Reads and changes profiles."""

    def __init__(self, db: Database, versions: Versions, *, batch: int) -> None:
        self._db = db
        self._versions = versions
        self._profiles: Batches[str, account.Profile | None] = Batches(self._fetch, most=batch)

    async def get(self, userid: str) -> account.Profile:
        """The user's profile. Raises NO_SUCH_USER when the account is gone."""
        profile = await self._profiles.ask(userid)
        if profile is None:
            raise ServiceError(Code.NO_SUCH_USER, "no such user")
        return profile

    async def update(self, userid: str, changes: Mapping[str, str | int]) -> None:
        """Change the given fields and leave the others. Raises UPDATE_FAILED when the account is gone."""
        if not changes:
            return
        if not await account.update_profile(self._db, userid, changes):
            raise ServiceError(Code.UPDATE_FAILED, "no such user")
        if not _SHOWN_IN_LISTS.isdisjoint(changes):
            await self._versions.change_profile(userid)

    async def _fetch(self, userids: list[str]) -> list[account.Profile | None]:
        profiles = await account.profiles(self._db, userids)
        return [profiles.get(userid) for userid in userids]
