"""Errors of the stores. Each store's module translates those of its driver, and nobody above knows the driver.

StoreError              the store refuses: a wrong statement, missing rights, wrong credentials
├── StoreUnavailable    the store cannot answer now: unreachable, too slow, overloaded, read-only
│   └── StoreBusy       we ask it too much already
└── DuplicateKey        a row with this key exists
"""


class StoreError(Exception):
    """The store refuses, and a repetition will not help.

    `store` is "mysql", "redis" or, in an import, "source". `call` is the verb and the table of a statement, a script,
    or a command. `details` has both and the reason, for the log.
    """

    def __init__(self, store: str, reason: str, call: str) -> None:
        super().__init__(f"{store}: {call}: {reason}")
        self.store = store
        self.details = {"store": store, "call": call, "error": reason}


class StoreUnavailable(StoreError):
    """The store cannot answer now. The same request may succeed later."""


class StoreBusy(StoreUnavailable):
    """So many requests use the store already that this one could not be served in time."""


class DuplicateKey(StoreError):
    """A row with this key exists."""
