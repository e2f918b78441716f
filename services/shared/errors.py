"""Errors that know their HTTP status, and the one problem format (RFC 9457) all answers use."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from fastapi import Request
from fastapi.responses import JSONResponse

PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field of the request; `message` is Chinese and English."""

    field: str
    code: str
    message: str


class ServiceError(Exception):
    """An error with a status and a slug; services subclass the kinds below.

    Args:
        detail: What happened, for a person; no personal value, no internals.
        errors: The fields at fault.
        headers: Further headers of the answer (`Retry-After`, `WWW-Authenticate`).
        extra: Further members of the problem (for example `snapshot`).
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title_zh: ClassVar[str] = "服务器内部错误"
    title_en: ClassVar[str] = "Internal server error"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or self.title_en)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


class BadRequest(ServiceError):
    """The request could not be read at all."""

    status, slug = 400, "bad-request"
    title_zh, title_en = "请求无法解析", "Bad request"


class Unauthorized(ServiceError):
    """No valid token."""

    status, slug = 401, "unauthorized"
    title_zh, title_en = "未认证或令牌无效", "Authentication required"


class Forbidden(ServiceError):
    """A valid token without the needed role or scope."""

    status, slug = 403, "forbidden"
    title_zh, title_en = "无此权限", "Not permitted"


class NotFound(ServiceError):
    """Unknown, or not yours: the two are never told apart."""

    status, slug = 404, "not-found"
    title_zh, title_en = "未找到", "Not found"


class MethodNotAllowed(ServiceError):
    """The path exists, the method does not."""

    status, slug = 405, "method-not-allowed"
    title_zh, title_en = "不支持的请求方法", "Method not allowed"


class NotAcceptable(ServiceError):
    """No representation the client would take."""

    status, slug = 406, "not-acceptable"
    title_zh, title_en = "无法提供所请求的格式", "Not acceptable"


class Conflict(ServiceError):
    """The state does not allow it."""

    status, slug = 409, "conflict"
    title_zh, title_en = "与当前状态冲突", "Conflict with the current state"


class Gone(ServiceError):
    """It was here and has been cut."""

    status, slug = 410, "gone"
    title_zh, title_en = "内容已清理", "Gone"


class PreconditionFailed(ServiceError):
    """If-Match named another version."""

    status, slug = 412, "precondition-failed"
    title_zh, title_en = "版本已变化", "Version has changed"


class RequestTimeout(ServiceError):
    """The body did not come in time."""

    status, slug = 408, "request-timeout"
    title_zh, title_en = "请求接收超时", "Request timeout"


class PayloadTooLarge(ServiceError):
    """The body is past the limit of this route."""

    status, slug = 413, "payload-too-large"
    title_zh, title_en = "请求体过大", "Payload too large"


class UnsupportedMediaType(ServiceError):
    """The body's type is not taken here."""

    status, slug = 415, "unsupported-media-type"
    title_zh, title_en = "不支持的媒体类型", "Unsupported media type"


class Unprocessable(ServiceError):
    """The request is well-formed and its content is refused."""

    status, slug = 422, "unprocessable"
    title_zh, title_en = "请求内容不合规", "Unprocessable content"


class TooManyRequests(ServiceError):
    """Past the rate this client may use."""

    status, slug = 429, "too-many-requests"
    title_zh, title_en = "请求过于频繁", "Too many requests"


class Unavailable(ServiceError):
    """A part this answer needs is away; try again."""

    status, slug = 503, "unavailable"
    title_zh, title_en = "服务暂不可用", "Service unavailable"


BY_STATUS: dict[int, type[ServiceError]] = {
    kind.status: kind
    for kind in (
        BadRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        NotAcceptable,
        RequestTimeout,
        Conflict,
        Gone,
        PreconditionFailed,
        PayloadTooLarge,
        UnsupportedMediaType,
        Unprocessable,
        TooManyRequests,
        ServiceError,
        Unavailable,
    )
}


def problem(request: Request, error: ServiceError) -> JSONResponse:
    """Render an error as `application/problem+json`; titles are Chinese and English."""
    body: dict[str, Any] = {
        "type": f"urn:cityfreight:problem:{error.slug}",
        "title": f"{error.title_zh} / {error.title_en}",
        "status": error.status,
        "detail": error.detail or f"{error.title_zh} / {error.title_en}",
        "instance": request.url.path,
        "request_id": getattr(request.state, "request_id", ""),
        "errors": [asdict(item) for item in error.errors],
        **error.extra,
    }
    return JSONResponse(body, error.status, error.headers, media_type=PROBLEM_JSON)
