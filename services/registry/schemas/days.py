"""Days: dates in the city's zone, as `YYYY-MM-DD` and nothing else."""

from datetime import date
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

_EARLIEST: Final = date(1900, 1, 1)
_LATEST: Final = date(2199, 12, 31)
"""Beyond it a last day is meant as open: leave it out."""


def _parse_day(value: Any) -> Any:
    if not isinstance(value, str) or len(value) != len("2025-01-01"):
        raise PydanticCustomError("date_parsing", "must be a date, YYYY-MM-DD")
    return value


Day = Annotated[
    date,
    BeforeValidator(_parse_day, json_schema_input_type=str),
    Field(strict=False, ge=_EARLIEST, le=_LATEST, json_schema_extra={"type": "string", "format": "date"}),
]
"""A day from 1900 to 2199."""
