"""Each document has a Chinese twin of the same structure, and each link leads to something."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from conf.settings import ROOT

FOLDERS = (ROOT, ROOT / "docs", ROOT / "docs" / "clients")
DOCUMENTS = sorted(path for folder in FOLDERS for path in folder.glob("*.md"))
# One history, in English, and the protocol, whose author wrote it in Chinese.
SINGLE = {ROOT / "CHANGELOG.md", ROOT / "docs" / "protocol.md"}
# Written by ./scripts/apidoc in both languages. Their sentences put different names into backquotes.
GENERATED = {ROOT / "docs" / "API.md"}
ENGLISH = [path for path in DOCUMENTS if path not in SINGLE and not path.name.endswith(".zh-CN.md")]
MARKDOWN = MarkdownIt("commonmark").enable("table")
COMMENT = re.compile(r"(^|\s+)# .*")
LABEL = re.compile(r'\[".*?"\]|\(\[.*?\]\)')  # of a node in a diagram


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def chinese(path: Path) -> Path:
    return path.with_name(f"{path.stem}.zh-CN.md")


@cache
def blocks(path: Path) -> list[Token]:
    return MARKDOWN.parse(path.read_text())


def inline(path: Path) -> Iterator[Token]:
    return (child for block in blocks(path) for child in block.children or ())


def headings(path: Path) -> list[tuple[str, str]]:
    """The level and the text of each heading."""
    pairs = zip(blocks(path), blocks(path)[1:], strict=False)
    return [(first.tag, second.content) for first, second in pairs if first.type == "heading_open"]


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def tables(path: Path) -> list[int]:
    """The number of rows of each table."""
    rows: list[int] = []
    for block in blocks(path):
        if block.type == "table_open":
            rows.append(0)
        elif block.type == "tr_open":
            rows[-1] += 1
    return rows


def code(path: Path) -> list[list[str]]:
    """The lines of each code block without what is translated: comments, and the labels of a diagram."""
    texts = (block.content for block in blocks(path) if block.type in {"fence", "code_block"})
    stripped = ([LABEL.sub("", COMMENT.sub("", line)) for line in text.splitlines()] for text in texts)
    return [[line for line in lines if line] for lines in stripped]


def names(path: Path) -> set[str]:
    """What stands in backquotes: settings, commands, codes, files."""
    return {token.content for token in inline(path) if token.type == "code_inline"}


def links(path: Path) -> Iterator[tuple[str, str]]:
    """The text and the address of each link and image."""
    tokens = list(inline(path))
    for token, following in zip(tokens, [*tokens[1:], Token("", "", 0)], strict=True):
        if token.type == "link_open":
            yield following.content, unquote(str(token.attrs["href"]))
        elif token.type == "image":
            yield token.content, unquote(str(token.attrs["src"]))


def fault(source: Path, address: str) -> str:
    """What is wrong with a link, nothing when it leads somewhere."""
    parts = urlsplit(address)
    if parts.scheme:
        return ""
    target = (source.parent / parts.path).resolve() if parts.path else source
    if not target.exists():
        return f"{address}: no such file"
    if not parts.fragment:
        return ""
    found = [slug(text) for _, text in headings(target)].count(parts.fragment)
    return "" if found == 1 else f"{address}: {found} headings"


@pytest.mark.parametrize("document", ENGLISH, ids=name_of)
def test_a_document_and_its_chinese_twin_lead_to_each_other(document: Path) -> None:
    twin = chinese(document)
    assert f"中文：[{twin.name}]({twin.name})" in "".join(document.read_text().splitlines()[:4])
    assert f"English: [{document.name}]({document.name})" in "".join(twin.read_text().splitlines()[:4])


@pytest.mark.parametrize("document", ENGLISH, ids=name_of)
def test_a_chinese_twin_has_the_same_headings_tables_and_code(document: Path) -> None:
    twin = chinese(document)
    assert [level for level, _ in headings(twin)] == [level for level, _ in headings(document)]
    assert tables(twin) == tables(document)
    assert code(twin) == code(document)


@pytest.mark.parametrize("document", [path for path in ENGLISH if path not in GENERATED], ids=name_of)
def test_a_chinese_twin_has_the_same_names(document: Path) -> None:
    assert names(chinese(document)) == names(document)


@pytest.mark.parametrize("document", ENGLISH, ids=name_of)
def test_a_chinese_twin_leads_to_chinese_documents(document: Path) -> None:
    twin = chinese(document)
    targets = ((text, (twin.parent / urlsplit(address).path).resolve()) for text, address in links(twin))
    assert [target for text, target in targets if target in ENGLISH and text not in {"English", document.name}] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_to_a_file_and_to_one_heading(document: Path) -> None:
    faults = [fault(document, address) for _, address in links(document)]
    assert [text for text in faults if text] == []


def test_no_chinese_document_is_without_an_english_one() -> None:
    assert {path for path in DOCUMENTS if path.name.endswith(".zh-CN.md")} == {chinese(path) for path in ENGLISH}


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("All interfaces in a browser", "all-interfaces-in-a-browser"),
        ("9. Where we differ from the document, and why", "9-where-we-differ-from-the-document-and-why"),
        ("6. 录制：回放列表从何而来", "6-录制回放列表从何而来"),
        ("官方 App", "官方-app"),
        ("`POST /refresh` · 续期", "post-refresh--续期"),
    ],
)
def test_an_anchor_is_that_of_github(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor


def test_a_dead_link_is_found() -> None:
    readme = ROOT / "README.md"
    assert fault(readme, "docs/decisions.md#9-where-we-differ-from-the-document-and-why") == ""
    assert fault(readme, "https://example.com/nothing") == ""
    assert fault(readme, "docs/nothing.md") == "docs/nothing.md: no such file"
    assert fault(readme, "docs/API.md#nothing") == "docs/API.md#nothing: 0 headings"
    assert fault(ROOT / "CHANGELOG.md", "#added").startswith("#added: ")
