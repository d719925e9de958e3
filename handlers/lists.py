"""Handlers of lists: a page looks the same to every caller, so it is rendered once for all of them."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from handlers.base import envelope
from handlers.interfaces import InterfaceHandler, UserHandler
from handlers.page_cache import Page, PageKey
from handlers.schemas.page import PageRequest
from services.errors import Code
from services.feeds import known
from services.snapshot import Feed
from services.videos import is_deep


class PageHandler(InterfaceHandler):
    """Answers with pages of a list. Subclasses name its feed and implement `list_page`."""

    feed: ClassVar[Feed]

    async def answer_page(self, key: PageKey, versions: asyncio.Future[bytes | None]) -> None:
        """Finish with a page that is at least as new as the versions."""
        if is_deep(key.offset):
            self.take_long()
        page = await self.application.page_cache.get(key, await known(versions), self._render)
        self.code = int(Code.OK)
        self._headers.add("Vary", "Accept-Encoding")  # beside Origin
        body = page.plain
        if self.accepts_gzip() and page.gzipped is not None:
            self._headers["Content-Encoding"] = "gzip"
            body = page.gzipped
        self.finish(body)

    async def _render(self, key: PageKey) -> Page:
        data = await self.list_page(key.offset, key.limit)
        return Page(envelope(Code.OK, "OK", data), {row["userid"] for row in data["list"]})

    async def list_page(self, index: int, count: int) -> Mapping[str, Any]:
        """The `data` of the answer: `count` rows from offset `index`."""
        raise NotImplementedError


class ListHandler(PageHandler, UserHandler[PageRequest]):
    """A list for authenticated callers."""

    parameters = PageRequest

    async def post(self) -> None:
        versions = self.services.feeds.look_up()
        _, parameters = await self.authenticate()
        await self.answer_page(PageKey(self.feed, parameters.index, parameters.count), versions)
