"""The platform's health as the edge shows it at `/healthz`."""

from fastapi import Request
from fastapi.responses import JSONResponse

from gateway.clients import PlatformHealth
from services.shared.routes import Router

router = Router(include_in_schema=False)


@router.get("/platform-health")
async def platform_health(request: Request) -> JSONResponse:
    """Tell which services are ready; 503 while one is not. No internals: the route is public."""
    health: PlatformHealth = request.app.state.health
    services = await health.services()
    well = all(state == "ok" for state in services.values())
    return JSONResponse(
        {"status": "ok" if well else "unavailable", "services": services},
        200 if well else 503,
        {"Cache-Control": "no-store"},
    )
