"""The columns of drivers and riders in files."""

from typing import Final

from services.registry.domain.codes.lists import as_texts
from services.registry.domain.codes.names import PERSON_KIND_NAMES
from services.registry.domain.sheets import Column, Kind
from services.registry.operations.imports.owners import OWNER
from services.registry.schemas.drivers import DriverCreate
from services.registry.schemas.tables import columns_of

_ZH: Final = {
    "kind": "人员类型",
    "name": "姓名",
    "id_number": "身份证号",
    "mobile_phone": "手机号码",
    "licence_class": "准驾车型",
    "licence_number": "驾驶证号（与身份证号不同时填写）",
    "licence_issuer": "驾驶证发证机关",
    "licence_valid_from": "驾驶证有效期起",
    "licence_valid_to": "驾驶证有效期止（长期则留空）",
    "drives_over_4500_kg": "驾驶总质量4.5吨以上货车",
    "qualification_number": "从业资格证号",
    "qualification_valid_from": "从业资格证有效期起",
    "qualification_valid_to": "从业资格证有效期止",
    "trained_on": "最近安全培训日期",
    "employed_from": "入职日期",
}
COLUMNS: Final = (
    OWNER,
    *columns_of(
        DriverCreate,
        _ZH,
        codes={"kind": as_texts(PERSON_KIND_NAMES)},
        leave_out={"enterprise_id"},
        first=("kind", "name", "id_number", "mobile_phone"),
    ),
    Column("status", "在职状态", Kind.TEXT, writable=False),
    Column("employed_to", "离职日期", Kind.DAY, writable=False),
    Column("id", "登记编号", Kind.TEXT, writable=False),
)
