"""States the registry publishes: client, enterprise, vehicle, area."""

from typing import Any, Literal
from uuid import UUID

from services.shared.schemas import Event, Instant


class ClientState(Event):
    """A party that signs in: an OAuth client or a staff account."""

    id: UUID
    subject: str
    role: str
    enterprise_id: UUID | None = None
    status: Literal["active", "disabled"]


class StandingState(Event):
    """What a firm's standing is from an instant on, until the next one's."""

    status: Literal["active", "suspended", "closed"]
    since: Instant


class EnterpriseState(Event):
    """A firm of the programme.

    `standings` is the whole history by effective time, oldest first, at most one an instant; it ends with
    `status`. Empty in a state recorded before the field was there.
    """

    id: UUID
    name: str
    uscc: str
    kind: str
    status: Literal["active", "suspended", "closed"]
    is_demo: bool = False
    standings: tuple[StandingState, ...] = ()


class VehicleState(Event):
    """One registration: plate, colour and owner over one interval; masses kg, lengths m, volume m³."""

    id: UUID
    enterprise_id: UUID
    plate_number: str
    plate_color: int
    valid_from: Instant
    valid_to: Instant | None = None
    predecessor_id: UUID | None = None
    vehicle_type: str | None = None
    energy_code: str | None = None
    powertrain: str
    curb_mass_kg: int | None = None
    gross_mass_kg: int | None = None
    payload_kg: int
    volume_m3: float | None = None
    length_m: float | None = None
    width_m: float | None = None
    height_m: float | None = None
    refrigeration: Literal["none", "insulated", "refrigerated"] = "none"
    is_demo: bool = False


class AreaVersion(Event):
    """A shape in force over a half-open interval; GeoJSON MultiPolygon, WGS-84."""

    valid_from: Instant
    valid_to: Instant | None = None
    geometry: dict[str, Any]


class AreaState(Event):
    """An area with all versions of its shape."""

    id: UUID
    code: str
    name: str
    kind: str
    schematic: bool = False
    versions: list[AreaVersion]
