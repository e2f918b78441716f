"""How exceptions become problems: the one place where an HTTP status is chosen for a foreign error."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from services.shared.errors import (
    BY_STATUS,
    FieldError,
    MethodNotAllowed,
    ServiceError,
    Unavailable,
    Unprocessable,
    problem,
)

_RETRY = {"Retry-After": "1"}
_AWAY = ("08", "53", "57P")
"""SQLSTATE classes of a database that is away, full or shutting down."""
_BUSY = ("40001", "40P01", "55P03")
"""SQLSTATE of a transaction that stood in another's way: the same again may well succeed."""

_NOT_AN_OBJECT = (
    "须为 JSON 对象（Content-Type: application/json） / a JSON object (Content-Type: application/json)"
)
_MESSAGES = {
    "greater_than_equal": "须不小于 {ge} / must be at least {ge}",
    "greater_than": "须大于 {gt} / must be greater than {gt}",
    "less_than_equal": "须不大于 {le} / must be at most {le}",
    "less_than": "须小于 {lt} / must be less than {lt}",
    "literal_error": "须为以下之一：{expected} / must be one of: {expected}",
    "enum": "须为以下之一：{expected} / must be one of: {expected}",
    "uuid_parsing": "须为 UUID / must be a UUID",
    "uuid_type": "须为 UUID / must be a UUID",
    "string_type": "须为字符串 / must be a string",
    "string_unicode": "含有不可存储的字符 / contains lone surrogates",
    "string_too_short": "至少 {min_length} 个字符 / at least {min_length} characters",
    "string_too_long": "至多 {max_length} 个字符 / at most {max_length} characters",
    "string_pattern_mismatch": "格式须符合 {pattern} / must match {pattern}",
    "int_type": "须为整数 / must be an integer",
    "int_parsing": "须为整数 / must be an integer",
    "int_from_float": "须为整数 / must be an integer",
    "float_type": "须为数值 / must be a number",
    "float_parsing": "须为数值 / must be a number",
    "bool_type": "须为 true 或 false / must be true or false",
    "bool_parsing": "须为 true 或 false / must be true or false",
    "list_type": "须为数组 / must be an array",
    "dict_type": "须为对象 / must be an object",
    "model_type": "须为对象 / must be an object",
    "model_attributes_type": _NOT_AN_OBJECT,
    "too_short": "至少 {min_length} 项 / at least {min_length} items",
    "too_long": "至多 {max_length} 项 / at most {max_length} items",
    "date_from_datetime_parsing": "须为日期 YYYY-MM-DD / must be a date, YYYY-MM-DD",
    "date_parsing": "须为日期 YYYY-MM-DD / must be a date, YYYY-MM-DD",
    "text_blank": "不能为空白 / must not be blank",
    "missing": "必填 / required",
    "union_tag_invalid": "须为以下之一：{expected_tags} / must be one of: {expected_tags}",
    "union_tag_not_found": "缺少 {discriminator} / {discriminator} is missing",
    "extra_forbidden": "未知字段 / unknown field",
    "finite_number": "须为有限数 / must be finite",
    "json_invalid": "JSON 无法解析 / not valid JSON",
    "text_unstorable": "含有不可存储的字符 / contains NUL or lone surrogates",
    "datetime_naive": "时间须带时区 / a UTC offset or Z is required",
    "datetime_invalid": (
        "时间格式错误，网址中的加号写作%2B / not an RFC 3339 date-time; in a URL write + as %2B, or use Z"
    ),
}


def field_errors(errors: Sequence[Any]) -> list[FieldError]:
    """Return pydantic's errors as field errors; the refused value itself is never echoed."""
    return [
        FieldError(
            ".".join(str(part) for part in error["loc"]),
            error["type"],
            _message(error),
        )
        for error in errors
    ]


def _message(error: Any) -> str:
    text: str = error["msg"]
    kind: str = error["type"]
    if isinstance(error.get("input"), str) and kind in {"too_short", "too_long"}:
        kind = f"string_{kind}"  # a length that stands behind another validator of a text
    known = _MESSAGES.get(kind)
    if known is not None:
        return known.format_map(defaultdict(str, error.get("ctx") or {}))
    # A message of our own is Chinese and English already.
    return text if " / " in text else f"不合规 / {text}"


def allowed_methods(request: Request) -> list[str]:
    """Return the methods of every route of this path; the framework names those of the first alone."""
    path = request.url.path
    return sorted(
        {
            method
            for context in iter_route_contexts(request.app.routes)
            if context.path is not None and compile_path(context.path)[0].match(path)
            for method in context.methods or ()
        }
    )


def install_handlers(app: FastAPI) -> None:
    """Make every error of an app a problem."""

    async def on_service_error(request: Request, error: Exception) -> Response:
        return problem(request, error if isinstance(error, ServiceError) else ServiceError())

    async def on_validation(request: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        return problem(request, Unprocessable(errors=field_errors(found)))

    async def on_http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        if status == MethodNotAllowed.status:
            headers = {**(headers or {}), "Allow": ", ".join(allowed_methods(request))}
        return problem(request, BY_STATUS.get(status, ServiceError)(headers=headers))

    async def on_database(request: Request, error: Exception) -> Response:
        if not is_away(error):
            raise error
        return problem(request, Unavailable(headers=_RETRY))

    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    for kind in (OSError, PoolTimeout, DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError):
        app.add_exception_handler(kind, on_database)


def is_away(error: Exception) -> bool:
    """Tell whether an error is about the state of the database and not about what was asked of it."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        return error.connection_invalidated or state.startswith((*_AWAY, *_BUSY))
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith((*_AWAY, *_BUSY))
    return isinstance(error, OSError | PoolTimeout | asyncpg.InterfaceError)
