"""An OpenAPI document as Markdown, for readers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]


@dataclass(frozen=True)
class Words:
    """The words of one language around the texts of the document."""

    title: str
    note: str
    authentication: str
    caller: str
    interfaces: str
    public: str
    session: str
    parameters: str
    no_parameters: str
    answer: str
    no_data: str
    refusals: str
    columns: tuple[str, ...]
    answer_columns: tuple[str, ...]
    refusal_columns: tuple[str, ...]
    colon: str
    yes: str
    default: str
    sometimes: str


ENGLISH = Words(
    title="Interfaces",
    note="*Written by `./scripts/apidoc` from the code. 中文：[API.zh-CN.md](API.zh-CN.md).* As OpenAPI 3.1: "
    "[openapi.json](openapi.json).",
    authentication="Who is calling",
    caller="Fields of the body that belong to the caller",
    interfaces="All interfaces",
    public="Without a session.",
    session="With a session.",
    parameters="Parameters",
    no_parameters="No parameters.",
    answer="`data` of the answer",
    no_data="The answer has no `data`.",
    refusals="Refusals",
    columns=("name", "type", "required", "meaning", "rule: must be"),
    answer_columns=("name", "type", "meaning"),
    refusal_columns=("HTTP status", "code", "a message"),
    colon=":",
    yes="yes",
    default="; default",
    sometimes="not always there",
)
CHINESE = Words(
    title="接口",
    note="*由 `./scripts/apidoc` 从代码生成。English: [API.md](API.md)。* "
    "OpenAPI 3.1：[openapi.zh-CN.json](openapi.zh-CN.json)。",
    authentication="身份验证",
    caller="请求体中与调用者有关的字段",
    interfaces="接口一览",
    public="无需会话。",
    session="需要会话。",
    parameters="参数",
    no_parameters="没有参数。",
    answer="回包的 `data`",
    no_data="回包没有 `data`。",
    refusals="拒绝",
    columns=("参数", "类型", "必填", "说明", "规则"),
    answer_columns=("字段", "类型", "说明"),
    refusal_columns=("HTTP 状态码", "code", "message 示例"),
    colon="：",
    yes="是",
    default="；默认",
    sometimes="不一定出现",
)


def markdown(document: Schema, words: Words) -> str:
    """The whole page."""
    return "\n".join(_Page(document, words).lines()) + "\n"


class _Page:
    def __init__(self, document: Schema, words: Words) -> None:
        self._document = document
        self._words = words

    def lines(self) -> Iterator[str]:
        """The lines of the page."""
        words, document = self._words, self._document
        yield from (f"# {words.title}", "", words.note, "", document["info"]["description"])
        yield from (f"## {words.authentication}", "")
        for scheme in document["components"]["securitySchemes"].values():
            yield f"- {scheme['description']}"
        yield from (
            "",
            f"{words.caller}{words.colon}",
            "",
            *self._fields({"$ref": "#/components/schemas/CallerFields"}),
        )
        yield from ("", f"## {words.interfaces}", "", *self._contents())
        for tag in document["tags"]:
            yield from ("", f"## {tag['name']}")
            for path, item in document["paths"].items():
                for method, operation in item.items():
                    if operation["tags"] == [tag["name"]]:
                        yield from self._operation(f"{method.upper()} {path}", operation)

    def _contents(self) -> Iterator[str]:
        for path, item in self._document["paths"].items():
            for method, operation in item.items():
                yield f"- `{method.upper()} {path}`: {operation['summary']}"

    def _operation(self, name: str, operation: Schema) -> Iterator[str]:
        words = self._words
        needs = words.session if "security" in operation else words.public
        yield from (
            "",
            f"### `{name}` · {operation['summary']}",
            "",
            f"{needs} {operation.get('description', '')}".strip(),
        )
        if "requestBody" in operation:
            yield from self._request(operation["requestBody"]["content"]["application/json"])
        yield from self._answer(operation["responses"]["200"]["content"]["application/json"])
        if refusals := list(self._refusals(operation["responses"])):
            yield from ("", f"**{words.refusals}**", "", *_head(words.refusal_columns), *refusals)

    def _request(self, content: Schema) -> Iterator[str]:
        schema = content["schema"]
        parts = [part for part in schema.get("allOf", [schema]) if not part["$ref"].endswith("/CallerFields")]
        if not parts:
            yield from ("", self._words.no_parameters)
            return
        yield from ("", f"**{self._words.parameters}**", "", *self._fields(*parts))
        yield from ("", *self._code(content["example"]))

    def _answer(self, content: Schema) -> Iterator[str]:
        schema = self._resolved(content["schema"])
        schema = self._resolved(schema.get("oneOf", [schema])[0])
        if data := schema["properties"].get("data"):
            yield from ("", f"**{self._words.answer}**", "", *_head(self._words.answer_columns), *self._data(data, ""))
        else:
            yield from ("", self._words.no_data)
        yield from ("", *self._code(content["examples"].get("200 OK", content["examples"].get("0 OK"))["value"]))

    def _fields(self, *parts: Schema) -> Iterator[str]:
        yield from _head(self._words.columns)
        for part in map(self._resolved, parts):
            for name, field in part["properties"].items():
                required = self._words.yes if name in part.get("required", []) else ""
                yield f"| {name} | {_type(field)} | {required} | {self._meaning(field)} | {_cell(field['x-rule'])} |"

    def _meaning(self, field: Schema) -> str:
        default = f"{self._words.default} `{json.dumps(field['default'])}`" if "default" in field else ""
        return _cell(f"{field['description']}{default}")

    def _data(self, schema: Schema, prefix: str) -> Iterator[str]:
        resolved = self._resolved(schema)
        for name, field in resolved["properties"].items():
            meaning = field["description"]
            if name not in resolved.get("required", []):
                meaning += f" ({self._words.sometimes})"
            yield f"| {prefix}{name} | {_type(self._resolved(field))} | {_cell(meaning)} |"
            if "$ref" in field:
                yield from self._data(field, f"{prefix}{name}.")
            if "$ref" in field.get("items", {}):
                yield from self._data(field["items"], f"{prefix}{name}[].")

    def _refusals(self, responses: Schema) -> Iterator[str]:
        """The refusals of this interface. Those that any interface may answer are references, and stand at the head."""
        for status, response in responses.items():
            for example in response.get("content", {}).get("application/json", {}).get("examples", {}).values():
                answer = example["value"]
                if answer.get("message", "OK") != "OK":
                    yield f"| {status} | {answer['code']} | {_cell(answer['message'])} |"

    def _code(self, value: Any) -> Iterator[str]:
        yield from ("```json", json.dumps(value, ensure_ascii=False, indent=2), "```")

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        part: Any = self._document
        for key in schema["$ref"].removeprefix("#/").split("/"):
            part = part[key]
        return {**part, **{name: value for name, value in schema.items() if name != "$ref"}}


def _head(columns: tuple[str, ...]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"


def _type(field: Schema) -> str:
    return " / ".join(part["type"] for part in field.get("anyOf", [field]))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
