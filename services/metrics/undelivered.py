"""The number of recording events that wait in MySQL."""

import math
import time

from services.background import Background
from services.errors import StoreError
from services.metrics.catalogue import Metrics
from services.recordings import Recordings

_INTERVAL_S = 60


class Undelivered:
    """Counts at most once a minute, while nobody waits. The metric is absent while MySQL cannot tell."""

    def __init__(self, recordings: Recordings, metrics: Metrics) -> None:
        self._recordings = recordings
        self._count: int | None = None
        self._counted_at = -math.inf
        self._counting = Background()
        metrics.undelivered.watch(lambda: {} if self._count is None else self._count)

    def refresh(self) -> None:
        """Begin to count when it is time."""
        if not self._counting and time.monotonic() - self._counted_at >= _INTERVAL_S:
            self._counted_at = time.monotonic()
            self._counting.start(self._refresh())

    async def close(self) -> None:
        """Count no more."""
        await self._counting.cancel()

    async def _refresh(self) -> None:
        try:
            self._count = await self._recordings.count_undelivered()
        except StoreError:
            self._count = None
