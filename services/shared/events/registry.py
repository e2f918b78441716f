"""States the registry publishes: client, enterprise, vehicle, area."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.shared.rules.standing import Course, Standing
from services.shared.schemas import Event, Instant


class ClientState(Event):
    """A party that signs in: an OAuth client or a staff account."""

    id: UUID
    subject: str
    role: str
    enterprise_id: UUID | None = None
    status: Literal["active", "disabled"]


class StandingState(Event):
    """What a firm's standing is from an instant on, until the next one's.

    `causes` are the kinds of licences that have run out; a firm with one is suspended as long. Empty where an
    official decided. `lapses` are the licences that have run out whatever an official decided: lifting a
    suspension alone does not make such a firm active.
    """

    status: Literal["active", "suspended", "closed"]
    since: Instant
    causes: tuple[str, ...] = ()
    lapses: tuple[str, ...] = ()

    def to_standing(self) -> Standing:
        """Return what the rules work on."""
        decided = self.status == "active" or bool(self.causes)
        return Standing(self.since, open=decided, lapses=self.lapses or self.causes)


class GradeState(Event):
    """An A-grade certificate (GB/T 19680) of a firm; both days are valid, in the city's zone."""

    grade: str
    category: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None


class EnterpriseState(Event):
    """A firm of the programme.

    `standings` is the whole known course by effective time, oldest first, at most one an instant: what was,
    and what will be when a licence runs out. `status` is the one in force when the state was recorded. Empty
    in a state recorded before the field was there.
    """

    id: UUID
    name: str
    uscc: str
    kind: str
    status: Literal["active", "suspended", "closed"]
    is_demo: bool = False
    standings: tuple[StandingState, ...] = ()
    member_from: date | None = None
    member_to: date | None = None
    grades: tuple[GradeState, ...] = ()
    verified: dict[str, str] = Field(default_factory=dict)

    def to_course(self) -> Course:
        """Return the course of its standing; without a published one it is as `status` says, always."""
        if not self.standings:
            return Course.always(active=self.status == "active")
        return Course(tuple(each.to_standing() for each in self.standings))


class VehicleStandingState(Event):
    """Whether a vehicle's own papers are in force from an instant on, until the next one's.

    `causes` of a lapse: `inspection`, `insurance`, `road_transport_certificate`.
    """

    status: Literal["active", "lapsed"]
    since: Instant
    causes: tuple[str, ...] = ()

    def to_standing(self) -> Standing:
        """Return what the rules work on."""
        return Standing(self.since, lapses=self.causes)


class VehicleState(Event):
    """One registration: plate, colour and owner over one interval; masses kg, lengths m, volume m³.

    `standings` is the whole known course of its papers, oldest first, the lapses to come too: whoever reads
    it is exact at every instant. `status` and `lapses` are those in force when the state was recorded; they
    are published anew when they turn. Both are of the vehicle alone, not of its firm.
    """

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
    vin: str | None = None
    emission_stage: int | None = None
    use_character: str | None = None
    registered_on: date | None = None
    licence_issued_on: date | None = None
    licence_issuer: str | None = None
    entry_reason: Literal["new", "replacement", "transfer_in"] | None = None
    entry_on: date | None = None
    exit_reason: Literal["scrapped", "sold", "transfer_out", "re_plated", "other"] | None = None
    exit_on: date | None = None
    road_transport_certificate_number: str | None = None
    status: Literal["active", "lapsed"] = "active"
    lapses: tuple[str, ...] = ()
    standings: tuple[VehicleStandingState, ...] = ()
    verified: dict[str, str] = Field(default_factory=dict)
    is_demo: bool = False

    def to_course(self) -> Course:
        """Return the course of its papers; without a published one they are as `lapses` says, always."""
        standings = tuple(each.to_standing() for each in self.standings)
        return Course(standings or (Standing(self.valid_from, lapses=self.lapses),))


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
    closed_at: Instant | None = None
    versions: list[AreaVersion]
