"""tb_user_report: users whom others reported, one row for each."""

from datetime import datetime
from typing import NamedTuple

from models.database import Queries


class UserReport(NamedTuple):
    """The reports of a user. `reporter` is unproven: it is what the last report said. Times are UTC."""

    userid: str
    reports: int
    reporter: str
    first_time: datetime
    last_time: datetime


async def add(db: Queries, userid: str, reporter: str) -> bool:
    """Count a report. False when there is no such user."""
    found = await db.execute(
        """
        INSERT INTO tb_user_report (userid, reports, reporter, first_time, last_time)
        SELECT userid, 1, %s, UTC_TIMESTAMP(), UTC_TIMESTAMP() FROM tb_account WHERE userid = %s AND deleted_at IS NULL
        ON DUPLICATE KEY UPDATE
          reports = tb_user_report.reports + 1, reporter = %s, last_time = UTC_TIMESTAMP()
        """,
        (reporter, userid, reporter),
    )
    return found > 0


async def newest(db: Queries, index: int, count: int) -> list[UserReport]:
    """`count` reported users from offset `index`, the last reported first."""
    found = await db.fetch_all(
        """
        SELECT userid, reports, reporter, first_time, last_time FROM tb_user_report
        ORDER BY last_time DESC, userid DESC LIMIT %s OFFSET %s
        """,
        (count, index),
    )
    return [UserReport(*row) for row in found]


async def delete_of(db: Queries, userid: str, count: int) -> int:
    """Delete up to `count` rows of a user, who has one at most. Returns how many there were."""
    return await db.execute("DELETE FROM tb_user_report WHERE userid = %s LIMIT %s", (userid, count))
