"""Every metric of the server. docs/OPERATIONS.md says what to look at, and conf/alerts.yml when to wake somebody."""

import itertools
from collections.abc import Iterator

from models.errors import StoreBusy, StoreError, StoreUnavailable
from services.metrics.families import Counter, Family, Gauge, Histograms

# A read takes a millisecond, a write some, a hash some 30 ms, and a store that hangs is given up after 5 s.
_REQUEST_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STORE_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WAIT_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)

REFUSALS = (
    "malformed_http",
    "bad_request",
    "invalid_parameter",
    "unauthenticated",
    "not_found",
    "method_not_allowed",
    "body_too_large",
    "throttled",
    "max_requests",
    "max_requests_per_user",
    "mysql_connections",
    "pages",
    "passwords",
    "deadline",
    "client_left",
    "store_unavailable",
    "unavailable",
    "internal_error",
)
LIMITS = (
    "wrong_passwords",
    "logins_per_address",
    "registrations_per_address",
    "uploads_per_user",
    "wrong_signs_per_address",
    "reports_per_address",
)
LOGINS = ("remembered", "hashed", "wrong_password", "no_such_user", "throttled", "overloaded", "abandoned", "failed")
CALLBACKS = ("stored", "kept", "ignored", "refused", "failed")
STORES = ("mysql", "redis")
ERRORS = ("unavailable", "busy", "refused")
RETENTION = ("tb_account", "tb_room", "tb_undelivered_callback", "tb_vod", "tb_vod_file")
NO_ROOM = ("descriptors", "max_connections", "max_connections_per_address")
PHASES = ("headers", "body", "served", "answer", "closing")


class Metrics:
    """The numbers of a process. A metric with the label `worker` has a number for each worker, the others are sums."""

    def __init__(self) -> None:  # noqa: PLR0915 - it is a list
        # Traffic
        self.requests = Counter("xiaozhibo_requests_total", "Requests answered", "route", "code")
        self.request_seconds = Histograms(
            "xiaozhibo_request_duration_seconds",
            "Time from the end of a request to its answer",
            "route",
            bounds=_REQUEST_S,
        )
        self.in_flight = Gauge("xiaozhibo_requests_in_flight", "Requests that are being served")
        self.refusals = Counter("xiaozhibo_refusals_total", "Requests refused", "reason", known=REFUSALS)
        self.throttled = Counter("xiaozhibo_throttled_total", "Requests refused by a rate limit", "limit", known=LIMITS)
        self.connections = Gauge("xiaozhibo_connections", "Open connections of clients", "phase")
        self.late_clients = Counter(
            "xiaozhibo_late_clients_total",
            "Connections cut off because their client was too slow",
            "phase",
            known=[phase for phase in PHASES if phase != "served"],
        )
        self.refused_connections = Counter(
            "xiaozhibo_connections_refused_total", "Connections refused for want of room", "reason", known=NO_ROOM
        )
        self.page_cache_requests = Counter(
            "xiaozhibo_page_cache_requests_total", "Pages of lists asked for", "outcome", known=("hit", "miss")
        )
        self.page_cache_entries = Gauge("xiaozhibo_page_cache_entries", "Pages in the caches")
        self.page_cache_bytes = Gauge("xiaozhibo_page_cache_bytes", "Memory of the cached pages")

        # Stores
        self.mysql_seconds = Histograms(
            "xiaozhibo_mysql_query_duration_seconds", "Time of a statement, or of connecting", "call", bounds=_STORE_S
        )
        self.mysql_wait_seconds = Histograms(
            "xiaozhibo_mysql_pool_wait_seconds",
            "Time until a connection was free, of those who had to wait",
            bounds=_WAIT_S,
        )
        self.mysql_connections = Gauge("xiaozhibo_mysql_connections", "Connections to MySQL", "state")
        self.mysql_max_connections = Gauge("xiaozhibo_mysql_connections_max", "Connections to MySQL allowed")
        self.mysql_waiting = Gauge("xiaozhibo_mysql_pool_waiting", "Callers who wait for a connection to MySQL")
        self.mysql_repeats = Counter(
            "xiaozhibo_mysql_repeats_total", "Transactions and writes that ran again after a conflict with another one"
        )
        self.redis_seconds = Histograms(
            "xiaozhibo_redis_call_duration_seconds",
            "Time of a call: what is asked of a node at once",
            "node",
            bounds=_STORE_S,
        )
        self.store_errors = Counter("xiaozhibo_store_errors_total", "Calls to a store that failed", "store", "kind")
        self.batch_size = Histograms(
            "xiaozhibo_batch_size", "Look-ups or commands in one call to a store", "batch", bounds=_BATCH
        )

        # Logins and passwords
        self.logins = Counter("xiaozhibo_logins_total", "Logins", "outcome", known=LOGINS)
        self.argon2_seconds = Histograms(
            "xiaozhibo_argon2_duration_seconds", "Time of a hash, without its wait", bounds=_REQUEST_S
        )
        self.argon2_running = Gauge("xiaozhibo_argon2_running", "Hashes that are being computed")
        self.argon2_waiting = Gauge("xiaozhibo_argon2_waiting", "Hashes that wait for a thread")
        self.argon2_refused = Counter(
            "xiaozhibo_argon2_refused_total", "Hashes refused because they would have waited too long"
        )

        # Callbacks
        self.callbacks = Counter("xiaozhibo_callbacks_total", "Recording events", "outcome", known=CALLBACKS)
        self.undelivered = Gauge("xiaozhibo_callbacks_undelivered", "Recording events kept in MySQL, 10,000 at most")
        self.retention_rows = Counter(
            "xiaozhibo_retention_removed_rows_total", "Rows removed because of their age", "table", known=RETENTION
        )

        # Processes
        self.workers = Gauge("xiaozhibo_workers", "Worker processes alive")
        self.hung_workers = Counter("xiaozhibo_hung_workers_total", "Workers killed and replaced because they hung")
        self.last_beat = Gauge(
            "xiaozhibo_process_last_beat_timestamp_seconds", "Last sign of life of the event loop, Unix time", "worker"
        )
        self.build = Gauge("xiaozhibo_build_info", "Workers that run a version", "version", "python")
        self.loop_lag_seconds = Histograms(
            "xiaozhibo_event_loop_lag_seconds", "Delay of a timer, sampled once a second", bounds=_WAIT_S
        )
        self.started = Gauge("xiaozhibo_process_start_time_seconds", "Start of the process, Unix time", "worker")
        self.cpu_seconds = Counter("xiaozhibo_process_cpu_seconds_total", "User and system CPU time", "worker")
        self.memory = Gauge("xiaozhibo_process_resident_memory_bytes", "Resident memory", "worker")
        self.open_files = Gauge("xiaozhibo_process_open_fds", "Open file descriptors, connections too", "worker")
        self.max_files = Gauge("xiaozhibo_process_max_fds", "Limit of open file descriptors", "worker")
        self.log_failures = Counter("xiaozhibo_log_write_failures_total", "Writes of log lines that failed")

        self.store_errors.update(dict.fromkeys(itertools.product(STORES, ERRORS), 0))

    def __iter__(self) -> Iterator[Family]:
        return iter(vars(self).values())


def kind_of(error: StoreError) -> str:
    """The label of an error of a store: one of ERRORS."""
    if isinstance(error, StoreBusy):
        return "busy"
    return "unavailable" if isinstance(error, StoreUnavailable) else "refused"
