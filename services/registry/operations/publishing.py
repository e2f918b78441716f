"""The last step of every change: version + 1, the row written, its new state in the feed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.certificates import CertificateKind
from services.registry.domain.standing import (
    Decided,
    Standing,
    Turn,
    at_instant,
    enterprise_standings,
    next_turn,
    vehicle_standings,
)
from services.registry.models import (
    FEED,
    Area,
    Bay,
    Certificate,
    Charger,
    Client,
    Driver,
    Enterprise,
    EnterpriseStanding,
    Facility,
    StaffAccount,
    Tricycle,
    Vehicle,
)
from services.registry.operations.standing import settle_enterprise, settle_vehicle
from services.registry.operations.versions import write_next
from services.registry.queries.areas import versions_of
from services.registry.queries.certificates import certificates_of
from services.registry.queries.drivers import turns_of_driver
from services.registry.queries.enterprises import standings_of
from services.registry.queries.tricycles import turns_of_tricycle
from services.shared.auth.revocations import apply_client
from services.shared.events.facilities import BayState, ChargerState, FacilityState
from services.shared.events.people import DriverState, PapersState, TricycleState
from services.shared.events.registry import (
    AreaState,
    ClientState,
    EnterpriseState,
    GradeState,
    StandingState,
    VehicleStandingState,
    VehicleState,
)
from services.shared.writing import Refusals, write


async def publish_enterprise(
    session: AsyncSession,
    enterprise: Enterprise,
    now: datetime,
    *,
    decision: EnterpriseStanding | None = None,
    refusals: Refusals | None = None,
) -> None:
    """Write a new or locked enterprise, a decision about its standing, and its state with all of them.

    Certificates that changed must be flushed before.
    """
    certificates = (await certificates_of(session, [enterprise.id]))[enterprise.id]
    turns = settle_enterprise(enterprise, certificates, now)
    await write_next(session, enterprise, now, refusals)
    if decision is not None:
        session.add(decision)
        await write(session, {})
    decided = await standings_of(session, enterprise.id)
    state = enterprise_state(enterprise, decided, turns, certificates, now)
    await FEED.record(
        session, kind="enterprise", entity_id=enterprise.id, version=enterprise.version, state=state
    )


def enterprise_state(
    enterprise: Enterprise,
    decided: Sequence[EnterpriseStanding],
    turns: Sequence[Turn],
    certificates: Sequence[Certificate],
    now: datetime,
) -> EnterpriseState:
    """Return what is published of a firm."""
    standings = enterprise_standings([Decided(each.effective_at, each.status) for each in decided], turns)
    grades = [each for each in certificates if each.kind == CertificateKind.A_GRADE.value]
    facts = EnterpriseState.model_validate(enterprise)
    return facts.model_copy(
        update={
            "status": _in_force(standings, now, enterprise.status),
            "standings": tuple(StandingState.model_validate(standing) for standing in standings),
            "grades": tuple(GradeState.model_validate(grade) for grade in grades),
        }
    )


def _in_force(standings: Sequence[Standing], now: datetime, otherwise: str) -> str:
    return next((each.status for each in reversed(standings) if each.since <= now), otherwise)


async def publish_vehicle(
    session: AsyncSession,
    vehicle: Vehicle,
    now: datetime,
    *,
    certificates: Sequence[Certificate] | None = None,
    refusals: Refusals | None = None,
) -> None:
    """Write a new or locked vehicle with its certificates, and its state.

    Args:
        session: The business transaction.
        vehicle: New or locked.
        now: The instant of the change.
        certificates: All that count, new ones among them; default: those on record.
        refusals: Of the vehicle's own row.
    """
    if certificates is None:
        certificates = (await certificates_of(session, [vehicle.id]))[vehicle.id]
    turns = settle_vehicle(vehicle, certificates, now)
    await write_next(session, vehicle, now, refusals)
    session.add_all(certificates)
    await write(session, {})
    await FEED.record(
        session,
        kind="vehicle",
        entity_id=vehicle.id,
        version=vehicle.version,
        state=vehicle_state(vehicle, turns),
    )


def vehicle_state(vehicle: Vehicle, turns: Sequence[Turn]) -> VehicleState:
    """Return what is published of a vehicle."""
    standings = vehicle_standings(turns)
    return VehicleState.model_validate(vehicle).model_copy(
        update={
            "status": "lapsed" if vehicle.lapses else "active",
            "standings": tuple(VehicleStandingState.model_validate(standing) for standing in standings),
        }
    )


async def publish_area(
    session: AsyncSession, area: Area, now: datetime, refusals: Refusals | None = None
) -> None:
    """Write a new or locked area and its state with all versions; they must be flushed before."""
    await write_next(session, area, now, refusals)
    state = AreaState(
        id=area.id,
        code=area.code,
        name=area.name,
        kind=area.kind,
        schematic=area.schematic,
        closed_at=area.closed_at,
        versions=[dict(row) for row in await versions_of(session, area.id)],
    )
    await FEED.record(session, kind="area", entity_id=area.id, version=area.version, state=state)


async def publish_principal(
    session: AsyncSession, principal: Client | StaffAccount, now: datetime, refusals: Refusals | None = None
) -> None:
    """Write a new or locked client or staff account, its state, and this service's own revocations.

    A staff account goes by its id alone: a person's name is in no feed.
    """
    await write_next(session, principal, now, refusals)
    state = ClientState(
        id=principal.id,
        subject=str(principal.id),
        role=principal.role,
        enterprise_id=principal.enterprise_id if isinstance(principal, Client) else None,
        status=principal.status,
    )
    await apply_client(session, "registry", state)
    await FEED.record(session, kind="client", entity_id=principal.id, version=principal.version, state=state)


async def publish_facility(session: AsyncSession, facility: Facility, now: datetime) -> None:
    """Write a new or locked facility and its state."""
    await write_next(session, facility, now)
    state = FacilityState.model_validate(facility)
    await FEED.record(session, kind="facility", entity_id=facility.id, version=facility.version, state=state)


async def publish_bay(
    session: AsyncSession, bay: Bay, now: datetime, refusals: Refusals | None = None
) -> None:
    """Write a new or locked bay and its state."""
    await write_next(session, bay, now, refusals)
    state = BayState.model_validate(bay)
    await FEED.record(session, kind="bay", entity_id=bay.id, version=bay.version, state=state)


async def publish_charger(
    session: AsyncSession, charger: Charger, now: datetime, refusals: Refusals | None = None
) -> None:
    """Write a new or locked charger and its state."""
    await write_next(session, charger, now, refusals)
    state = ChargerState.model_validate(charger)
    await FEED.record(session, kind="charger", entity_id=charger.id, version=charger.version, state=state)


async def publish_driver(session: AsyncSession, driver: Driver, now: datetime) -> None:
    """Write a new or locked driver, the course of its papers, and its state; an erased one is gone.

    Also what is due at `turns_at`: the lapses are those of `now`.
    """
    turns = settle_driver(driver, now)
    await write_next(session, driver, now)
    await FEED.record(
        session,
        kind="driver",
        entity_id=driver.id,
        version=driver.version,
        state=driver_state(driver, turns),
        deleted=driver.status == "erased",
    )


def settle_driver(driver: Driver, now: datetime) -> list[Turn]:
    """Set what has lapsed on a driver's row; return the course of its papers."""
    turns = turns_of_driver(driver) if driver.status == "active" else []
    driver.lapses, driver.turns_at = [*at_instant(turns, now)], next_turn(turns, now)
    return turns


def driver_state(driver: Driver, turns: Sequence[Turn]) -> DriverState:
    """Return what is published of a driver."""
    return DriverState.model_validate(driver).model_copy(update={"standings": _papers(turns)})


async def publish_tricycle(
    session: AsyncSession, tricycle: Tricycle, now: datetime, refusals: Refusals | None = None
) -> None:
    """Write a new or locked tricycle, the course of its papers, and its state.

    Also what is due at `turns_at`: the lapses are those of `now`.
    """
    turns = turns_of_tricycle(tricycle)
    tricycle.lapses, tricycle.turns_at = [*at_instant(turns, now)], next_turn(turns, now)
    await write_next(session, tricycle, now, refusals)
    state = TricycleState.model_validate(tricycle).model_copy(update={"standings": _papers(turns)})
    await FEED.record(session, kind="tricycle", entity_id=tricycle.id, version=tricycle.version, state=state)


def _papers(turns: Sequence[Turn]) -> tuple[PapersState, ...]:
    return tuple(PapersState.model_validate(standing) for standing in vehicle_standings(turns))
