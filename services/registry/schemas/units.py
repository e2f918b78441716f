"""Bays and chargers, one by one."""

from datetime import date
from typing import Annotated, Any, Generic, Literal, Self, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.registry.domain.facilities import CURRENT_OF, Connector
from services.registry.schemas.entities import EntityOut
from services.registry.schemas.facilities import OperatorIn
from services.registry.schemas.fields import Day, ReasonText
from services.registry.schemas.places import HoursIn, Note, ShortText, WindowOut, distinct
from services.shared.schemas import Code, Identifier, Instant, Latitude, Longitude, Strict
from services.shared.standards.coordinates import Crs, convert, in_china

MAX_ITEMS = 200
Current = Literal["AC", "DC"]
UnitStatus = Literal["planned", "in_service", "ended"]

_BAY: JsonDict = {
    "code": "01",
    "lon": 122.0652,
    "lat": 41.1181,
    "length_m": 7.0,
    "nev_only": True,
    "max_stay_minutes": 30,
    "windows": [{"start": "06:00", "end": "22:00"}],
    "road": "兴油街",
    "in_service_from": "2025-06-01",
}
_CHARGER: JsonDict = {
    "code": "A01",
    "power_kw": 120,
    "current": "DC",
    "connectors": ["gbt_dc"],
    "open_to_delivery_vehicles": True,
    "in_service_from": "2025-06-01",
}


class _UnitIn(Strict):
    code: Annotated[Code, Field(description="Used once at a time within the facility.", examples=["01"])]
    in_service_from: Annotated[Day, Field(description="First day of service; may lie ahead.")]


class BayIn(_UnitIn, HoursIn):
    """A bay: where it is, how long, for whom, when and how long one may stop."""

    model_config = ConfigDict(json_schema_extra={"examples": [_BAY]})

    area_id: Annotated[
        Identifier | None, Field(description="An area that is the bay; or a position, or both.")
    ] = None
    lon: Annotated[Longitude | None, Field(description="Degrees east; with `lat`.")] = None
    lat: Annotated[Latitude | None, Field(description="Degrees north; with `lon`.")] = None
    crs: Annotated[Crs, Field(strict=False, description="System of the position given.")] = Crs.WGS84
    length_m: Annotated[float | None, Field(gt=0, le=100, description="Metres.")] = None
    nev_only: Annotated[bool, Field(description="For new-energy vehicles only.")] = False
    has_charger: Annotated[bool, Field(description="One can charge there.")] = False
    max_stay_minutes: Annotated[int | None, Field(ge=1, le=1440, description="Longest stay.")] = None
    fee_note: Annotated[Note | None, Field(description="What a stay costs; null where nothing.")] = None
    road: Annotated[ShortText | None, Field(description="Road.")] = None
    section: Annotated[ShortText | None, Field(description="From where to where.")] = None
    legal_basis: Annotated[Note | None, Field(description="The notice that made it.")] = None
    photo_document_id: Annotated[Identifier | None, Field(description="A photograph uploaded before.")] = None

    @model_validator(mode="after")
    def _is_somewhere(self) -> "BayIn":
        if (self.lon is None) != (self.lat is None) or (self.lon is None and self.area_id is None):
            message = "须给出 lon 与 lat，或 area_id / give lon and lat, or area_id"
            raise PydanticCustomError("position_missing", message)
        if self.crs is not Crs.WGS84 and not in_china(self.lon or 0, self.lat or 0):
            message = "不在中国范围内，坐标系应为WGS-84 / outside China, where only WGS-84 is in use"
            raise PydanticCustomError("position_outside_china", message)
        return self

    def values(self) -> dict[str, Any]:
        """Return the columns, `lon` and `lat` in WGS-84 where a position was given."""
        values = self.model_dump(exclude={"crs"})
        if self.lon is not None and self.lat is not None:
            values["lon"], values["lat"] = convert(self.lon, self.lat, self.crs)
        return values


