"""Deletion of accounts, with all that belongs to them (decisions, section 10).

It can be interrupted anywhere and begun again: the row of the account goes last, and until then it says that the user
is being deleted. So nobody else can take the userid while rows of it are left, and no recording finds the user.
"""

from models import account, imported, room, ugc, user_report, vod
from models.database import Database, Queries
from services.errors import Code, ServiceError
from services.feeds import Feeds
from services.redis import keys
from services.redis.client import RedisClient
from services.sessions import Sessions
from services.snapshot import Feed

# Rows of each table in one transaction: a broadcaster has thousands, and a long transaction stalls others.
_BATCH = 500
_DELETE = (room.delete_of, vod.delete_files_of, vod.delete_replays_of, ugc.delete_of, user_report.delete_of)


class AccountDeletion:
    """Deletes accounts."""

    def __init__(self, db: Database, redis: RedisClient, sessions: Sessions, feeds: Feeds) -> None:
        self._db = db
        self._redis = redis
        self._sessions = sessions
        self._feeds = feeds

    async def delete(self, userid: str, stored: str | None = None) -> None:
        """End the user's session and delete everything. Raises NO_SUCH_USER.

        With `stored`, only the account with this stored password: another one may have the userid by now.
        """
        if stored is None:
            stored = (await account.passwords(self._db, [userid])).get(userid, "")
        await self._sessions.void(userid, stored)
        if not await account.begin_deletion(self._db, userid, stored):
            raise ServiceError(Code.NO_SUCH_USER, "no such user")
        await self._delete_rows(userid)

    async def finish(self, count: int) -> int:
        """Finish up to `count` deletions that were interrupted. Returns how many there were."""
        userids = await account.deleted(self._db, count)
        for userid in userids:  # somebody else may have finished meanwhile, and a new user have the name
            await self._delete_rows(userid)
        return len(userids)

    async def _delete_rows(self, userid: str) -> None:
        while await user_report.forget_reporter(self._db, userid, _BATCH) == _BATCH:  # rows of others: no transaction
            pass
        while not await self._db.transaction(lambda db: self._delete_batch(db, userid)):
            pass
        for feed in Feed:
            await self._feeds.bump(feed)

    async def _delete_batch(self, db: Queries, userid: str) -> bool:
        """Delete some rows, and the account when nothing else is left. True when all is gone.

        The lock on the account keeps recordings out, which take it too.
        """
        if not await account.lock_deleted(db, userid):
            return True
        deleted = [await delete(db, userid, _BATCH) for delete in _DELETE]
        if max(deleted) == _BATCH:
            return False
        await self._redis.delete(*keys.of_user(userid))  # the name is still taken: they are nobody else's
        await imported.mark_deleted(db, userid)
        await account.delete(db, userid)
        return True
