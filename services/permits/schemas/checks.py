"""The check over HTTP: may this plate be here, now or then?"""

from typing import Literal
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.permits.schemas.fields import CrsName, EraInstant, PlateColorCode, PlateNumber
from services.shared.schemas import Identifier, Instant, Latitude, Longitude, Out, Strict
from services.shared.standards.coordinates import Crs


class CheckIn(Strict):
    """A plate with its colour, a point or an area, an instant."""

    plate_number: PlateNumber = Field(
        description="As written; dots, spaces and width are folded.", examples=["辽L12345"]
    )
    plate_color: PlateColorCode = Field(
        description="Colour code (1 blue, 2 yellow, 93, 94 green).", examples=[1]
    )
    lon: Longitude | None = Field(default=None, description="Degrees east; with lat.", examples=[122.07])
    lat: Latitude | None = Field(default=None, description="Degrees north; with lon.", examples=[41.12])
    crs: CrsName = Field(default=Crs.WGS84, description="System of lon and lat: WGS-84, GCJ-02 or BD-09.")
    area_id: Identifier | None = Field(
        default=None, description="An area of the registry, instead of a point."
    )
    at: EraInstant | None = Field(default=None, description="The instant asked about; now if absent.")

    @model_validator(mode="after")
    def _one_place(self) -> "CheckIn":
        point = self.lon is not None and self.lat is not None
        if (self.lon is None) is not (self.lat is None) or point is (self.area_id is not None):
            raise PydanticCustomError(
                "place",
                "须给出 lon 与 lat，或 area_id，二者取一 / give lon and lat, or area_id, and not both",
            )
        return self


class BasisOut(Out):
    """A rule, permit or exemption the verdict rests on."""

    kind: Literal["rule", "permit", "exemption"]
    id: UUID
    code: str
    text_zh: str
    text_en: str


class ReasonOut(Out):
    """One thing missing for allowed."""

    code: str
    zh: str
    en: str


class CheckedVehicle(Out):
    """The registration that was judged; null members where the plate was not registered at that time."""

    known: bool
    id: UUID | None
    enterprise_id: UUID | None
    enterprise_active: bool | None = Field(description="Neither suspended nor closed, at the instant.")
    enterprise_lapses: list[str] | None = Field(
        description="Licences of the firm that have run out.", examples=[["road_transport_permit"]]
    )
    lapses: list[str] | None = Field(
        description="Papers of the vehicle that have run out: inspection, insurance, "
        "road_transport_certificate.",
        examples=[["inspection"]],
    )


class AsOf(Out):
    """The verdict holds everything up to these positions of the feeds."""

    permits: int
    registry: int


class CheckOut(Out):
    """The answer."""

    verdict: Literal["allowed", "denied", "undetermined"]
    at: Instant = Field(description="The instant judged.")
    until: Instant | None = Field(
        description="When the verdict next changes, by rules, permits, areas and what is known of papers "
        "and standings, or the registration ends; null: not within eight days."
    )
    basis: list[BasisOut]
    unmet: list[ReasonOut]
    vehicle: CheckedVehicle
    as_of: AsOf
    log_pos: int = Field(description="Position of this check in the tamper-evident log.")
