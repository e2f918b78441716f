"""`/v1/vehicles`: registrations."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.registry.api.guards import Official, Party, Registrar
from services.registry.api.versions import ExpectedVersion, etag
from services.registry.operations import vehicles as operations
from services.registry.queries import vehicles as queries
from services.registry.queries.lookups import VehicleDesk
from services.registry.schemas.fields import PlateNumber
from services.registry.schemas.vehicles import (
    DeregistrationCreate,
    ReplatingCreate,
    TransferCreate,
    VehicleCreate,
    VehicleOut,
    VehicleUpdate,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.schemas import Instant
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/vehicles", tags=["vehicles"])


async def _only(
    plate_number: Annotated[PlateNumber | None, Query()] = None,
    plate_color: Annotated[int | None, Query(ge=0, le=94, description="Plate colour code.")] = None,
    enterprise_id: Annotated[UUID | None, Query(description="Only this firm's.")] = None,
    at: Annotated[Instant | None, Query(description="Only registrations in force then.")] = None,
) -> queries.VehicleFilter:
    return queries.VehicleFilter(plate_number, plate_color, enterprise_id, at)


@router.post("", status_code=201, summary="登记车辆 / Register a vehicle", responses=problems(409))
async def register_vehicle(
    who: Registrar, session: WriteTx, response: Response, now: Now, given: VehicleCreate
) -> VehicleOut:
    """Register a vehicle of an active firm for an interval.

    409 `plate-registered`: plate and colour are taken in this interval; by whom is not told.
    """
    vehicle = await operations.register_vehicle(session, who, given, now)
    response.headers["ETag"] = etag(vehicle.version)
    return VehicleOut.model_validate(vehicle)


@router.get("", summary="车辆列表 / List vehicles")
async def list_vehicles(
    who: Party,
    request: Request,
    only: Annotated[queries.VehicleFilter, Depends(_only)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[VehicleOut]:
    """List registrations, past ones too unless `at` is given; a firm sees its own."""
    desk: VehicleDesk = request.app.state.vehicle_desk
    return await desk.page(who, only, cursor, limit)


@router.get("/{vehicle_id}", summary="车辆信息 / Read a vehicle")
async def read_vehicle(who: Party, session: ReadTx, response: Response, vehicle_id: UUID) -> VehicleOut:
    """Return a registration; `ETag` is its version."""
    vehicle = await queries.get_vehicle(session, who, vehicle_id)
    response.headers["ETag"] = etag(vehicle.version)
    return VehicleOut.model_validate(vehicle)


@router.put(
    "/{vehicle_id}", summary="更新车辆参数 / Replace a vehicle's properties", responses=problems(409, 412)
)
async def update_vehicle(
    who: Registrar,
    session: WriteTx,
    response: Response,
    now: Now,
    vehicle_id: UUID,
    expected: ExpectedVersion,
    given: VehicleUpdate,
) -> VehicleOut:
    """Replace masses, dimensions, powertrain and equipment; plate and owner change by transfer only."""
    vehicle = await operations.update_vehicle(session, who, vehicle_id, given, expected, now)
    response.headers["ETag"] = etag(vehicle.version)
    return VehicleOut.model_validate(vehicle)


@router.post("/{vehicle_id}/deregistration", summary="注销车辆 / End a registration", responses=problems(409))
async def deregister_vehicle(
    who: Registrar, session: WriteTx, now: Now, vehicle_id: UUID, given: DeregistrationCreate
) -> VehicleOut:
    """End a registration, now or at a given time."""
    return VehicleOut.model_validate(
        await operations.deregister_vehicle(session, who, vehicle_id, given, now)
    )


@router.post(
    "/{vehicle_id}/transfer",
    status_code=201,
    summary="车辆过户 / Transfer to another enterprise",
    responses=problems(409),
)
async def transfer_vehicle(
    who: Official, session: WriteTx, now: Now, vehicle_id: UUID, given: TransferCreate
) -> VehicleOut:
    """End this registration and begin the new owner's; the new id names its `predecessor_id`.

    Permits and terminal bindings end with the old id: the new one inherits nothing.
    """
    return VehicleOut.model_validate(await operations.transfer_vehicle(session, vehicle_id, who, given, now))


@router.post(
    "/{vehicle_id}/re-plating", status_code=201, summary="换发号牌 / Re-plate", responses=problems(409)
)
async def replate_vehicle(
    who: Registrar, session: WriteTx, now: Now, vehicle_id: UUID, given: ReplatingCreate
) -> VehicleOut:
    """End this registration and begin the same vehicle's under new plates, with a `predecessor_id`.

    Permits and terminal bindings end with the old id: the new one inherits its papers and nothing else.
    """
    return VehicleOut.model_validate(await operations.replate_vehicle(session, who, vehicle_id, given, now))
