"""Lists about areas, facilities, bays and chargers."""

from typing import Final

from services.registry.domain.areas import AREA_KIND_NAMES
from services.registry.domain.codes.lists import PLATFORM, CodeList, code_list
from services.registry.domain.codes.names import (
    CRS_NAMES,
    CURRENT_NAMES,
    FACILITY_SERVICE_NAMES,
    LINE_END_NAMES,
    MAIL_SITE_NAMES,
    SURROUNDINGS_NAMES,
    UNIT_STATUS_NAMES,
)
from services.registry.domain.facilities import CONNECTOR_NAMES, FACILITY_KINDS
from services.registry.domain.lifecycle import STATUS_NAMES

_CRS: Final = "GB/T 30170; domain.md §3.11"
_FACILITIES: Final = "domain.md §1, §5"
_KINDS: Final = {kind: (facts.zh, facts.en) for kind, facts in FACILITY_KINDS.items()}

PLACE_LISTS: Final[tuple[CodeList, ...]] = (
    code_list("area-kinds", "区域类型", "Kinds of areas", PLATFORM, ["kind"], AREA_KIND_NAMES),
    code_list("line-ends", "路段端头", "How road sections end", PLATFORM, ["ends"], LINE_END_NAMES),
    code_list("coordinate-systems", "坐标系", "Coordinate systems", _CRS, ["crs"], CRS_NAMES),
    code_list("facility-kinds", "设施类型", "Kinds of facilities", _FACILITIES, ["kind"], _KINDS),
    code_list("facility-statuses", "设施阶段", "Stages of facilities", PLATFORM, ["status"], STATUS_NAMES),
    code_list("facility-services", "设施服务", "Services", PLATFORM, ["services"], FACILITY_SERVICE_NAMES),
    code_list("surroundings", "周边区域", "Surroundings", _FACILITIES, ["surroundings"], SURROUNDINGS_NAMES),
    code_list("mail-site-types", "邮件快件场所", "Mail sites", _FACILITIES, ["site_type"], MAIL_SITE_NAMES),
    code_list(
        "unit-statuses", "泊位与充电桩状态", "Bays and chargers", PLATFORM, ["status"], UNIT_STATUS_NAMES
    ),
    code_list("connectors", "充电接口", "Charging connectors", "GB/T 20234", ["connectors"], CONNECTOR_NAMES),
    code_list("currents", "充电电流", "Charging currents", "GB/T 20234", ["current"], CURRENT_NAMES),
)
