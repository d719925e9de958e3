"""Conditions on rows that users published, for operators."""


def conditions(userid: str | None, hidden: bool) -> tuple[str, list[str]]:
    """The WHERE clause, and its values: rows of one user or of all, with the hidden ones or without."""
    parts = [*([] if hidden else ["hidden = FALSE"]), *([] if userid is None else ["userid = %s"])]
    return f"WHERE {' AND '.join(parts)}" if parts else "", [] if userid is None else [userid]
