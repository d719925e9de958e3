"""`./scripts/admin callbacks`: recording events that could not be used, and were kept."""

from typing import Annotated, Any

import typer

from scripts.administration.command import Json, Yes, confirm, group, report, run, show, show_list
from services import Services, wire

app = group("Recording events that could not be used: look at them, deliver them again, drop them.")

EventId = Annotated[
    str, typer.Argument(help="The id of the event, or the digits that it begins with.", show_default=False)
]
Events = Annotated[
    list[str] | None,
    typer.Argument(help="Ids of events, or the digits that they begin with. [default: all]", show_default=False),
]
_SHOWN_DIGITS = 12


@app.command("list", epilog="Example: ./scripts/admin callbacks list --count 100")
def list_events(
    index: Annotated[int, typer.Option(min=0, help="Offset of the first event.")] = 0,
    count: Annotated[int, typer.Option(min=1, max=500, help="Number of events.")] = 20,
    as_json: Json = False,
) -> None:
    """List the kept events, the oldest first, each with the reason."""
    events = [
        {
            "event_id": event.event_id if as_json else event.event_id[:_SHOWN_DIGITS],
            "create_time": event.create_time,
            "stream_id": _stream_id(event.body),
            "reason": event.reason,
        }
        for event in run(lambda services: services.recordings.kept(index, count))
    ]
    show_list(events, ("event_id", "create_time", "stream_id", "reason"), as_json=as_json)


@app.command("show", epilog="Example: ./scripts/admin callbacks show 3f1c2a")
def show_event(event_id: EventId, as_json: Json = False) -> None:
    """Show a kept event with its body as it came."""
    show(run(lambda services: services.recordings.find_kept(event_id))._asdict(), as_json=as_json)


@app.command(epilog="Example: ./scripts/admin callbacks replay")
def replay(event_ids: Events = None, as_json: Json = False) -> None:
    """Deliver kept events again: their users may exist by now. One that still cannot be used stays kept."""
    delivered, kept = run(lambda services: _replay(services, event_ids or []))
    report({"delivered": delivered, "kept": kept}, f"delivered: {delivered}, still kept: {kept}", as_json=as_json)


@app.command(epilog="Example: ./scripts/admin callbacks drop 3f1c2a --yes")
def drop(
    event_ids: Annotated[list[str], typer.Argument(help="Ids of events, or the digits that they begin with.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Forget kept events: their recordings become no replays."""
    confirm(f"Forget {len(event_ids)} recording events for good?", yes=yes)
    run(lambda services: _drop(services, event_ids))
    report({"dropped": len(event_ids)}, f"dropped: {len(event_ids)}", as_json=as_json)


async def _replay(services: Services, event_ids: list[str]) -> tuple[int, int]:
    recordings = services.recordings
    if not event_ids:
        return await recordings.replay_undelivered()
    events = [await recordings.find_kept(event_id) for event_id in event_ids]
    delivered = sum([await recordings.replay_kept(event) for event in events])
    return delivered, len(events) - delivered


async def _drop(services: Services, event_ids: list[str]) -> None:
    events = [await services.recordings.find_kept(event_id) for event_id in event_ids]
    for event in events:
        await services.recordings.drop_kept(event)


def _stream_id(body: str) -> str:
    """The stream of an event, which may be malformed."""
    try:
        content: Any = wire.decode(body.encode())
    except ValueError:
        return ""
    stream_id = str(content.get("stream_id", "")) if isinstance(content, dict) else ""
    return stream_id.encode(errors="replace").decode()  # without lone surrogates
