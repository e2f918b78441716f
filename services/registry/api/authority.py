"""`/v1/authority-confirmations`: an authority's interface vouches for a firm or a vehicle."""

from fastapi import Request

from services.registry.api.guards import Reviewer
from services.registry.operations.confirmations import confirm_by_authority
from services.registry.schemas.authority import ConfirmationCreate, ConfirmationOut
from services.shared.clock import Now
from services.shared.routes import Router, problems

router = Router(prefix="/v1/authority-confirmations", tags=["verifications"])


@router.post("", summary="主管部门接口核验 / Ask the authority", responses=problems(409))
async def confirm(who: Reviewer, request: Request, now: Now, given: ConfirmationCreate) -> ConfirmationOut:
    """Ask LOGINK whether it knows the firm or the vehicle; a plain yes verifies its identity.

    Whatever is not a plain yes changes nothing. Off until the deployment has credentials of its own.
    """
    state = request.app.state
    return await confirm_by_authority(state.database, state.authority, who, given, now)
