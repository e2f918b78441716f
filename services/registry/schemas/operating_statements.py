"""Operating statements 运营月报: a firm's costs, energy, kilometres and tonne-kilometres of one month."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    computed_field,
    field_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.registry.domain.months import days_in
from services.registry.domain.plausibility import FLAG_TEXTS, TOTAL, figures
from services.registry.schemas.entities import EntityOut
from services.registry.schemas.fields import Evidence, FreeText, ReasonText
from services.shared.schemas import Instant, Out, Strict

StatementStatus = Literal["submitted", "accepted", "returned", "superseded"]
Month = Annotated[
    str,
    Field(
        pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$",
        description="Month of the city's calendar.",
        examples=["2026-10"],
    ),
]
Yuan = Annotated[
    str,
    Field(pattern=r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,2})?$", examples=["12000.00"]),
    AfterValidator(lambda text: f"{Decimal(text):.2f}"),
]
"""Below a milliard yuan, at most two decimals, as text; comes out with two."""


def _rounded(value: float) -> float:
    """Keep three decimals; minus zero is zero."""
    return round(value, 3) + 0.0


Amount = Annotated[float, Field(ge=0, le=1e8), AfterValidator(_rounded)]
_EXAMPLE: JsonDict = {
    "month": "2026-10",
    "costs_yuan": {
        "fuel": "9600.00",
        "electricity": "8100.50",
        "tolls": "1500.00",
        "driver_pay": "96000.00",
        "depreciation_or_lease": "30000.00",
        "maintenance": "6000.00",
        "insurance": "4000.00",
        "parking": "800.00",
    },
    "energy": {"diesel_l": 1280.5, "electricity_kwh": 9800},
    "vehicle_count": 12,
    "vehicle_days": 290,
    "vehicle_km": 38000,
    "vehicle_km_source": "gps",
    "loaded_km": 30100,
    "tonne_km": 27500,
}


class Costs(Strict):
    """Costs of the month by item, in yuan; an item left out is not known, which is not zero."""

    fuel: Annotated[Yuan | None, Field(description="Fuel.")] = None
    electricity: Annotated[Yuan | None, Field(description="Electricity for driving.")] = None
    tolls: Annotated[Yuan | None, Field(description="Tolls.")] = None
    driver_pay: Annotated[Yuan | None, Field(description="Drivers' pay with contributions.")] = None
    depreciation_or_lease: Annotated[Yuan | None, Field(description="Depreciation or lease.")] = None
    maintenance: Annotated[Yuan | None, Field(description="Maintenance and repair.")] = None
    insurance: Annotated[Yuan | None, Field(description="Insurance, the month's part.")] = None
    parking: Annotated[Yuan | None, Field(description="Parking.")] = None
    other: Annotated[Yuan | None, Field(description="Everything else of transport.")] = None


class Energy(Strict):
    """Energy used in the month; a kind left out was not stated."""

    petrol_l: Annotated[Amount | None, Field(description="Litres.")] = None
    diesel_l: Annotated[Amount | None, Field(description="Litres.")] = None
    natural_gas_m3: Annotated[Amount | None, Field(description="Cubic metres at 20 °C and 101.325 kPa.")] = (
        None
    )
    lpg_kg: Annotated[Amount | None, Field(description="Kilograms.")] = None
    methanol_l: Annotated[Amount | None, Field(description="Litres.")] = None
    hydrogen_kg: Annotated[Amount | None, Field(description="Kilograms.")] = None
    electricity_kwh: Annotated[Amount | None, Field(description="Kilowatt-hours charged.")] = None


def _refuse(zh: str, en: str) -> PydanticCustomError:
    return PydanticCustomError("contradiction", "{zh} / {en}", {"zh": zh, "en": en})


class Figures(BaseModel):
    """The figures of a month."""

    month: Month
    costs_yuan: Annotated[Costs, Field(description="Costs by item.")]
    energy: Annotated[Energy, Field(description="Energy by kind.")]
    vehicle_count: Annotated[
        int, Field(ge=0, le=100_000, description="Vehicles operated in the month, each once.", examples=[12])
    ]
    vehicle_days: Annotated[
        Annotated[int, Field(ge=0, le=3_100_000)] | None,
        Field(description="Days on which a vehicle worked, summed over vehicles; null where not known."),
    ] = None
    vehicle_km: Annotated[Amount, Field(description="Kilometres driven by all vehicles.", examples=[38000])]
    vehicle_km_source: Annotated[
        Literal["gps", "odometer", "mixed"], Field(description="How they were measured.", examples=["gps"])
    ]
    loaded_km: Annotated[Amount | None, Field(description="Of these with a load; null where not known.")] = (
        None
    )
    tonne_km: Annotated[
        Annotated[float, Field(ge=0, le=1e10), AfterValidator(_rounded)] | None,
        Field(description="Tonne-kilometres of the loads carried; null where not known."),
    ] = None

    @field_validator("vehicle_days")
    @classmethod
    def _days_there_are(cls, days: int | None, info: ValidationInfo) -> int | None:
        month, vehicles = info.data.get("month"), info.data.get("vehicle_count")
        if days is not None and month and vehicles is not None and days > vehicles * days_in(month):
            raise _refuse("超过车辆数与当月天数之积", "more than the vehicles times the days of the month")
        return days

    @field_validator("vehicle_km")
    @classmethod
    def _driven_by_something(cls, km: float, info: ValidationInfo) -> float:
        if km > 0 and info.data.get("vehicle_count") == 0:
            raise _refuse("车辆数为零却有行驶里程", "kilometres without a vehicle")
        return km

    @field_validator("loaded_km")
    @classmethod
    def _part_of_all(cls, loaded: float | None, info: ValidationInfo) -> float | None:
        if loaded is not None and loaded > info.data.get("vehicle_km", loaded):
            raise _refuse("大于总里程", "more than vehicle_km")
        return loaded


class OperatingStatementCreate(Figures, Strict):
    """A firm's statement of one month that has ended."""

    notes: Annotated[FreeText | None, Field(description="Remarks, at most 10,000 characters.")] = None
    document_ids: Evidence

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})


