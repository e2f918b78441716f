"""What the registry says of a vehicle beyond its measures: use, entry, exit, and the papers it needs."""

import re
from typing import Final

from services.registry.domain.certificates import needs_transport_papers
from services.shared.standards.check import Reason
from services.shared.standards.plates import check_plate
from services.shared.standards.vin import check_vin

USE_CHARACTERS: Final[dict[str, tuple[str, str]]] = {
    "freight": ("货运", "freight"),
    "non_operating": ("非营运", "non-operating"),
    "leasing": ("租赁", "leasing"),
    "hazardous": ("危险货物运输", "dangerous goods"),
    "special": ("工程及其他专用", "works and other special use"),
    "other": ("其他", "other"),
}
"""Use character 使用性质 of the vehicle licence 行驶证."""

ENTRY_REASONS: Final[dict[str, tuple[str, str]]] = {
    "new": ("新增", "new"),
    "replacement": ("更新", "replacement"),
    "transfer_in": ("转入", "transferred in"),
}
"""Why a vehicle joined the fleet; indicators 4 and 5 count by it (`domain.md` §1.5)."""

EXIT_REASONS: Final[dict[str, tuple[str, str]]] = {
    "scrapped": ("报废", "scrapped"),
    "sold": ("出售", "sold"),
    "transfer_out": ("转出", "transferred out"),
    "re_plated": ("换牌", "re-plated"),
    "other": ("其他", "other"),
}
"""Why a registration ended."""

_FILLER: Final = re.compile(r"[1-9]\d{5}000000")
_FILLER_TOO_HEAVY: Final = Reason(
    "road_transport_certificate.filler",
    "“行政区划代码+000000”仅用于总质量4.5吨及以下的车辆",
    "region code + 000000 is only for vehicles of at most 4.5 t",
)
_MISSING: Final = Reason(
    "road_transport_certificate.missing",
    "总质量超过4.5吨的营运货车须有道路运输证",
    "an operating truck over 4.5 t needs a road transport certificate",
)


def refuse_certificate_number(number: str | None, gross_mass_kg: int | None) -> Reason | None:
    """Return why a road transport certificate's number cannot be: the filler on a heavy vehicle."""
    if number is not None and _FILLER.fullmatch(number) and needs_transport_papers(gross_mass_kg):
        return _FILLER_TOO_HEAVY
    return None


def vehicle_warnings(
    plate_number: str,
    plate_color: int,
    vin: str | None,
    certificate_number: str | None,
    gross_mass_kg: int | None,
) -> tuple[Reason, ...]:
    """Return what deserves a look at a vehicle that was accepted."""
    found = [*check_plate(plate_number, plate_color).warnings]
    if vin is not None:
        found += check_vin(vin).warnings
    if gross_mass_kg is not None and needs_transport_papers(gross_mass_kg) and certificate_number is None:
        found.append(_MISSING)
    return tuple(found)
