"""Field types several resources share: ids, instants of the platform's era, schedules, plates."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from services.shared.schemas import Code, Identifier, Instant, Out, Strict, Text
from services.shared.standards.coordinates import Crs, parse_crs
from services.shared.standards.plates import check_plate, is_plate_color

_ERA = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _in_era(value: datetime) -> datetime:
    if not _ERA[0] <= value < _ERA[1]:
        raise PydanticCustomError(
            "datetime_range", "须在 2000 至 2099 年内 / must lie in the years 2000 to 2099"
        )
    return value


def _plate(value: str) -> str:
    checked = check_plate(value)
    if checked.normalized is None:
        reason = checked.reasons[0]
        raise PydanticCustomError("plate_number", "{zh} / {en}", {"zh": reason.zh, "en": reason.en})
    return checked.normalized


def _known_color(value: int) -> int:
    if not is_plate_color(value):
        raise PydanticCustomError("plate_color", "未知的号牌颜色代码 / unknown plate colour code")
    return value


def _known_crs(value: str) -> Crs:
    crs = parse_crs(value)
    if crs is None:
        raise PydanticCustomError("crs", "须为 WGS-84、GCJ-02 或 BD-09 / must be WGS-84, GCJ-02 or BD-09")
    return crs


def _distinct(value: list[Any]) -> list[Any]:
    if len(set(value)) != len(value):
        raise PydanticCustomError("duplicate", "有重复项 / items repeat")
    return value


EraInstant = Annotated[Instant, AfterValidator(_in_era)]
"""An instant in the years 2000 to 2099, whose wall clock can be read everywhere."""
PlateNumber = Annotated[Text, Field(min_length=1, max_length=32), AfterValidator(_plate)]
"""A number plate in its canonical form."""
PlateColorCode = Annotated[int, AfterValidator(_known_color)]
"""Plate colour, the integer of wlhy and JT/T 809 (1 blue, 2 yellow, 93 yellow-green, 94 gradient green …)."""
CrsName = Annotated[str, Field(max_length=16), AfterValidator(_known_crs)]
"""WGS-84, GCJ-02 or BD-09."""
Reasoning = Annotated[Text, Field(min_length=1, max_length=1000)]
"""Why an official decides so."""
AreaIds = Annotated[list[Identifier], Field(min_length=1, max_length=200), AfterValidator(_distinct)]
Codes = Annotated[list[Code], Field(max_length=50), AfterValidator(_distinct)]
Weekday = Annotated[int, Field(ge=1, le=7)]


class WindowIn(Strict):
    """Hours of the city's wall time; an end not after the start runs on into the next day."""

    start: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="HH:MM.", examples=["22:00"])
    end: str = Field(
        pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", description="HH:MM or 24:00.", examples=["06:00"]
    )


def _not_empty(windows: list[WindowIn]) -> list[WindowIn]:
    if any(window.start == window.end for window in windows):
        raise PydanticCustomError(
            "window_empty", "时段为空 / a window is empty; the whole day is 00:00-24:00"
        )
    return windows


class ScheduleIn(Strict):
    """Days and hours."""

    weekdays: Annotated[list[Weekday], AfterValidator(_distinct)] = Field(
        default=[1, 2, 3, 4, 5, 6, 7], min_length=1, max_length=7, description="ISO weekdays, Monday is 1."
    )
    windows: Annotated[list[WindowIn], AfterValidator(_not_empty)] = Field(
        default=[], max_length=24, description="Hours of wall time; none means the whole day."
    )
    holiday_calendar: bool = Field(
        default=False,
        description="Count public holidays and swapped working days as the city's calendar says.",
    )


class WindowOut(Out):
    """Hours of the city's wall time."""

    start: str
    end: str


class ScheduleOut(Out):
    """Days and hours."""

    weekdays: list[int]
    windows: list[WindowOut]
    holiday_calendar: bool