class ReturnCreate(Strict):
    """Why a statement goes back for correction."""

    reason: ReasonText


class FlagOut(Out):
    """Something implausible: it refuses nothing and tells an official where to look."""

    code: str = Field(description=", ".join(FLAG_TEXTS))
    field: str = Field(description="The field, as a path.")
    zh: str = Field(description="In Chinese.")
    en: str = Field(description="In English.")
    value: str = Field(description="The field's value, or what was computed of it; a decimal.")
    compared: str | None = Field(description="What it was compared with; a decimal.")
    bound: str | None = Field(description="The bound it is beyond; a decimal.")


class OperatingStatementOut(Figures, EntityOut):
    """One revision of a statement; its figures never change."""

    enterprise_id: UUID = Field(description="The firm.")
    revision: int = Field(description="1, 2, 3 … in the order they came in.")
    supersedes: UUID | None = Field(description="The revision before.")
    superseded_at: Instant | None = Field(description="When the next one came; null for the current one.")
    status: StatementStatus = Field(description="What became of it.")
    late: bool = Field(description="It came in after its day.")
    notes: str | None = Field(description="Remarks.")
    document_ids: list[UUID] = Field(description="Evidence.")
    flags: list[FlagOut] = Field(description="What is implausible about it.")
    checks_version: str = Field(description="Version of the bounds that were applied.")
    compared_with: UUID | None = Field(description="The statement of the month before it was compared with.")
    accepted_by_name: str | None = Field(description="The official who accepted it.")
    accepted_at: Instant | None = Field(description="When.")
    returned_by_name: str | None = Field(description="The official who returned it.")
    returned_at: Instant | None = Field(description="When.")
    return_reason: str | None = Field(description="Why.")

    @computed_field(description="Sum of the costs stated.")  # type: ignore[prop-decorator]
    @property
    def total_cost_yuan(self) -> str:
        """The sum, exact, with two decimals."""
        return f"{figures(self.costs_yuan.model_dump(exclude_none=True), {}, {})[TOTAL]:.2f}"
