"""The import of an official server's database (docs/MIGRATION.md).

It can be interrupted anywhere and repeated as often as one likes. The rows of a batch and the note that they have been
imported are one transaction. Another run passes imported rows over, so it brings what is new, overwrites nothing that
users changed here, and brings nothing back that was deleted here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from models import account, imported, room, ugc, vod
from models.database import Database, Queries
from models.errors import DuplicateKey
from models.keys import Key
from models.official import Columns, OfficialDatabase
from models.vod import File, NewReplay
from services.feeds import Feeds
from services.official import rows
from services.official.report import Report, TableReport
from services.official.values import Skip, Values
from services.snapshot import Feed

_BATCH = 2000  # rows of one INSERT
_MAX_TRIES = 3  # of a batch, when users register or publish the same at the same time
_ACCOUNTS = "tb_account"
_NODE_ONLY = {"review_status"}  # columns that the PHP server does not have


class _Row(Protocol):
    """A row of ours."""

    @property
    def userid(self) -> str:
        """Whose row it is."""


@dataclass(frozen=True)
class _Table:
    """A table of an official server, and the way of its rows into ours."""

    name: str
    columns: Sequence[str]
    convert: Callable[[Values], Any]
    key: Callable[[Any], Key]
    existing: Callable[[Queries, Collection[Key]], Awaitable[set[Key]]]
    insert: Callable[[Queries, Sequence[Any]], Awaitable[None]]
    required: Sequence[str]
    """The columns without which no row can be imported."""
    taken: str
    """The reason for which a row is skipped whose key exists here and has not been imported."""
    feed: Feed | None = None


def _user_key(row: _Row) -> Key:
    return Key(row.userid)


def _file_key(row: Any) -> Key:
    return Key(row.userid, row.file_id)


def _room_key(row: Any) -> Key:
    return Key(row.userid, row.create_time.isoformat(" "))


async def _insert_replays(db: Queries, replays: Sequence[NewReplay]) -> None:
    """Add replays. Where an address is missing, a file is added, so that the recording in the other format fits in."""
    await vod.insert_many(db, replays)
    if files := [(replay.userid, _file(replay)) for replay in replays if not (replay.play_url and replay.hls_play_url)]:
        await vod.insert_files(db, files)


def _file(replay: NewReplay) -> File:
    file_format = "mp4" if replay.play_url else "hls"
    url = replay.play_url or replay.hls_play_url
    return File(replay.file_id, replay.file_id, file_format, url, replay.start_time, replay.create_time)


_TABLES = (
    _Table(
        _ACCOUNTS,
        ("userid", "password", "nickname", "sex", "avatar", "frontcover", "create_time"),
        rows.account_of,
        _user_key,
        account.existing,
        account.insert_many,
        ("userid", "password"),
        "userid: somebody registered it here",
    ),
    _Table(
        "tb_room",
        ("userid", "title", "location", "frontcover", "create_time"),
        rows.room_of,
        _room_key,
        room.existing,
        room.insert_many,
        ("userid",),
        "create_time: the user uploaded a room here at this time",
    ),
    _Table(
        "tb_vod",
        (
            *("userid", "file_id", "title", "frontcover", "location", "play_url", "hls_play_url"),
            *("like_count", "viewer_count", "start_time", "create_time"),
        ),
        rows.replay_of,
        _file_key,
        vod.existing,
        _insert_replays,
        ("userid", "file_id"),
        "file_id: this server has the recording itself",
        Feed.REPLAYS,
    ),
    _Table(
        "tb_ugc",
        ("userid", "file_id", "title", "frontcover", "location", "play_url", "create_time", "review_status"),
        rows.video_of,
        _file_key,
        ugc.existing,
        ugc.insert_many,
        ("userid", "file_id"),
        "file_id: the user published it here",
        Feed.UGC,
    ),
)

OnProgress = Callable[[str, int, int], None]
"""Is told the name of a table, how many of its rows are done, and how many there are."""


_Rows = dict[Key, tuple[Any, Values]]
"""Our rows by their keys, with the values of which they were made."""


class _Sorted(NamedTuple):
    """The rows to import, the keys of those imported before, and for each of the others the reason to skip it."""

    fresh: _Rows
    before: set[Key]
    refused: dict[Key, str]


class NotOfficial(Exception):
    """The source is no database of an official server."""


class OfficialImport:
    """Imports from official servers."""

    def __init__(self, db: Database, feeds: Feeds) -> None:
        self._db = db
        self._feeds = feeds

    async def run(self, source: OfficialDatabase, *, dry_run: bool, on_progress: OnProgress) -> Report:
        """Import what has not been imported yet. Raises NotOfficial, and StoreError when a database fails.

        What was imported until an error stays.
        """
        if await source.columns("tb_imported"):
            raise NotOfficial(f"{source.name} is a database of this server, and no official one")
        report = Report(source.name, dry_run)
        for table in _TABLES:
            report.tables[table.name] = TableReport()
            columns = await source.columns(table.name)
            try:
                if columns or table.name == _ACCOUNTS:
                    await _TableImport(self._db, source, table, report).run(columns, on_progress)
            finally:
                if table.feed and not dry_run:
                    await self._feeds.bump(table.feed)
        return report


class _TableImport:
    """The import of one table."""

    def __init__(self, db: Database, source: OfficialDatabase, table: _Table, report: Report) -> None:
        self._db = db
        self._source = source
        self._table = table
        self._dry_run = report.dry_run
        self._report = report.tables[table.name]

    async def run(self, columns: Columns, on_progress: OnProgress) -> None:
        """Import the table batch by batch. Raises NotOfficial when a column is missing that every row needs."""
        for name in self._table.required:
            if name not in columns:
                text = f"{self._source.name} has no column {self._table.name}.{name}, or this user has no right to it"
                raise NotOfficial(text)
        self._report.present = True
        self._report.warnings = list(_warnings(self._table, columns))
        total = await self._source.count(self._table.name)
        async for batch in self._batches():
            await self._import(batch)
            self._report.read += len(batch)
            on_progress(self._table.name, self._report.read, total)

    def _batches(self) -> AsyncIterator[list[dict[str, Any]]]:
        if self._table.name == _ACCOUNTS:
            return self._source.accounts(self._table.columns, _BATCH)
        return self._source.contents(self._table.name, self._table.columns, _BATCH)

    async def _import(self, batch: Sequence[Mapping[str, Any]]) -> None:
        converted = self._converted(batch)
        for tries_left in reversed(range(_MAX_TRIES)):
            try:
                found = await self._db.transaction(lambda db: self._write(db, converted))
                break
            except DuplicateKey:  # somebody made one of them since
                if not tries_left:
                    raise
        self._report.imported += len(found.fresh)
        self._report.imported_before += len(found.before)
        for key, (_, values) in found.fresh.items():
            self._report.change(values.changes, _text(key))
        for key, reason in found.refused.items():
            self._report.skip(reason, _text(key))
        if self._table.feed is Feed.REPLAYS:
            self._report.completed += await self._complete([converted[key][0] for key in found.before])

    def _converted(self, batch: Sequence[Mapping[str, Any]]) -> _Rows:
        """Our rows by their keys. Those that cannot become ours are skipped."""
        converted: _Rows = {}
        for row in batch:
            values = Values(row)
            try:
                ours = self._table.convert(values)
            except Skip as skip:
                self._report.skip(str(skip), _name(row))
                continue
            if (key := self._table.key(ours)) in converted:
                self._report.skip("the same key twice", _text(key))
            else:
                converted[key] = ours, values
        return converted

    async def _write(self, db: Queries, converted: _Rows) -> _Sorted:
        """Write those of the rows that are to be imported."""
        found = await self._sorted(db, converted)
        if found.fresh and not self._dry_run:
            await self._table.insert(db, [ours for ours, _ in found.fresh.values()])
            await imported.add(db, self._source.name, self._table.name, found.fresh.keys())
        return found

    async def _sorted(self, db: Queries, converted: _Rows) -> _Sorted:
        before = await self._known(db, self._table.name, converted.keys())
        if self._table.name == _ACCOUNTS:
            before |= await imported.deleted(db, self._source.name, converted.keys())
        new = converted.keys() - before
        taken = await self._table.existing(db, new)
        refused = {key: self._table.taken for key in converted if key in taken}
        if self._table.name != _ACCOUNTS:
            users = await self._imported_users(db, {Key(key.userid) for key in new})
            others = [key for key in converted if key in new and Key(key.userid) not in users]
            refused |= dict.fromkeys(others, "userid: its account was not imported")
        fresh = {key: row for key, row in converted.items() if key not in before and key not in refused}
        return _Sorted(fresh, before, refused)

    async def _imported_users(self, db: Queries, users: set[Key]) -> set[Key]:
        """Those who were imported and still exist. In a dry run also those who would have been imported."""
        known = await self._known(db, _ACCOUNTS, users)
        if not self._dry_run:
            return await account.lock_many(db, known)
        existing = await account.existing(db, users)
        return (known & existing) | {key for key in users - known - existing if rows.is_new_userid(key.userid)}

    async def _known(self, db: Queries, table: str, keys: Collection[Key]) -> set[Key]:
        return await imported.known(db, self._source.name, table, keys)

    async def _complete(self, replays: Sequence[NewReplay]) -> int:
        """Add the addresses that were still missing when these replays were imported. Returns how many got one.

        The official server has one of the two until the recording in the other format comes.
        """
        here = await vod.addresses(self._db, [_file_key(replay) for replay in replays])
        incomplete = [replay for replay in replays if _completes(replay, here.get(_file_key(replay)))]
        if not self._dry_run:
            for replay in incomplete:
                await vod.add_addresses(self._db, replay)
        return len(incomplete)


def _completes(replay: NewReplay, here: tuple[str, str] | None) -> bool:
    if here is None:  # deleted here
        return False
    return any(theirs and not ours for theirs, ours in zip((replay.play_url, replay.hls_play_url), here, strict=True))


def _warnings(table: _Table, columns: Columns) -> list[str]:
    missing = [name for name in table.columns if name not in columns and name not in _NODE_ONLY]
    return [
        *(f"{name}: not in the source, or no right to it" for name in missing),
        *_lossy(table, columns),
    ]


def _lossy(table: _Table, columns: Columns) -> list[str]:
    return [
        f"{name} is {column.charset}: what that cannot hold, emoji for instance, is lost in the source already"
        for name, column in columns.items()
        if name in table.columns and column.charset not in (None, "utf8mb4")
    ]


def _name(row: Mapping[str, Any]) -> str:
    return " ".join(repr(row[name]) for name in ("userid", "file_id") if name in row)


def _text(key: Key) -> str:
    return " ".join(repr(part) for part in key if part)
