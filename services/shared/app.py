"""The app factory: every service's HTTP face is made here, the same way."""

import gc
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.shared import clock
from services.shared.auth import TokenVerifier
from services.shared.auth.revocations import Revocations
from services.shared.auth.verifier import FetchJwks
from services.shared.db import Database
from services.shared.deadline import BodyDeadline
from services.shared.faults import install_handlers
from services.shared.http import fetch_json
from services.shared.middleware import BodyLimit, RequestContext
from services.shared.readiness import check_database
from services.shared.settings import KernelSettings

BODY_LIMIT = 1024 * 1024

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Check = Callable[[], Awaitable[None]]


def create_service_app(
    settings: KernelSettings,
    *,
    name: str,
    title: str,
    description: str,
    revision: str,
    routers: Sequence[APIRouter],
    lifespan: Lifespan | None = None,
    fetch_jwks: FetchJwks | None = None,
    body_limit: int = BODY_LIMIT,
    body_limits: Mapping[str, int] = MappingProxyType({}),
) -> FastAPI:
    """Return a service's app.

    Args:
        settings: Of this process.
        name: The service, also its schema.
        title: For the OpenAPI document.
        description: For the OpenAPI document.
        revision: The schema revision this build needs.
        routers: The resources.
        lifespan: What else runs while the app does; `app.state` is ready when it starts.
        fetch_jwks: How to get the access-token keys; default: over HTTP from the registry.
        body_limit: Largest request body, bytes.
        body_limits: Larger ones, by the beginning of the path.
    """
    database = Database(
        settings.database_url.get_secret_value(), pool_size=settings.database_pool, application=f"{name}-api"
    )

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            if lifespan is not None:
                await stack.enter_async_context(lifespan(app))
            yield

    app = FastAPI(
        title=title,
        description=description,
        version="1",
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.state.settings = settings
    app.state.schema = name
    app.state.database = database
    app.state.clock = clock.utc_now
    app.state.verifier = TokenVerifier(
        fetch_jwks or _jwks_of(settings.registry_url), settings.service_keys_file, Revocations(database, name)
    )
    install_handlers(app)
    for router in (*routers, health_router(lambda: check_database(database, name, revision))):
        app.include_router(router)
    app.add_middleware(BodyLimit, limit=body_limit, larger=body_limits)
    app.add_middleware(BodyDeadline)
    app.add_middleware(RequestContext)
    return app


def lasting(app: FastAPI) -> FastAPI:
    """Tell the garbage collector that what is loaded by now stays as long as the process; return the app.

    Without it a full collection looks through some 150,000 objects of the app and its libraries, every few
    thousand requests: a quarter of a second in which nobody is answered.
    """
    gc.collect()
    gc.freeze()
    return app


def health_router(ready: Check) -> APIRouter:
    """Return `/healthz` (alive), `/readyz` (may take work) and `/metrics`, none of them for the edge."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> dict[str, str]:
        await ready()
        return {"status": "ready"}

    @router.get("/metrics")
    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def _jwks_of(registry_url: str) -> FetchJwks:
    async def fetch() -> dict[str, Any]:
        return await fetch_json(registry_url, "/oauth/jwks")

    return fetch


def _operation_id(route: APIRoute) -> str:
    return re.sub(r"[^a-z0-9_]", "_", route.name.lower())
