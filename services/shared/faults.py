"""How exceptions become problems: the one place where an HTTP status is chosen for a foreign error."""

from collections.abc import Sequence
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from services.shared.errors import BY_STATUS, FieldError, ServiceError, Unavailable, Unprocessable, problem

_RETRY = {"Retry-After": "1"}
_AWAY = ("08", "53", "57P")
"""SQLSTATE classes of a database that is away, full or shutting down."""

_MESSAGES = {
    "missing": "必填 / required",
    "extra_forbidden": "未知字段 / unknown field",
    "finite_number": "须为有限数 / must be finite",
    "json_invalid": "JSON 无法解析 / not valid JSON",
    "text_unstorable": "含有不可存储的字符 / contains NUL or lone surrogates",
    "datetime_naive": "时间须带时区 / a UTC offset or Z is required",
    "datetime_invalid": "时间格式错误 / not an RFC 3339 date-time",
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
    # A message of our own is Chinese and English already.
    return _MESSAGES.get(error["type"]) or (text if " / " in text else f"不合规 / {text}")


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
        return problem(request, BY_STATUS.get(status, ServiceError)(headers=headers))

    async def on_database(request: Request, error: Exception) -> Response:
        if not _is_away(error):
            raise error
        return problem(request, Unavailable(headers=_RETRY))

    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    for kind in (OSError, PoolTimeout, DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError):
        app.add_exception_handler(kind, on_database)


def _is_away(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        return error.connection_invalidated or state.startswith(_AWAY)
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_AWAY)
    return isinstance(error, OSError | PoolTimeout | asyncpg.InterfaceError)
