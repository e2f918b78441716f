"""Lists about firms, their papers and how far these were checked."""

from typing import Final

from services.registry.domain.certificates import GRADE_CATEGORY_NAMES
from services.registry.domain.codes.lists import PLATFORM, CodeList, code_list
from services.registry.domain.codes.names import (
    APPLICATION_STATUS_NAMES,
    GRADE_NAMES,
    HOLDER_NAMES,
    STANDING_NAMES,
)
from services.registry.domain.enterprises import CONTACT_ROLE_NAMES, ENTERPRISE_KIND_NAMES
from services.registry.domain.verification import LEVEL_NAMES
from services.shared.standards.certificates import CERTIFICATE_NAMES

_ENTITY: Final = ["holder_kind", "subject_kind", "found"]

FIRM_LISTS: Final[tuple[CodeList, ...]] = (
    code_list("enterprise-kinds", "企业类型", "Kinds of firms", PLATFORM, ["kind"], ENTERPRISE_KIND_NAMES),
    code_list("enterprise-standings", "企业状态", "Standings of firms", PLATFORM, ["status"], STANDING_NAMES),
    code_list("contact-roles", "联系人类型", "What a contact is for", PLATFORM, ["role"], CONTACT_ROLE_NAMES),
    code_list(
        "application-statuses",
        "申请状态",
        "Progress of applications",
        PLATFORM,
        ["status"],
        APPLICATION_STATUS_NAMES,
    ),
    code_list(
        "certificate-kinds",
        "证照类型",
        "Kinds of certificates",
        PLATFORM,
        ["kind", "lapses"],
        CERTIFICATE_NAMES,
    ),
    code_list("entity-kinds", "登记对象", "Entities on record", PLATFORM, _ENTITY, HOLDER_NAMES),
    code_list("grades", "A级物流企业等级", "Logistics grades", "GB/T 19680", ["grade"], GRADE_NAMES),
    code_list(
        "grade-categories",
        "A级企业类型",
        "Types of logistics firms",
        "GB/T 19680",
        ["category"],
        GRADE_CATEGORY_NAMES,
    ),
    code_list(
        "verification-levels", "核验程度", "How far a group was checked", PLATFORM, ["level"], LEVEL_NAMES
    ),
)
