"""Who may call what, and what decisions are made with."""

from typing import Annotated

from fastapi import Depends, Request

from services.matching.domain.view import FleetView
from services.matching.operations.live_fleet import LiveFleet
from services.matching.operations.offers import Desk
from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS

Firm = Annotated[Principal, Depends(require(Role.enterprise))]
"""A shipper or carrier, about its own."""
Party = Annotated[Principal, Depends(require(Role.enterprise, *BUREAUS))]
"""A firm, about what it may see, or one of the supervising offices."""


async def _view(request: Request) -> FleetView:
    fleet: LiveFleet = request.app.state.fleet
    return fleet.view()


async def _desk(request: Request, view: Annotated[FleetView, Depends(_view)]) -> Desk:
    return Desk(request.app.state.database, view)


Decisions = Annotated[Desk, Depends(_desk)]
"""The fleet as it is known now; 503 while it is not."""
