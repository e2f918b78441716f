"""Lists about identifiers and who may do what."""

from typing import Final

from services.registry.domain.codes.lists import PLATFORM, CodeList, code_list
from services.registry.domain.codes.names import ROLE_NAMES, SCOPE_NAMES
from services.registry.domain.identifiers import IDENTIFIER_KIND_NAMES

PLATFORM_LISTS: Final[tuple[CodeList, ...]] = (
    code_list(
        "identifier-kinds", "编码种类", "Kinds of identifiers", PLATFORM, ["kind"], IDENTIFIER_KIND_NAMES
    ),
    code_list("roles", "角色", "Roles", PLATFORM, ["role"], ROLE_NAMES),
    code_list("scopes", "权限范围", "Scopes", PLATFORM, ["scopes"], SCOPE_NAMES),
)
