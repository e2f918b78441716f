"""Lists about drivers, riders, their tricycles and what is personal."""

from typing import Final

from services.registry.domain.codes.lists import PLATFORM, CodeList, code_list
from services.registry.domain.codes.names import (
    EMPLOYMENT_NAMES,
    ERASURE_REQUESTER_NAMES,
    PERSON_KIND_NAMES,
    PERSONAL_FIELD_NAMES,
    PERSONAL_SUBJECT_NAMES,
    TRICYCLE_STATUS_NAMES,
)

PEOPLE_LISTS: Final[tuple[CodeList, ...]] = (
    code_list("person-kinds", "从业人员类型", "Drivers and riders", PLATFORM, ["kind"], PERSON_KIND_NAMES),
    code_list("employments", "在职状态", "How employments stand", PLATFORM, ["status"], EMPLOYMENT_NAMES),
    code_list(
        "tricycle-statuses",
        "三轮车备案进度",
        "Progress of tricycle filings",
        PLATFORM,
        ["status"],
        TRICYCLE_STATUS_NAMES,
    ),
    code_list(
        "personal-subjects",
        "个人信息主体",
        "Whose personal values",
        PLATFORM,
        ["subject_kind"],
        PERSONAL_SUBJECT_NAMES,
    ),
    code_list("personal-fields", "个人信息项", "Personal values", PLATFORM, ["fields"], PERSONAL_FIELD_NAMES),
    code_list(
        "erasure-requesters",
        "删除申请方",
        "Who asks for erasure",
        PLATFORM,
        ["requested_by"],
        ERASURE_REQUESTER_NAMES,
    ),
)
