"""Field types of places: days, positions, hours."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.registry.schemas.fields import FreeText
from services.shared.rules.schedule import Window
from services.shared.schemas import Latitude, Longitude, Out, Strict
from services.shared.standards.coordinates import Crs, convert, in_china
from services.shared.standards.divisions import is_division_code


def _division(text: str) -> str:
    if not is_division_code(text):
        raise PydanticCustomError("division", "须为六位行政区划代码 / must be a six-digit division code")
    return text


DivisionCode = Annotated[
    str,
    AfterValidator(_division),
    Field(description="County-level code of GB/T 2260.", examples=["211103"]),
]


def distinct(values: list[Any]) -> list[Any]:
    """Return a list without repeats.

    Raises:
        PydanticCustomError: An item repeats; a ValueError.
    """
    if len(set(values)) != len(values):
        raise PydanticCustomError("duplicate", "有重复项 / items repeat")
    return values


class PositionIn(Strict):
    """A position as given; stored in WGS-84."""

    lon: Annotated[Longitude, Field(description="Degrees east.", examples=[122.07])]
    lat: Annotated[Latitude, Field(description="Degrees north.", examples=[41.12])]
    crs: Annotated[Crs, Field(strict=False, description="System of the position given.")] = Crs.WGS84

    @field_validator("crs")
    @classmethod
    def _in_use_there(cls, crs: Crs, info: ValidationInfo) -> Crs:
        lon, lat = info.data.get("lon"), info.data.get("lat")
        if crs is not Crs.WGS84 and lon is not None and lat is not None and not in_china(lon, lat):
            message = "不在中国范围内，坐标系应为WGS-84 / outside China, where only WGS-84 is in use"
            raise PydanticCustomError("position_outside_china", message)
        return crs

    def wgs84(self) -> dict[str, float]:
        """Return `lon` and `lat` in WGS-84."""
        lon, lat = convert(self.lon, self.lat, self.crs)
        return {"lon": lon, "lat": lat}


class WindowIn(Strict):
    """Hours of the city's wall time; an end not after the start runs on into the next day."""

    start: Annotated[
        str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="HH:MM.", examples=["06:00"])
    ]
    end: Annotated[
        str,
        Field(
            pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
            description="HH:MM or 24:00.",
            examples=["22:00"],
        ),
    ]


def _windows(windows: list[WindowIn]) -> list[WindowIn]:
    for window in windows:
        try:
            Window.parse(window.start, window.end)
        except ValueError as error:
            message = "时段为空 / a window is empty; the whole day is 00:00-24:00"
            raise PydanticCustomError("window_empty", message) from error
    return windows


Weekday = Annotated[int, Field(ge=1, le=7)]


class HoursIn(Strict):
    """Days of the week and hours in which something may be used."""

    weekdays: Annotated[
        list[Weekday],
        AfterValidator(distinct),
        Field(min_length=1, max_length=7, description="ISO weekdays, Monday is 1."),
    ] = Field(default=[1, 2, 3, 4, 5, 6, 7])
    windows: Annotated[
        list[WindowIn],
        AfterValidator(_windows),
        Field(max_length=24, description="Hours of wall time; none means the whole day."),
    ] = Field(default=[])
    holiday_calendar: Annotated[
        bool,
        Field(description="Count public holidays and swapped working days as the city's calendar says."),
    ] = False


class WindowOut(Out):
    """Hours of the city's wall time."""

    start: str = Field(description="HH:MM.")
    end: str = Field(description="HH:MM or 24:00.")


Note = Annotated[FreeText, Field(min_length=1, max_length=500)]
ShortText = Annotated[FreeText, Field(min_length=1, max_length=200)]
