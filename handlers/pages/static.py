"""Fixed files over HTTP, with an envelope of their own: bytes and a type instead of JSON with a code."""

import functools
import gzip
import hashlib
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from conf.settings import ROOT
from handlers.base import BaseHandler, Routes
from services.errors import Code

_ASSETS = Path(__file__).parent / "assets"
_SWAGGER_UI = _ASSETS / "swagger-ui"
FILES = {
    "/docs": _ASSETS / "docs.html",
    "/docs/zh-CN": _ASSETS / "docs.zh-CN.html",
    "/docs/docs.js": _ASSETS / "docs.js",
    "/docs/docs.css": _ASSETS / "docs.css",
    "/docs/swagger-ui-bundle.js": _SWAGGER_UI / "swagger-ui-bundle.js",
    "/docs/swagger-ui.css": _SWAGGER_UI / "swagger-ui.css",
    "/openapi.json": ROOT / "docs" / "openapi.json",
    "/openapi.zh-CN.json": ROOT / "docs" / "openapi.zh-CN.json",
}
"""The files by their paths."""
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
# Scripts and styles of this server only, none inline. Swagger UI draws its icons from data: addresses.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class StaticFile(NamedTuple):
    """A file as it is sent."""

    plain: bytes
    gzipped: bytes
    content_type: str
    etag: str


class StaticHandler(BaseHandler):
    """The file of its path, by GET or HEAD. A browser keeps it, and asks each time whether it has changed."""

    quiet = True

    async def get(self) -> None:
        file = files()[self.route]
        self.code = int(Code.OK)
        self._headers.update(
            {
                "Cache-Control": "no-cache",
                "Content-Security-Policy": _POLICY,
                "Etag": file.etag,
                "Referrer-Policy": "no-referrer",
                "Vary": "Accept-Encoding",
            }
        )
        if file.etag in self.request.headers.get("If-None-Match", ""):
            del self._headers["Content-Type"]
            self.set_status(HTTPStatus.NOT_MODIFIED)
            self.finish()
            return
        self._headers["Content-Type"] = f"{file.content_type}; charset=utf-8"
        if self.accepts_gzip():
            self._headers["Content-Encoding"] = "gzip"
            self.finish(file.gzipped)
        else:
            self.finish(file.plain)

    head = get


@functools.cache
def files() -> dict[str, StaticFile]:
    """The files by their paths, read once."""
    return {path: _read(file) for path, file in FILES.items()}


def routes() -> Routes:
    """The paths of all files."""
    return [(path, StaticHandler) for path in files()]


def _read(path: Path) -> StaticFile:
    plain = path.read_bytes()
    etag = f'W/"{hashlib.sha256(plain).hexdigest()[:16]}"'  # weak: one for both forms (RFC 9110 section 8.8.3.3)
    return StaticFile(plain, gzip.compress(plain, mtime=0), _TYPES[path.suffix], etag)
