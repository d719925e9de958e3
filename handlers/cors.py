"""Web pages of other origins (Fetch standard, "CORS protocol")."""

from collections.abc import Sequence

_METHODS = "POST"
_HEADERS = "Authorization, Content-Type, Liteav-Sig"
_EXPOSED = "X-Request-Id, Retry-After"
_MAX_AGE_S = 7200  # the longest that Chromium keeps an answer to a preflight


class Cors:
    """The headers with which a browser lets pages of the given origins call. "*" stands for every origin."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._everyone = "*" in origins
        self._origins = frozenset(origins)

    def headers(self, origin: str) -> dict[str, str]:
        """The headers of an answer to a page of the origin."""
        if self._everyone:
            return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}
        if origin not in self._origins:
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
            "Vary": "Origin",
        }


PREFLIGHT = {
    "Access-Control-Allow-Methods": _METHODS,
    "Access-Control-Allow-Headers": _HEADERS,
    "Access-Control-Max-Age": str(_MAX_AGE_S),
}
"""What a page may send. A browser asks before it sends a token."""
