"""Profiles: the part of an account that other users see."""

from collections.abc import Mapping

from models import account
from models.account import Profile
from models.database import Database
from services.batch_loader import BatchLoader
from services.errors import Code, ServiceError
from services.feeds import Feeds
from services.limits import Limits
from services.metrics.catalogue import Metrics

__all__ = ["Profile", "Profiles"]

_SHOWN_IN_LISTS = {"nickname", "avatar"}


class Profiles:
    """Reads and changes profiles."""

    def __init__(self, db: Database, feeds: Feeds, limits: Limits, *, max_batch: int, metrics: Metrics) -> None:
        self._db = db
        self._feeds = feeds
        self._limits = limits
        self._profiles: BatchLoader[str, Profile | None] = BatchLoader(
            self._fetch, max_batch=max_batch, sizes=metrics.batch_size["profiles"]
        )

    async def get(self, userid: str) -> Profile:
        """The user's profile. Raises NO_SUCH_USER when the account is gone."""
        profile = await self._profiles.load(userid)
        if profile is None:
            raise ServiceError(Code.NO_SUCH_USER, "no such user")
        return profile

    async def update(self, userid: str, changes: Mapping[str, str | int]) -> None:
        """Change the given fields and leave the others. Raises UPDATE_FAILED when the account is gone.

        Raises TOO_FREQUENT after many uploads.
        """
        if not changes:
            return
        await self._limits.uploads.use(userid)
        if not await account.update_profile(self._db, userid, changes):
            raise ServiceError(Code.UPDATE_FAILED, "no such user")
        if not _SHOWN_IN_LISTS.isdisjoint(changes):
            await self._feeds.bump_profile(userid)

    async def _fetch(self, userids: list[str]) -> list[Profile | None]:
        profiles = await account.profiles(self._db, userids)
        return [profiles.get(userid) for userid in userids]
