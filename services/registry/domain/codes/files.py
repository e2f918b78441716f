"""Lists about files that come in and go out."""

from typing import Final

from services.registry.domain.codes.lists import PLATFORM, CodeList, code_list
from services.registry.domain.codes.names import (
    EMPLOYMENT_NAMES,
    FILE_ENCODING_NAMES,
    FILE_FORMAT_NAMES,
    IMPORT_ENTITY_NAMES,
    IMPORT_STATUS_NAMES,
    ROW_OUTCOME_NAMES,
    STANDING_NAMES,
)
from services.registry.domain.lifecycle import STATUS_NAMES

FILE_LISTS: Final[tuple[CodeList, ...]] = (
    code_list("import-entities", "导入对象", "What files hold", PLATFORM, ["entity"], IMPORT_ENTITY_NAMES),
    code_list(
        "import-statuses", "导入进度", "Progress of imports", PLATFORM, ["status"], IMPORT_STATUS_NAMES
    ),
    code_list("row-outcomes", "逐行结果", "What becomes of rows", PLATFORM, ["outcome"], ROW_OUTCOME_NAMES),
    code_list(
        "export-statuses",
        "导出状态筛选",
        "What exports can be narrowed to",
        PLATFORM,
        ["status"],
        {**STANDING_NAMES, **EMPLOYMENT_NAMES, **STATUS_NAMES},
    ),
    code_list("file-formats", "文件格式", "Formats of files", PLATFORM, ["format"], FILE_FORMAT_NAMES),
    code_list(
        "file-encodings",
        "文件编码",
        "Encodings of CSV files",
        "GB 18030; RFC 3629",
        ["encoding"],
        FILE_ENCODING_NAMES,
    ),
)
