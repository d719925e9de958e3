"""Runs the versioned schema changes of `migrations/`, which are plain SQL, with yoyo.

Add `NNNN.what-it-does.sql`; never edit one that has run.
"""

from pathlib import Path

from yoyo import get_backend, read_migrations

LOCK = "SHA1(CONCAT(DATABASE(), ' migrations'))"  # MySQL takes names of up to 64 characters
_LOCK_SECONDS = 10


class MigrationLocked(Exception):
    """Another process is migrating this database."""


def migrate(url: str) -> list[str]:
    """Apply what is not applied yet and return the names. Blocks: call it in a thread.

    Safe to run from several processes at once. Raises MigrationLocked when one of them takes too long, and yoyo's or
    PyMySQL's error when it cannot.
    """
    migrations = read_migrations(str(Path(__file__).parent / "migrations"))
    # Without the two, PyMySQL would trust any certificate.
    verified = "&ssl_verify_cert=true&ssl_verify_identity=true" if "ssl_ca=" in url else ""
    backend = get_backend(url + verified)
    try:
        # Not yoyo's own lock, a row that a killed process leaves behind: this one ends with the connection.
        lock = f"SELECT GET_LOCK({LOCK}, :seconds)"
        if backend.execute(lock, {"seconds": _LOCK_SECONDS}).fetchone() != (1,):
            raise MigrationLocked("another process is migrating this database")
        pending = backend.to_apply(migrations)
        backend.apply_migrations(pending)
        return [migration.id for migration in pending]
    finally:
        # Closing would free it, too, but a moment after this process goes on.
        backend.execute(f"DO RELEASE_LOCK({LOCK})")
        backend.connection.close()
