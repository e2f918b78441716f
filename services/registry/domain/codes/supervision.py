"""Lists about operating statements, assessments and complaints."""

from typing import Final

from services.registry.domain.assessments import GRADE_NAMES
from services.registry.domain.codes.lists import PLATFORM, CodeList, code_list
from services.registry.domain.codes.names import (
    APPEAL_OUTCOME_NAMES,
    ASSESSMENT_STAGE_NAMES,
    COMPLAINT_STATUS_NAMES,
    KM_SOURCE_NAMES,
    STATEMENT_STATUS_NAMES,
)
from services.registry.domain.complaints import CATEGORY_NAMES, OUTCOME_NAMES

_GRADES: Final = "城市配送企业考核 / assessment of delivery firms, domain.md §5"

SUPERVISION_LISTS: Final[tuple[CodeList, ...]] = (
    code_list("assessment-grades", "考核等级", "Assessment grades", _GRADES, ["grade"], GRADE_NAMES),
    code_list(
        "assessment-stages",
        "考核进度",
        "Progress of assessments",
        PLATFORM,
        ["status"],
        ASSESSMENT_STAGE_NAMES,
    ),
    code_list(
        "appeal-outcomes", "申诉结果", "Outcomes of appeals", PLATFORM, ["outcome"], APPEAL_OUTCOME_NAMES
    ),
    code_list(
        "complaint-categories",
        "投诉类型",
        "What complaints are about",
        PLATFORM,
        ["category"],
        CATEGORY_NAMES,
    ),
    code_list(
        "complaint-statuses",
        "投诉进度",
        "Progress of complaints",
        PLATFORM,
        ["status"],
        COMPLAINT_STATUS_NAMES,
    ),
    code_list(
        "complaint-outcomes", "投诉结果", "Outcomes of complaints", PLATFORM, ["outcome"], OUTCOME_NAMES
    ),
    code_list(
        "statement-statuses",
        "月报状态",
        "Progress of statements",
        PLATFORM,
        ["status"],
        STATEMENT_STATUS_NAMES,
    ),
    code_list(
        "km-sources",
        "里程来源",
        "How kilometres were measured",
        PLATFORM,
        ["vehicle_km_source"],
        KM_SOURCE_NAMES,
    ),
)
