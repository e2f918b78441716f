"""Kinds of areas."""

from enum import StrEnum
from typing import Final


class AreaKind(StrEnum):
    """What an area is for."""

    RESTRICTED = "restricted"
    LOW_EMISSION = "low_emission"
    DISTRICT = "district"
    FACILITY_SITE = "facility_site"
    BAY = "bay"
    STATION_AREA = "station_area"
    ROAD_SECTION = "road_section"


AREA_KIND_NAMES: Final[dict[AreaKind, tuple[str, str]]] = {
    AreaKind.RESTRICTED: ("限行区", "restricted zone"),
    AreaKind.LOW_EMISSION: ("低排放区", "low-emission zone"),
    AreaKind.DISTRICT: ("行政区划", "administrative district"),
    AreaKind.FACILITY_SITE: ("设施场地", "site of a facility"),
    AreaKind.BAY: ("泊位", "kerb bay"),
    AreaKind.STATION_AREA: ("客货运站区", "station area"),
    AreaKind.ROAD_SECTION: ("路段", "road section"),
}
