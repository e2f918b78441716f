"""States the registry publishes of places: facility, bay, charger. Days are of the city's zone."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.shared.events.permits import ScheduleState
from services.shared.schemas import Event, Instant


class FacilityState(Event):
    """A facility and the days of its stages, each from the beginning of its day; degrees WGS-84.

    It is planned from `planned_on`, built from `built_on`, operating from `opened_on`, closed from
    `closed_on`; a correction publishes other days. `status` is the last of them. An opening is always an
    official's decision; its evidence is `opening_document_ids`. `capacity` holds the attributes of its kind,
    a mail site's safety equipment too, which is for the offices alone. `confirmed_at` is empty while the rest
    is the operator's own word.
    """

    id: UUID
    code: str
    kind: str
    name: str
    status: Literal["planned", "built", "operating", "closed"]
    planned_on: date
    built_on: date | None = None
    opened_on: date | None = None
    closed_on: date | None = None
    opening_document_ids: tuple[UUID, ...] = ()
    document_ids: tuple[UUID, ...] = ()
    confirmation_document_ids: tuple[UUID, ...] = ()
    enterprise_id: UUID | None = None
    operator_name: str | None = None
    operator_uscc: str | None = None
    owner_department: str | None = None
    division_code: str | None = None
    zone_code: str | None = None
    address: str | None = None
    lon: float
    lat: float
    area_id: UUID | None = None
    capacity: dict[str, Any] = Field(default_factory=dict)
    confirmed_at: Instant | None = None
    schematic: bool = False
    is_demo: bool = False


class UnitState(Event):
    """What a bay and a charger have in common: in service from a day on, until another, exclusive."""

    id: UUID
    facility_id: UUID
    code: str
    in_service_from: date
    in_service_to: date | None = None
    confirmed_at: Instant | None = None


class BayState(UnitState, ScheduleState):
    """A bay for loading; the schedule says when it may be used, `max_stay_minutes` how long."""

    lon: float
    lat: float
    area_id: UUID | None = None
    length_m: float | None = None
    nev_only: bool = False
    has_charger: bool = False
    max_stay_minutes: int | None = None
    fee_note: str | None = None
    road: str | None = None
    section: str | None = None
    legal_basis: str | None = None


class ChargerState(UnitState):
    """A charging point of a facility."""

    power_kw: float
    current: Literal["AC", "DC"]
    connectors: tuple[str, ...] = ()
    open_to_delivery_vehicles: bool = False
    operator_name: str | None = None
    operator_uscc: str | None = None
