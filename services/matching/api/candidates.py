"""`/v1/candidates`: the vehicles for a load, in the view each party may have."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.matching.api.parties import Decisions, Party
from services.matching.queries.candidates import CandidateFilter, find_candidates
from services.matching.schemas.candidates import AsOfOut, CandidatesOut, Verdict
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx

router = Router(prefix="/v1/candidates", tags=["candidates"])


@router.get("", summary="货源匹配车辆 / Candidates for a load", responses=problems(409))
async def list_candidates(
    who: Party,
    session: ReadTx,
    desk: Decisions,
    now: Now,
    load_id: Annotated[UUID, Query(description="An open load the caller may see.")],
    vehicle_id: Annotated[
        UUID | None, Query(description="Only this vehicle, for a bureau and the vehicle's owner.")
    ] = None,
    verdict: Annotated[Verdict | None, Query(description="Only the feasible, or only the refused.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> CandidatesOut:
    """Evaluate every vehicle for an open load.

    The owner of the load sees the best feasible ones: class, score and distance band. A carrier sees its
    own vehicles, a bureau all, with the exact reasons for the refused: mending just these makes a vehicle
    feasible. The score is 100 × (0.6 × nearness + 0.2 × fit + 0.2 × energy); nearness is 5 ÷ (5 + distance
    in km), fit the greater use of payload or volume, energy 1 for new-energy vehicles.
    """
    view, wanted = desk.view, CandidateFilter(load_id, vehicle_id, verdict, cursor, limit)
    items, following = await find_candidates(session, desk.database, view, who, wanted, now)
    as_of = AsOfOut(**view.positions, telemetry=view.polled_at)
    return CandidatesOut(load_id=load_id, at=now, as_of=as_of, items=items, next_cursor=following)
