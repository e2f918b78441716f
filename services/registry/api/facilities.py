"""`/v1/facilities`: places of the programme and their stages."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from services.registry.api.days import OnDay
from services.registry.api.guards import Anyone, Party, Reviewer
from services.registry.api.layers import GEOJSON, Bbox, layer_answer
from services.registry.api.versions import ExpectedVersion, etag
from services.registry.domain.facilities import FacilityKind
from services.registry.domain.lifecycle import FacilityStatus
from services.registry.operations import facilities as operations
from services.registry.operations.lifecycle import correct_step, take_step
from services.registry.queries import facilities as queries
from services.registry.queries.facility_layers import FacilityFilter, facility_layer
from services.registry.schemas.facilities import (
    ConfirmationCreate,
    CorrectionCreate,
    FacilityCreate,
    FacilityOut,
    FacilityUpdate,
    StepCreate,
    StepOut,
)
from services.registry.schemas.places import DivisionCode
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/facilities", tags=["facilities"])


async def _only(
    box: Bbox,
    at: OnDay,
    kind: Annotated[FacilityKind | None, Query(description="Only this kind.")] = None,
    status: Annotated[FacilityStatus | None, Query(description="Only at this stage then.")] = None,
    division_code: Annotated[DivisionCode | None, Query()] = None,
    enterprise_id: Annotated[UUID | None, Query(description="Only this firm's.")] = None,
) -> FacilityFilter:
    return FacilityFilter(at, kind, status, division_code, enterprise_id, box)


@router.post("", status_code=201, summary="登记设施 / Register a facility", responses=problems(409))
async def create_facility(
    who: Party, session: WriteTx, response: Response, now: Now, given: FacilityCreate
) -> FacilityOut:
    """Make a facility, planned from a day on: a firm its own, an office of the kinds it is in charge of.

    What a named official writes is confirmed; a firm's own word waits for a confirmation.
    """
    made = await operations.create_facility(session, who, given, now)
    response.headers["ETag"] = etag(made.version)
    return FacilityOut.shown_to(who, made)


@router.get("", summary="设施图层 / Facilities as GeoJSON", response_class=Response, responses=layer_answer())
async def list_facilities(
    _who: Anyone,
    session: ReadTx,
    only: Annotated[FacilityFilter, Depends(_only)],
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Return the facilities known by a day, each at its stage at the end of that day, as GeoJSON points."""
    return Response(await facility_layer(session, only, cursor, limit), media_type=GEOJSON)


@router.get("/{facility_id}", summary="设施信息 / Read a facility")
async def read_facility(who: Anyone, session: ReadTx, response: Response, facility_id: UUID) -> FacilityOut:
    """Return a facility; `ETag` is its version."""
    facility = await queries.get_facility(session, facility_id)
    response.headers["ETag"] = etag(facility.version)
    return FacilityOut.shown_to(who, facility)


@router.put("/{facility_id}", summary="更新设施 / Replace a facility", responses=problems(412))
async def update_facility(
    who: Party,
    session: WriteTx,
    response: Response,
    now: Now,
    facility_id: UUID,
    expected: ExpectedVersion,
    given: FacilityUpdate,
) -> FacilityOut:
    """Replace what a facility is; its kind, code and stages do not change here."""
    changed = await operations.update_facility(session, who, facility_id, given, expected, now)
    response.headers["ETag"] = etag(changed.version)
    return FacilityOut.shown_to(who, changed)


@router.get("/{facility_id}/steps", summary="阶段记录 / Records of its stages")
async def list_facility_steps(
    who: Party, session: ReadTx, facility_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> Page[StepOut]:
    """List every record of a facility's stages, corrected ones too; a firm reads its own."""
    items, following = await queries.page_steps(session, who, facility_id, cursor, limit)
    return Page(items=[StepOut.model_validate(item) for item in items], next_cursor=following)


@router.post(
    "/{facility_id}/construction-completion",
    summary="设施建成 / Completion of construction",
    responses=problems(409),
)
async def complete_construction(
    who: Party, session: WriteTx, now: Now, facility_id: UUID, given: StepCreate
) -> FacilityOut:
    """Record the day a planned facility was built."""
    built = FacilityStatus.BUILT
    return FacilityOut.shown_to(who, await take_step(session, who, facility_id, built, given, now))


@router.post("/{facility_id}/opening", summary="设施投入运营 / Opening", responses=problems(409))
async def open_facility(
    who: Reviewer, session: WriteTx, now: Now, facility_id: UUID, given: StepCreate
) -> FacilityOut:
    """Record the first day of operation of a built facility: from that day on the indicators count it."""
    operating = FacilityStatus.OPERATING
    return FacilityOut.shown_to(who, await take_step(session, who, facility_id, operating, given, now))


@router.post("/{facility_id}/closure", summary="设施关闭 / Closure", responses=problems(409))
async def close_facility(
    who: Party, session: WriteTx, now: Now, facility_id: UUID, given: StepCreate
) -> FacilityOut:
    """Record the first day a facility is closed, whatever its stage; it does not open again."""
    closed = FacilityStatus.CLOSED
    return FacilityOut.shown_to(who, await take_step(session, who, facility_id, closed, given, now))


@router.post("/{facility_id}/corrections", summary="更正阶段记录 / Correct a stage", responses=problems(409))
async def correct_facility(
    who: Reviewer, session: WriteTx, now: Now, facility_id: UUID, given: CorrectionCreate
) -> FacilityOut:
    """Give a recorded stage another day, or withdraw it; the wrong record stays, with who and why."""
    return FacilityOut.shown_to(who, await correct_step(session, who, facility_id, given, now))


@router.post("/{facility_id}/confirmation", summary="确认设施信息 / Confirm a facility")
async def confirm_facility(
    who: Reviewer,
    session: WriteTx,
    now: Now,
    facility_id: UUID,
    given: ConfirmationCreate,
    expected: ExpectedVersion,
) -> FacilityOut:
    """Confirm what a facility says of itself, and its bays and chargers that nobody has confirmed."""
    confirmed = await operations.confirm_facility(session, who, facility_id, given, expected, now)
    return FacilityOut.shown_to(who, confirmed)
