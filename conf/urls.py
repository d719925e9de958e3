"""URLs that hold passwords: what urllib says of a wrong one would quote parts of it."""

from urllib.parse import SplitResult, urlsplit


def split_url(url: str) -> SplitResult:
    """The parts of a URL, all empty when it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def has_port(parts: SplitResult) -> bool:
    """True for a URL with a usable port, or without one."""
    try:
        return parts.port != 0
    except ValueError:
        return False
