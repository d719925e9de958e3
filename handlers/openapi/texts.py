"""The texts that belong to no single interface."""

from collections.abc import Iterable
from typing import Any

from handlers.webhooks.tape_callback import CallbackCode
from services.errors import Code
from services.texts import ExplainedCode, Text

_RULES = Text(
    """\
The business server behind 小直播, Tencent's open "mini live" app.

- **Request**: `POST` with a JSON object in UTF-8 of at most 64 KiB, without a byte order mark, whatever its
  `Content-Type`. An empty body means `{}`. Unknown fields are ignored, a field that is `null` counts as absent, and of
  two fields with one name the last counts.
- **Values**: an integer is a JSON number without fraction and exponent (`1.0` is none), or its decimal text of up to 40
  digits. A text comes as a JSON string, never as a number, and holds no lone surrogates. Characters are counted as
  Unicode code points. Control characters are U+0000 to U+001F and U+007F to U+009F.
- **Answer**: always JSON: `{"code": …, "message": …, "data": …}`. `data` is there only where an interface lists one,
  and only with code 200. An answer contains no `null`: a missing text is `""`.
- **HTTP status**: 200 for every answer of the business logic, refusals included: look at `code`. Only the codes 400,
  404, 405, 413, 429, 500 and 503 are the HTTP status too. An answer with 429 or 503 says in `Retry-After` how many
  seconds to wait. The callbacks have codes and statuses of their own.
- **Several faults**: who is calling is checked first. `message` names all malformed fields, `code` is that of the
  first.
- **Messages** are for developers. Clients decide by `code`.
- **Times** in answers are `YYYY-MM-DD HH:MM:SS` in the server's time zone (Asia/Shanghai by default).
- **Lists** show a write as soon as it is answered.
- **Web pages** of the origins in `http.cors_origins` may call: preflights are answered for `Authorization`,
  `Content-Type` and `Liteav-Sig`, and pages may read `X-Request-Id` and `Retry-After`.
- **Short-video app**: the paths below `/lite/` exist only with the setting `compat.short_video`. `/lite/register`,
  `/lite/refresh`, `/lite/get_user_info`, `/lite/upload_user_info`, `/lite/get_vod_sign` and `/lite/get_cos_sign` are
  the interfaces without `/lite`.
- Each answer has an `X-Request-Id`, which the server's log has too.
- Any interface may also answer 400, 404, 405, 413, 500 and 503.
""",
    """\
小直播的业务服务器接口。

- **请求**：`POST`，请求体为 UTF-8 编码的 JSON 对象，最多 64 KiB，不带 BOM，`Content-Type` 不限。空请求体等同于 `{}`。
  未知字段被忽略，值为 `null` 的字段视为缺省，同名字段以最后一个为准。
- **取值**：整数为不带小数和指数的 JSON 数字（`1.0` 不是整数），或其十进制文本（最多 40 位）。文本必须是 JSON 字符串，
  不能是数字，且不含孤立代理项。字符数按 Unicode 码点计算。控制字符指 U+0000 到 U+001F 和 U+007F 到 U+009F。
- **回包**：始终为 JSON：`{"code": …, "message": …, "data": …}`。仅当接口定义了 `data` 且 code 为 200 时才有
  `data`。回包中没有 `null`：缺失的文本为 `""`。
- **HTTP 状态码**：业务回包（包括拒绝）一律为 200，请以 `code` 为准。只有 code 为 400、404、405、413、429、500、503
  时，HTTP 状态码与之相同。429 与 503 的回包带有 `Retry-After`，表示应等待的秒数。回调接口有自己的错误码和状态码。
- **多处错误**：先检查调用者身份。`message` 列出所有格式错误的字段，`code` 以第一个为准。
- **message** 供开发者阅读，客户端应根据 `code` 判断。
- **时间**格式为 `YYYY-MM-DD HH:MM:SS`，时区由服务器设置（默认 Asia/Shanghai）。
- **列表**：写操作一旦得到回包，列表中立即可见。
- **网页**：`http.cors_origins` 中的来源可以调用：预检请求允许 `Authorization`、`Content-Type` 和 `Liteav-Sig`，
  网页可以读取 `X-Request-Id` 和 `Retry-After`。
- **小视频 App**：仅在开启 `compat.short_video` 时才有 `/lite/` 下的接口。`/lite/register`、`/lite/refresh`、
  `/lite/get_user_info`、`/lite/upload_user_info`、`/lite/get_vod_sign`、`/lite/get_cos_sign` 与不带 `/lite` 的
  接口相同。
- 每个回包都带有 `X-Request-Id`，服务器日志中也有同一编号。
- 任何接口还可能返回 400、404、405、413、500、503。
""",
)
BEARER = Text(
    "`Authorization: Bearer <token>` with the token of the last login or refresh: for web pages, scripts and new "
    "clients.",
    "`Authorization: Bearer <token>`，使用最近一次登录或续期得到的 token：适用于网页、脚本和新的客户端。",
)
SIGNATURE = Text(
    "`Liteav-Sig: md5(token + md5(body))`, the official apps' signature, both in lowercase hex, where body is the "
    "request's bytes exactly as sent. The body then needs `userid`, and usually has `timestamp` and `expires`. If it "
    "has both, the request must be fresh: `timestamp + expires` at most 300 s (`auth.clock_skew`) in the past, "
    "`timestamp` at most 300 s in the future. Such a request also renews a session of which less than half is left. If "
    "both headers are sent, this one counts.",
    "`Liteav-Sig: md5(token + md5(body))`，官方 App 的签名，均为小写十六进制，body 为实际发送的请求体字节。"
    "请求体必须带有 `userid`，通常还有 `timestamp` 和 `expires`。两者都有时会检查时效："
    "`timestamp + expires` 最多早于当前时间 300 秒（`auth.clock_skew`），"
    "`timestamp` 最多晚于当前时间 300 秒。有效期剩余不足一半的会话会被这样的请求自动续期。"
    "两个请求头都发送时以本签名为准。",
)
REQUEST_ID = Text("id of the request, which the server's log has too", "请求编号，服务器日志中也有")
RETRY_AFTER = Text("seconds to wait before the next try", "重试前应等待的秒数")
ENVELOPE_CODE = Text("200 for success, otherwise the reason of the refusal", "200 表示成功，其他为拒绝原因")
ENVELOPE_MESSAGE = Text("for developers, in English", "错误码的描述，供开发者阅读（英文）")
ANSWER = Text("`code` is 200, or says why the request is refused", "code 为 200，或说明拒绝的原因")


def introduction() -> Text:
    """The rules of all interfaces and the tables of codes."""
    return Text(
        f"{_RULES.en}\n## Codes\n\n{_table('meaning', Code, 0)}\n"
        f"## Codes of the callbacks\n\n{_table('meaning', CallbackCode, 0)}",
        f"{_RULES.zh}\n## 错误码\n\n{_table('含义', Code, 1)}\n## 回调的错误码\n\n{_table('含义', CallbackCode, 1)}",
    )


def described(text: Text) -> dict[str, Any]:
    """The texts as keywords of OpenAPI: Chinese stands beside English."""
    return {"description": text.en, "x-description-zh": text.zh}


def _table(heading: str, codes: Iterable[ExplainedCode], language: int) -> str:
    rows = "".join(f"| {code:d} | {code.name} | {code.meaning[language]} |\n" for code in codes)
    return f"| code | name | {heading} |\n| --- | --- | --- |\n{rows}"
