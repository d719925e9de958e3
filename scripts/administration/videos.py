"""`./scripts/admin vod` and `./scripts/admin ugc`: replays and short videos, which have the same commands."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, NamedTuple, Protocol

import typer

from scripts.administration.command import Json, Yes, confirm, group, report, run, show_list
from services import Services
from services.snapshot import Feed

Userid = Annotated[str, typer.Argument(help="The author.", show_default=False)]
FileId = Annotated[str, typer.Argument(help="The file_id, as the list has it.", show_default=False)]
_COLUMNS = ("create_time", "userid", "file_id", "title", "hidden")


class Items(Protocol):
    """A method of `Inspection` that lists rows."""

    def __call__(
        self, userid: str | None, *, hidden: bool, index: int, count: int
    ) -> Awaitable[Sequence[NamedTuple]]: ...


def commands(
    name: str,
    noun: str,
    feed: Feed,
    items: Callable[[Services], Items],
    delete: Callable[[Services], Callable[[str, str], Awaitable[None]]],
) -> typer.Typer:
    """The commands of one list."""
    app = group(f"{noun.capitalize()}s: list them, hide them from the apps, show them again, delete them.")

    @app.command(
        "list",
        help=f"List {noun}s, newest first.",
        epilog=f"Example: ./scripts/admin {name} list --user xiaoming --all",
    )
    def list_rows(
        user: Annotated[str | None, typer.Option(help="Only those of this user.", show_default=False)] = None,
        hidden: Annotated[bool, typer.Option("--all", help="The hidden ones, too.")] = False,
        index: Annotated[int, typer.Option(min=0, help="Offset of the first row.")] = 0,
        count: Annotated[int, typer.Option(min=1, max=500, help="Number of rows.")] = 20,
        as_json: Json = False,
    ) -> None:
        rows = run(lambda services: items(services)(user, hidden=hidden, index=index, count=count))
        records = [{**row._asdict(), "hidden": bool(row._asdict()["hidden"])} for row in rows]
        show_list(records, _COLUMNS, as_json=as_json)

    def set_hidden(userid: str, file_id: str, *, hidden: bool, as_json: bool) -> None:
        run(lambda services: services.videos.hide(feed, userid, file_id, hidden=hidden))
        text = f"{'hidden' if hidden else 'shown again'}: {file_id} of {userid}"
        report({"userid": userid, "file_id": file_id, "hidden": hidden}, text, as_json=as_json)

    @app.command(help=f"Hide a {noun} from the list.", epilog=f"Example: ./scripts/admin {name} hide xiaoming 5285")
    def hide(userid: Userid, file_id: FileId, as_json: Json = False) -> None:
        set_hidden(userid, file_id, hidden=True, as_json=as_json)

    @app.command(help=f"Show a hidden {noun} again.", epilog=f"Example: ./scripts/admin {name} unhide xiaoming 5285")
    def unhide(userid: Userid, file_id: FileId, as_json: Json = False) -> None:
        set_hidden(userid, file_id, hidden=False, as_json=as_json)

    @app.command(
        "delete",
        help=f"Delete a {noun} for good. The file itself stays in VOD: delete it there, too.",
        epilog=f"Example: ./scripts/admin {name} delete xiaoming 5285 --yes",
    )
    def delete_row(userid: Userid, file_id: FileId, yes: Yes = False, as_json: Json = False) -> None:
        confirm(f"Delete the {noun} {file_id} of {userid}?", yes=yes)
        run(lambda services: delete(services)(userid, file_id))
        report(
            {"userid": userid, "file_id": file_id, "deleted": True}, f"deleted: {file_id} of {userid}", as_json=as_json
        )

    return app


vod = commands(
    "vod",
    "replay",
    Feed.REPLAYS,
    lambda services: services.inspection.replays,
    lambda services: services.videos.delete_replay,
)
ugc = commands(
    "ugc",
    "short video",
    Feed.UGC,
    lambda services: services.inspection.ugc,
    lambda services: services.videos.delete_ugc,
)
