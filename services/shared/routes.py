"""The router every resource module uses: problems documented, idempotency built in."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from services.shared import idempotency
from services.shared.errors import BY_STATUS, PROBLEM_JSON, FieldError, Unprocessable

SECRET_FIELDS = "x-secret-fields"  # noqa: S105 - a key of OpenAPI, not a secret
"""Key of `openapi_extra`: members of the answer that a replay leaves out."""


class ProblemField(BaseModel):
    """One field at fault."""

    field: str = Field(description="Where: `body.…`, `query.…`, `header.…`.")
    code: str = Field(description="Stable code of what is wrong.")
    message: str = Field(description="For people.")


class Problem(BaseModel):
    """RFC 9457 problem; `title` and messages are Chinese and English."""

    type: str = Field(description="URN of the problem's kind.")
    title: str = Field(description="Chinese and English.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened here.")
    instance: str = Field(description="The path asked for.")
    request_id: str = Field(description="To be named when asking for help.")
    errors: list[ProblemField] = Field(description="The fields at fault.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of the named error statuses."""
    return {
        status: {
            "description": f"{BY_STATUS[status].title_zh} / {BY_STATUS[status].title_en}",
            "model": Problem,
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


class KernelRoute(APIRoute):
    """Stores or replays the answer of a POST that carries an `Idempotency-Key`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler; the session dependency is still open when it returns."""
        handle = super().get_route_handler()
        secrets = frozenset((self.openapi_extra or {}).get(SECRET_FIELDS, ()))
        fields = get_flat_params(self.dependant)
        known = {field.alias for field in fields if isinstance(field.field_info, params.Query)}

        async def handle_once(request: Request) -> Response:
            _refuse_unknown_query(request, known)
            try:
                response = await handle(request)
            except idempotency.Replay as replay:
                return replay.response()
            await idempotency.finish(request, response, secrets)
            return response

        return handle_once


def _refuse_unknown_query(request: Request, known: set[str]) -> None:
    """A misspelt filter must not widen the answer."""
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        message = "未知查询参数 / unknown query parameter"
        raise Unprocessable(
            errors=[FieldError(f"query.{name[:100]}", "extra_forbidden", message) for name in unknown]
        )


_COMMON = (400, 401, 403, 404, 413, 422, 429, 503)


class Router(APIRouter):
    """An `APIRouter` whose routes are `KernelRoute`s and document the common problems."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("responses", problems(*_COMMON))
        super().__init__(route_class=KernelRoute, **options)
