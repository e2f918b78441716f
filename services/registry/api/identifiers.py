"""`/v1/identifier-checks`: is this well-formed? For forms and integrators; nothing is kept."""

from fastapi import Depends, Request

from services.registry.api.limits import open_to_everyone
from services.registry.domain.identifiers import IdentifierDesk
from services.registry.schemas.identifiers import (
    IdentifierCheckOut,
    IdentifierChecksCreate,
    IdentifierChecksOut,
)
from services.shared.clock import Now
from services.shared.routes import Router

router = Router(prefix="/v1/identifier-checks", tags=["identifier checks"])


@router.post("", summary="编码校验 / Check identifiers", dependencies=[Depends(open_to_everyone)])
async def check_identifiers(request: Request, now: Now, given: IdentifierChecksCreate) -> IdentifierChecksOut:
    """Judge up to 100 values by form, check character and code tables, in the order given.

    Open to everyone, rate-limited. The values may be personal: they are neither stored nor logged, and an
    `Idempotency-Key` is ignored. That a value is valid does not say that it was ever given to anybody.
    """
    desk: IdentifierDesk = request.app.state.identifiers
    today = now.astimezone(request.app.state.settings.zone).date()
    checks = [desk.check(item.kind, item.value, item.plate_color, today) for item in given.items]
    return IdentifierChecksOut(items=[IdentifierCheckOut.model_validate(check) for check in checks])
