"""ASGI middleware in front of every service: request ids, access log, metrics, body limit."""

import re
import time
from collections.abc import Mapping
from uuid import uuid4

from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.shared.errors import PayloadTooLarge, ServiceError, problem
from services.shared.logs import get_log

REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("http_request_seconds", "Time to answer", ["method", "route"])
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_QUIET = {"/healthz", "/readyz", "/metrics"}


class RequestContext:
    """Gives each request an id (the caller's when well-formed), logs and counts it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = get_log("http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Request(scope).headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.match(given) else str(uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        started = False
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            self._log.exception("request_failed", request_id=request_id)
            if started:
                raise
            await problem(Request(scope), ServiceError())(scope, receive, send_with_id)
        finally:
            self._account(scope, status, time.perf_counter() - began, request_id)

    def _account(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        if route in _QUIET:
            return
        method = scope["method"] if scope["method"] in {"GET", "POST", "PUT", "PATCH", "DELETE"} else "other"
        REQUESTS.labels(method, route, status).inc()
        SECONDS.labels(method, route).observe(seconds)
        self._log.info(
            "request",
            request_id=request_id,
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
        )


class BodyLimit:
    """Refuses bodies past the limit, whether announced or streamed.

    The edge has a limit too; this one holds where a service is reached without it.
    """

    def __init__(self, app: ASGIApp, *, limit: int, larger: Mapping[str, int]) -> None:
        self._app = app
        self._limit = limit
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        limit = next((n for prefix, n in self._larger.items() if path.startswith(prefix)), self._limit)
        announced = Request(scope).headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > limit:
            await problem(Request(scope), PayloadTooLarge())(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                # FastAPI turns any other exception of a body read into a 400.
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)
