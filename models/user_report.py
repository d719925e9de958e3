"""tb_user_report: users whom others reported, one row for each."""

from datetime import datetime
from functools import partial
from typing import NamedTuple

from models import rows
from models.database import Queries


class UserReport(NamedTuple):
    """The reports of a user. `reporter` is unproven: it is what the last report said. Times are UTC."""

    userid: str
    reports: int
    reporter: str
    first_time: datetime
    last_time: datetime


delete_of = partial(rows.delete_of, "tb_user_report")


async def add(db: Queries, userid: str, reporter: str) -> None:
    """Count a report of a user."""
    await db.execute(
        """
        INSERT INTO tb_user_report (userid, reports, reporter, first_time, last_time)
        VALUES (%s, 1, %s, UTC_TIMESTAMP(), UTC_TIMESTAMP())
        ON DUPLICATE KEY UPDATE reports = reports + 1, reporter = VALUES(reporter), last_time = VALUES(last_time)
        """,
        (userid, reporter),
    )


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


async def forget_reporter(db: Queries, userid: str, count: int) -> int:
    """Take a user's name from up to `count` reports of others. Returns how many there were."""
    return await db.execute("UPDATE tb_user_report SET reporter = '' WHERE reporter = %s LIMIT %s", (userid, count))
