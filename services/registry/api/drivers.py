"""`/v1/drivers` and `/v1/driver-searches`: drivers and riders; personal values go out masked."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.registry.api.guards import Party, Registrar
from services.registry.api.versions import ExpectedVersion, etag
from services.registry.domain.people import Employment, PersonKind
from services.registry.models import Driver
from services.registry.operations import drivers as operations
from services.registry.operations.driver_searches import search_drivers
from services.registry.operations.personal_data import erase_driver
from services.registry.queries import drivers as queries
from services.registry.schemas.drivers import (
    DriverCreate,
    DriverOut,
    DriverSearch,
    DriversFound,
    DriverUpdate,
    DriverWritten,
    EmploymentEndCreate,
)
from services.registry.schemas.personal import ErasureCreate, ErasureDone, ErasureOut
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(tags=["drivers"])


async def _only(
    enterprise_id: Annotated[UUID | None, Query(description="Only this firm's.")] = None,
    status: Annotated[Employment | None, Query(description="Only these.")] = None,
    kind: Annotated[PersonKind | None, Query(description="Only drivers, or only riders.")] = None,
) -> queries.DriverFilter:
    return queries.DriverFilter(enterprise_id, status, kind)


async def _shown(
    request: Request, response: Response, session: ReadTx, driver: Driver, now: Now
) -> DriverOut:
    response.headers["ETag"] = etag(driver.version)
    return (await queries.show_drivers(session, request.app.state.vault, [driver], now))[0]


async def _written(
    request: Request, response: Response, session: WriteTx, written: operations.Written, now: Now
) -> DriverWritten:
    driver, warnings = written
    shown = await _shown(request, response, session, driver, now)
    return DriverWritten(**shown.model_dump(), warnings=warnings)


@router.post(
    "/v1/drivers", status_code=201, summary="登记驾驶员 / Register a driver", responses=problems(409)
)
async def register_driver(
    who: Registrar, session: WriteTx, request: Request, response: Response, now: Now, given: DriverCreate
) -> DriverWritten:
    """Register a driver or rider of an active firm; what is personal is kept apart and goes out masked.

    409 `driver-registered`: the person is in active employment of this firm.
    """
    written = await operations.register_driver(session, request.app.state.vault, who, given, now)
    return await _written(request, response, session, written, now)


@router.get("/v1/drivers", summary="驾驶员列表 / List drivers")
async def list_drivers(
    who: Party,
    session: ReadTx,
    request: Request,
    now: Now,
    only: Annotated[queries.DriverFilter, Depends(_only)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DriverOut]:
    """List drivers and riders; a firm sees its own."""
    items, following = await queries.page_drivers(session, who, only, cursor, limit)
    shown = await queries.show_drivers(session, request.app.state.vault, items, now)
    return Page(items=shown, next_cursor=following)


@router.post("/v1/driver-searches", summary="按证件号或手机号查找驾驶员 / Find by an exact value")
async def create_search(
    who: Party, session: ReadTx, request: Request, now: Now, given: DriverSearch
) -> DriversFound:
    """Find the employments of whoever has this identity or mobile number; the number is kept nowhere.

    Who found whom is on record. An office needs the scope `personal_data` and gives its purpose; a firm finds
    its own people only.
    """
    state = request.app.state
    request_id: str = request.state.request_id
    found = await search_drivers(session, state.vault, state.access_log, who, given, now, request_id)
    return DriversFound(items=found)


@router.get("/v1/drivers/{driver_id}", summary="驾驶员信息 / Read a driver")
async def read_driver(
    who: Party, session: ReadTx, request: Request, response: Response, now: Now, driver_id: UUID
) -> DriverOut:
    """Return a driver, masked; `ETag` is its version."""
    driver = await queries.get_driver(session, who, driver_id)
    return await _shown(request, response, session, driver, now)


@router.put(
    "/v1/drivers/{driver_id}",
    summary="更新驾驶员信息 / Replace a driver's papers",
    responses=problems(409, 410, 412),
)
async def update_driver(
    who: Registrar,
    session: WriteTx,
    request: Request,
    response: Response,
    now: Now,
    driver_id: UUID,
    expected: ExpectedVersion,
    given: DriverUpdate,
) -> DriverWritten:
    """Replace a driver's papers; a personal value that is left out stays as it is."""
    vault = request.app.state.vault
    written = await operations.update_driver(session, vault, who, driver_id, given, expected, now)
    return await _written(request, response, session, written, now)


@router.post(
    "/v1/drivers/{driver_id}/employment-end",
    summary="办理离职 / End an employment",
    responses=problems(409, 410),
)
async def end_employment(
    who: Registrar,
    session: WriteTx,
    request: Request,
    response: Response,
    now: Now,
    driver_id: UUID,
    given: EmploymentEndCreate,
) -> DriverOut:
    """End an employment; a rider's tricycle is free again."""
    driver = await operations.end_employment(session, who, driver_id, given, now)
    return await _shown(request, response, session, driver, now)


@router.post(
    "/v1/drivers/{driver_id}/erasure",
    status_code=201,
    summary="删除个人信息 / Erase a person's data",
    responses=problems(410),
)
async def create_erasure(
    who: Registrar, session: WriteTx, request: Request, now: Now, driver_id: UUID, given: ErasureCreate
) -> ErasureDone:
    """Destroy a person's keys, values and own documents for good, by the firm or a named official.

    All employments of the person go that the caller may see, ended ones too. The rows stay with nothing of
    the person on them, and the erasures themselves on record.
    """
    vault = request.app.state.vault
    this, *others = await erase_driver(session, vault, who, driver_id, given, now)
    shown = ErasureOut.model_validate(this)
    return ErasureDone(**shown.model_dump(), also_erased=[each.subject_id for each in others])
