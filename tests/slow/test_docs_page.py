"""/docs in a real browser: a walk through the interfaces with nothing but the page.

With the name of a folder in DOCS_SCREENSHOTS the walk leaves pictures there: `DOCS_SCREENSHOTS=docs/images ./scripts/test
slow -k docs_page` renews those of the README.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright
from pymysql.cursors import Cursor
from redis import Redis

from tests.harness.main_process import PATIENCE, Server, running

expect.set_options(timeout=PATIENCE * 1000)  # ms

PROFILE = {"nickname": "小直播 😀", "avatar": "https://example.com/a.png", "sex": 1, "frontcover": ""}
VIDEO = {"file_id": "5285890800000000009", "title": "我的猫", "play_url": "https://example.com/cat.mp4"}
PASSWORD = "0571749e2ac330a7455809c6b0e7af90"


@pytest.fixture
def server(mysql: Cursor, store: Redis, tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program is not None, "no Chromium: ./scripts/prepare slow installs it as root"
    # Chromium has no sandbox for root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program, args=sandbox) as browser:
        yield browser


class Docs:
    """The page of one language, and everything that the browser complained about or fetched."""

    def __init__(self, page: Page, server: Server, path: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.addresses: set[str] = set()
        self.origin = f"http://127.0.0.1:{server.port}"
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.addresses.add(request.url))
        page.goto(self.origin + path)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def interface(self, name: str) -> Locator:
        """The part of the page that is about one interface, opened."""
        block = self.page.locator(f".opblock[id$='-{name}']")
        if "is-open" not in (block.get_attribute("class") or ""):
            block.locator(".opblock-summary-control").click()
        return block

    def send(self, name: str, **fields: Any) -> dict[str, Any]:
        """Fill in the body, press Execute, and return the answer after it has been shown."""
        block = self.interface(name)
        block.locator("textarea.body-param__text").fill(json.dumps(fields, ensure_ascii=False))
        with self.page.expect_response(f"{self.origin}/{name}") as arrived:
            block.locator("button.execute").click()
        answer: dict[str, Any] = arrived.value.json()
        expect(block.locator(".live-responses-table .response .response-col_description")).to_contain_text(
            answer["message"]
        )
        return answer

    def authorise(self, token: str) -> None:
        """Give the page the token."""
        self.page.locator(".auth-wrapper button.authorize").first.click()
        scheme = self.page.locator(".auth-container").filter(has_text="bearer")
        scheme.locator("input").fill(token)
        scheme.get_by_role("button", name="Apply credentials").click()
        scheme.get_by_role("button", name="Close").click()

    def picture(self, name: str, part: Locator) -> None:
        """Save a part of the page, if pictures are wanted."""
        if folder := os.environ.get("DOCS_SCREENSHOTS"):
            part.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")


@pytest.mark.parametrize(("path", "title"), [("/docs", "Register a user"), ("/docs/zh-CN", "注册")])
def test_a_walk_with_nothing_but_the_page(browser: Browser, server: Server, path: str, title: str) -> None:
    with browser.new_context(viewport={"width": 1100, "height": 1000}) as context:
        docs = Docs(context.new_page(), server, path)
        language = "en" if path == "/docs" else "zh-CN"
        expect(docs.page.locator(".opblock[id$='-register'] .opblock-summary-description")).to_have_text(title)
        docs.picture(f"docs-{language}", docs.page.locator(".opblock-tag-section").first)

        account = {"userid": "xiaoming", "password": PASSWORD}
        assert docs.send("register", **account) == {"code": 200, "message": "OK"}
        assert docs.send("register", **account)["code"] == 612
        assert docs.send("get_user_info")["code"] == 498
        docs.authorise(docs.send("login", **account)["data"]["token"])
        assert docs.send("upload_user_info", **PROFILE)["code"] == 200
        assert docs.send("get_user_info")["data"] == {"userid": "xiaoming", **PROFILE}
        assert docs.send("upload_ugc", **VIDEO)["code"] == 200
        (video,) = docs.send("get_ugc_list", index=0, count=20)["data"]["list"]
        assert VIDEO.items() <= video.items()
        assert video["nickname"] == PROFILE["nickname"]
        docs.picture(f"docs-try-{language}", docs.interface("get_ugc_list").locator(".live-responses-table").first)

        assert docs.complaints == []
        assert {address.split("/")[2] for address in docs.addresses if address.startswith("http")} == {
            f"127.0.0.1:{server.port}"
        }
