"""`./scripts/admin retention`."""

from scripts.administration.command import Json, Refused, report, run


def retention(as_json: Json = False) -> None:
    """Remove now what is older than the settings want.

    The servers do so themselves about once an hour. Only one process does it at a time.
    """
    removed = run(lambda services: services.retention.run())
    if removed is None:
        raise Refused("another process is removing rows at the moment")
    text = ", ".join(f"{rows} of {table}" for table, rows in removed.items())
    report({"removed": removed}, f"removed: {text}" if removed else "removed: nothing", as_json=as_json)
