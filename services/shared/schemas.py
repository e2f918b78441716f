"""Strict models for everything that comes in: no unknown field, no NaN, no NUL, no lone surrogate.

FastAPI's defaults take `NaN`, `1e999`, `"lon": true`, NUL and lone surrogates; PostgreSQL then
refuses them and the client sees a 500. These types refuse them at the edge.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

_SURROGATES = range(0xD800, 0xE000)
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Beyond them drivers and time zones overflow, and no record of this platform lies there."""
_RANGE = "须在1900年至2199年之间 / must be from 1900 to 2199"


def clean_text(value: str) -> str:
    """Return the text as it is when PostgreSQL can store it.

    Raises:
        PydanticCustomError: It contains NUL or a lone surrogate; a ValueError.
    """
    if "\x00" in value or any(ord(char) in _SURROGATES for char in value):
        raise PydanticCustomError("text_unstorable", "NUL and lone surrogates are not text")
    return value


def not_blank(value: str) -> str:
    """Return a text that has more than blanks.

    Raises:
        PydanticCustomError: It has none; a ValueError.
    """
    if not value.strip():
        raise PydanticCustomError("text_blank", "must not be blank")
    return value


def parse_instant(value: Any) -> Any:
    """Return an RFC 3339 text or an aware datetime as UTC with whole milliseconds.

    Raises:
        PydanticCustomError: It is neither, or out of range.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(clean_text(value))
        except ValueError as error:
            raise PydanticCustomError("datetime_invalid", "not an RFC 3339 date-time") from error
    if not isinstance(value, datetime):
        raise PydanticCustomError("datetime_invalid", "not an RFC 3339 date-time")
    if value.tzinfo is None:
        raise PydanticCustomError("datetime_naive", "a UTC offset or Z is required")
    try:
        value = value.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("datetime_range", _RANGE) from error
    if not _EARLIEST <= value < _LATEST:
        raise PydanticCustomError("datetime_range", _RANGE)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def format_instant(value: datetime) -> str:
    """Return an aware instant as `2025-06-01T00:30:00.000Z`."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Text = Annotated[str, Field(max_length=10_000), AfterValidator(clean_text)]
"""A string PostgreSQL can store."""

Name = Annotated[
    str, Field(min_length=1, max_length=200), AfterValidator(clean_text), AfterValidator(not_blank)
]
"""A name a person reads: 1 to 200 characters."""

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
"""A stable code that people and systems share."""

Identifier = Annotated[UUID, Field(strict=False)]
"""An id in a strict model: JSON has only its text (an enumeration is likewise `Field(strict=False)`)."""

Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant, json_schema_input_type=str),
    PlainSerializer(format_instant, return_type=str, when_used="json"),
    Field(json_schema_extra={"type": "string", "format": "date-time"}),
]
"""An instant: any offset in, UTC `…Z` with milliseconds out."""

Longitude = Annotated[float, Field(ge=-180, le=180)]
"""Degrees east, WGS-84."""
Latitude = Annotated[float, Field(ge=-90, le=90)]
"""Degrees north, WGS-84."""


class Strict(BaseModel):
    """Base of every schema that comes in: closed, strict, finite, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Out(BaseModel):
    """Base of every schema that goes out; read from rows by attribute."""

    model_config = ConfigDict(from_attributes=True, allow_inf_nan=False, frozen=True)


def shown_once(*names: str) -> Callable[[dict[str, Any]], None]:
    """Return the `json_schema_extra` of an answer whose secrets a replay leaves out: none is required."""

    def edit(schema: dict[str, Any]) -> None:
        schema["required"] = [name for name in schema["required"] if name not in names]

    return edit


class Event(BaseModel):
    """Base of every published state: readers ignore fields they do not know."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, frozen=True, from_attributes=True)
