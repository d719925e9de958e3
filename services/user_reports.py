"""Reports of users by other users (decisions, section 12)."""

from models import account, user_report
from models.database import Database
from models.user_report import UserReport
from services.errors import Code, ServiceError
from services.limits import Limits

__all__ = ["UserReport", "UserReports"]


class UserReports:
    """Counts reports, and shows them to operators."""

    def __init__(self, db: Database, limits: Limits) -> None:
        self._db = db
        self._limits = limits

    async def add(self, userid: str, reporter: str, address: str) -> None:
        """Count a report. Nobody has proven to be the reporter. Raises UPDATE_FAILED without such a user.

        Raises TOO_FREQUENT after many reports from the address.
        """
        await self._limits.reports.use(address)
        if not await account.profiles(self._db, [userid]):  # reads no lock: anybody can send any number of reports
            raise ServiceError(Code.UPDATE_FAILED, "no such user")
        await user_report.add(self._db, userid, reporter)

    async def newest(self, *, index: int, count: int) -> list[UserReport]:
        """`count` reported users from offset `index`, the last reported first."""
        return await user_report.newest(self._db, index, count)
