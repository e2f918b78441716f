"""Field types of the registry's schemas: texts that a standard checks come out normalised."""

import re
from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from services.shared.schemas import Identifier, Text
from services.shared.standards.check import Check
from services.shared.standards.energy import check_energy_code
from services.shared.standards.phone import check_phone
from services.shared.standards.plates import check_plate
from services.shared.standards.uscc import check_uscc
from services.shared.standards.vehicle_types import check_vehicle_type
from services.shared.standards.vin import check_vin

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS: Final = range(1900, 2200)


def parse_day(value: Any) -> date:
    """Return a day of the text `YYYY-MM-DD`; pydantic alone would take a number for days since 1970.

    Raises:
        PydanticCustomError: It is none, or of another age.
    """
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and _DAY.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None:
        raise PydanticCustomError("date_parsing", "not a date")
    if day.year not in _YEARS:
        raise PydanticCustomError("date_range", "须在1900年至2199年之间 / must be of the years 1900 to 2199")
    return day


def _normalized(check: Check) -> str:
    if check.normalized is None:
        reason = check.reasons[0]
        # The braces of a message template are pydantic's; no reason has any.
        raise PydanticCustomError("standard", "{zh} / {en}", {"zh": reason.zh, "en": reason.en})
    return check.normalized


Uscc = Annotated[
    str,
    AfterValidator(lambda text: _normalized(check_uscc(text))),
    Field(description="Unified social credit code, GB 32100-2015.", examples=["91110000600037341L"]),
]
PlateNumber = Annotated[
    str,
    AfterValidator(lambda text: _normalized(check_plate(text))),
    Field(description="Number plate; dots, spaces and full-width forms are folded.", examples=["辽L12345"]),
]
VehicleType = Annotated[
    str,
    AfterValidator(lambda text: _normalized(check_vehicle_type(text))),
    Field(description="Vehicle type of GA 24.4.", examples=["H32"]),
]
Vin = Annotated[
    str,
    AfterValidator(lambda text: _normalized(check_vin(text))),
    Field(description="VIN, GB 16735; a wrong check digit only warns.", examples=["LNBSCCAH4PJ000001"]),
]
Phone = Annotated[
    str,
    AfterValidator(lambda text: _normalized(check_phone(text))),
    Field(description="Mobile or landline with area code; kept sealed.", examples=["13900001234"]),
]
EnergyCode = Annotated[
    str,
    AfterValidator(lambda text: _normalized(check_energy_code(text))),
    Field(description="Energy code of the wlhy dictionary, `domain.md` 3.5.", examples=["C"]),
]
Day = Annotated[date, BeforeValidator(parse_day), Field(strict=False, examples=["2027-06-30"])]
"""A day in the city's zone, `YYYY-MM-DD`."""
Evidence = Annotated[
    list[Identifier],
    Field(
        default_factory=list, max_length=20, description="Documents that prove it: ids of `/v1/documents`."
    ),
]
ReasonText = Annotated[
    Text,
    Field(min_length=1, max_length=1000, description="Cause, shown to the firm.", examples=["证照过期"]),
]
