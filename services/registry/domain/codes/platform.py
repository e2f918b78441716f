"""Lists about places, identifiers and who may do what."""

from typing import Final

from services.registry.domain.codes.lists import PLATFORM, CodeList, code_list
from services.registry.domain.codes.names import AREA_KIND_NAMES, CRS_NAMES, ROLE_NAMES, SCOPE_NAMES
from services.registry.domain.identifiers import IDENTIFIER_KIND_NAMES

_CRS: Final = "GB/T 30170; domain.md §3.11"

PLATFORM_LISTS: Final[tuple[CodeList, ...]] = (
    code_list("area-kinds", "区域类型", "Kinds of areas", PLATFORM, ["kind"], AREA_KIND_NAMES),
    code_list("coordinate-systems", "坐标系", "Coordinate systems", _CRS, ["crs"], CRS_NAMES),
    code_list(
        "identifier-kinds", "编码种类", "Kinds of identifiers", PLATFORM, ["kind"], IDENTIFIER_KIND_NAMES
    ),
    code_list("roles", "角色", "Roles", PLATFORM, ["role"], ROLE_NAMES),
    code_list("scopes", "权限范围", "Scopes", PLATFORM, ["scopes"], SCOPE_NAMES),
)
