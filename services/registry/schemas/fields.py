"""Field types of the registry's schemas: texts that a standard checks come out normalised."""

import re
from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.registry.schemas.standards import refused
from services.shared.schemas import Identifier, Text, clean_text, not_blank
from services.shared.standards.check import Check
from services.shared.standards.energy import check_energy_code
from services.shared.standards.phone import check_phone
from services.shared.standards.plates import check_plate
from services.shared.standards.uscc import check_uscc
from services.shared.standards.vehicle_types import check_vehicle_type
from services.shared.standards.vin import check_vin
from services.shared.texts import unpersonal


def _normalized(check: Check) -> str:
    if check.normalized is None:
        raise refused(check.reasons[0])
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
_WRITTEN: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EARLIEST: Final = date(1900, 1, 1)
_LATEST: Final = date(2199, 12, 31)
"""A last day beyond it is meant as open: leave it out."""


def _written_day(value: Any) -> Any:
    if not isinstance(value, str) or not _WRITTEN.fullmatch(value):
        raise PydanticCustomError("date_parsing", "must be a date, YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise PydanticCustomError("date_invalid", "没有这一天 / there is no such day") from error


def _near_day(day: date) -> date:
    if not _EARLIEST <= day <= _LATEST:
        raise PydanticCustomError("day_range", "须在1900年至2199年之间 / must be from 1900 to 2199")
    return day


Day = Annotated[
    date,
    BeforeValidator(_written_day, json_schema_input_type=str),
    AfterValidator(_near_day),
    Field(
        strict=False,
        examples=["2027-06-30"],
        json_schema_extra={"type": "string", "format": "date", "pattern": r"^(19|2[01])\d\d-\d\d-\d\d$"},
    ),
]
"""A day in the city's zone from 1900 to 2199, as `YYYY-MM-DD` and nothing else."""
Evidence = Annotated[
    list[Identifier],
    Field(
        default_factory=list, max_length=20, description="Documents that prove it: ids of `/v1/documents`."
    ),
]
CertificateNumber = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(clean_text),
]
"""As printed on a certificate, without blanks around it."""


FreeText = Annotated[Text, AfterValidator(unpersonal)]
"""Words that stay on record in the clear, or go into a feed: no identity and no mobile number in them."""
ReasonText = Annotated[
    FreeText,
    AfterValidator(not_blank),
    Field(min_length=1, max_length=1000, description="Cause, shown to the firm.", examples=["证照过期"]),
]
"""A cause or purpose: for good on record."""
Purpose = Annotated[
    ReasonText,
    Field(
        min_length=4,
        max_length=500,
        description="What for; stays on record and is shown to the person's firm.",
        examples=["核实交通事故当事驾驶员"],
    ),
]
"""What somebody reads of people for."""
