"""The columns of vehicles in files: their Chinese names and the codes that may stand in them."""

from typing import Final

from services.registry.domain.codes.lists import as_texts
from services.registry.domain.codes.names import EMISSION_STAGES, POWERTRAIN_NAMES, REFRIGERATION_NAMES
from services.registry.domain.sheets import Column, Kind
from services.registry.domain.vehicles import ENTRY_REASONS, USE_CHARACTERS
from services.registry.operations.imports.owners import OWNER
from services.registry.schemas.tables import columns_of
from services.registry.schemas.vehicles import VehicleCreate
from services.shared.standards.energy import ENERGY_CODES
from services.shared.standards.plates import PLATE_COLOR_NAMES
from services.shared.standards.vehicle_types import VEHICLE_TYPES

_ZH: Final = {
    "plate_number": "号牌号码",
    "plate_color": "号牌颜色",
    "powertrain": "动力类型",
    "energy_code": "能源类型",
    "vehicle_type": "车辆类型",
    "curb_mass_kg": "整备质量（kg）",
    "payload_kg": "核定载质量（kg）",
    "gross_mass_kg": "总质量（kg）",
    "volume_m3": "货厢容积（m³）",
    "length_m": "车长（m）",
    "width_m": "车宽（m）",
    "height_m": "车高（m）",
    "refrigeration": "温控装备",
    "vin": "车辆识别代号（VIN）",
    "emission_stage": "排放阶段（国几）",
    "use_character": "使用性质",
    "registered_on": "注册日期",
    "licence_issued_on": "行驶证发证日期",
    "licence_issuer": "行驶证发证机关",
    "entry_reason": "入队原因",
    "entry_on": "入队日期",
    "inspection_valid_to": "检验有效期止",
    "insurance_valid_to": "保险终止日期",
    "road_transport_certificate_number": "道路运输证号",
    "road_transport_certificate_valid_to": "道路运输证有效期止",
    "valid_from": "登记起始时间",
    "valid_to": "登记终止时间",
}
_CODES: Final = {
    "plate_color": as_texts(PLATE_COLOR_NAMES),
    "energy_code": ENERGY_CODES,
    "vehicle_type": VEHICLE_TYPES,
    "powertrain": as_texts(POWERTRAIN_NAMES),
    "refrigeration": REFRIGERATION_NAMES,
    "emission_stage": as_texts(EMISSION_STAGES),
    "use_character": USE_CHARACTERS,
    "entry_reason": ENTRY_REASONS,
}
COLUMNS: Final = (
    OWNER,
    *columns_of(
        VehicleCreate,
        _ZH,
        codes=_CODES,
        leave_out={"enterprise_id"},
        first=("plate_number", "plate_color"),
    ),
    Column("exit_reason", "退出原因", Kind.TEXT, writable=False),
    Column("exit_on", "退出日期", Kind.DAY, writable=False),
    Column("end_reason", "终止原因", Kind.TEXT, writable=False),
    Column("id", "登记编号", Kind.TEXT, writable=False),
    Column("predecessor_id", "原登记编号", Kind.TEXT, writable=False),
)
