"""Every code list of the platform; a subject's lists are in a module beside this one."""

from services.registry.domain.codes.firms import FIRM_LISTS
from services.registry.domain.codes.lists import CodeList, Entry
from services.registry.domain.codes.people import PEOPLE_LISTS
from services.registry.domain.codes.places import PLACE_LISTS
from services.registry.domain.codes.platform import PLATFORM_LISTS
from services.registry.domain.codes.supervision import SUPERVISION_LISTS
from services.registry.domain.codes.vehicles import VEHICLE_LISTS
from services.shared.standards.divisions import DivisionTable

LISTS = (
    *VEHICLE_LISTS,
    *FIRM_LISTS,
    *PEOPLE_LISTS,
    *PLACE_LISTS,
    *SUPERVISION_LISTS,
    *PLATFORM_LISTS,
)


def code_book(divisions: DivisionTable) -> dict[str, CodeList]:
    """Return every list by its name, in the order of names: the platform's and the city's."""
    in_force = tuple(
        Entry(division.code, division.name, division.name_en)
        for division in divisions.divisions
        if division.to_year is None
    )
    titles = "本市行政区划", "The city's divisions"
    lists = (*LISTS, CodeList("divisions", *titles, "GB/T 2260; city profile", ("division_code",), in_force))
    return {each.name: each for each in sorted(lists, key=lambda each: each.name)}