class ChargerIn(_UnitIn):
    """A charging point; it stands where its facility does."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CHARGER]})

    power_kw: Annotated[float, Field(gt=0, le=2000, description="Rated power.")]
    current: Annotated[Current, Field(description="AC or DC.")]
    connectors: Annotated[
        list[Annotated[Connector, Field(strict=False)]],
        AfterValidator(distinct),
        Field(min_length=1, max_length=3, description="gbt_ac, gbt_dc or chaoji (GB/T 20234.2, .3, .4)."),
    ]
    open_to_delivery_vehicles: Annotated[bool, Field(description="Delivery vehicles may charge there.")]
    operator: Annotated[OperatorIn | None, Field(description="Where another than the facility's.")] = None

    @field_validator("connectors")
    @classmethod
    def _fit_current(cls, connectors: list[Connector], info: ValidationInfo) -> list[Connector]:
        current = info.data.get("current")
        if current is not None and any(CURRENT_OF[connector] != current for connector in connectors):
            raise PydanticCustomError(
                "connector_current", "接口与电流不符 / a connector is not of this current"
            )
        return connectors

    def values(self) -> dict[str, Any]:
        """Return the columns."""
        operator = self.operator
        return {
            **self.model_dump(exclude={"operator", "connectors"}),
            "connectors": [connector.value for connector in self.connectors],
            "operator_name": operator.name if operator else None,
            "operator_uscc": operator.uscc if operator else None,
        }


Item = TypeVar("Item", BayIn, ChargerIn)


class _Batch(Strict, Generic[Item]):
    facility_id: Annotated[Identifier, Field(description="The facility they belong to.")]
    items: Annotated[
        list[Item], Field(min_length=1, max_length=MAX_ITEMS, description="All or none is stored.")
    ]


class BaysCreate(_Batch[BayIn]):
    """New bays of one facility."""


class ChargersCreate(_Batch[ChargerIn]):
    """New chargers of one facility."""


Shown = TypeVar("Shown")


class UnitItems(BaseModel, Generic[Shown]):
    """What was made, in the order given."""

    items: list[Shown] = Field(description="One an item of the request.")


class RetirementCreate(Strict):
    """The end of a service."""

    on: Annotated[Day, Field(description="First day out of service; the first day of service annuls it.")]
    reason: ReasonText


class ReinstatementCreate(Strict):
    """A retirement that was wrong or is over."""

    reason: ReasonText


class _UnitOut(EntityOut):
    facility_id: UUID = Field(description="The facility.")
    code: str = Field(description="Within the facility.")
    in_service_from: date = Field(description="First day of service.")
    in_service_to: date | None = Field(description="First day out of service; null while open.")
    end_reason: str | None = Field(description="Why it went out of service.")
    status: UnitStatus = Field(description="Today, or on the day asked for.")
    confirmed_at: Instant | None = Field(
        description="When an official confirmed it; null while it is the operator's own word."
    )

    @classmethod
    def at(cls, unit: Any, day: date) -> Self:
        """Return a unit as it is on a day."""
        ended = unit.in_service_to is not None and unit.in_service_to <= day
        status = "ended" if ended else "planned" if day < unit.in_service_from else "in_service"
        names = cls.model_fields.keys() - {"status"}
        return cls.model_validate({**{name: getattr(unit, name) for name in names}, "status": status})


class BayOut(_UnitOut):
    """A bay."""

    lon: float = Field(description="Degrees east, WGS-84.")
    lat: float = Field(description="Degrees north, WGS-84.")
    area_id: UUID | None = Field(description="The area that is the bay.")
    length_m: float | None = Field(description="Metres.")
    nev_only: bool = Field(description="For new-energy vehicles only.")
    has_charger: bool = Field(description="One can charge there.")
    max_stay_minutes: int | None = Field(description="Longest stay.")
    weekdays: list[int] = Field(description="ISO weekdays, Monday is 1.")
    windows: list[WindowOut] = Field(description="Hours of wall time; none means the whole day.")
    holiday_calendar: bool = Field(description="Holidays count as the city's calendar says.")
    fee_note: str | None = Field(description="What a stay costs.")
    road: str | None = Field(description="Road.")
    section: str | None = Field(description="From where to where.")
    legal_basis: str | None = Field(description="The notice that made it.")
    photo_document_id: UUID | None = Field(description="A photograph.")


class ChargerOut(_UnitOut):
    """A charging point."""

    power_kw: float = Field(description="Rated power.")
    current: Current = Field(description="AC or DC.")
    connectors: list[Connector] = Field(description="Interfaces of GB/T 20234.")
    open_to_delivery_vehicles: bool = Field(description="Delivery vehicles may charge there.")
    operator_name: str | None = Field(description="Where another than the facility's.")
    operator_uscc: str | None = Field(description="Its unified social credit code.")
