"""Lists about vehicles and what they carry."""

from typing import Final

from services.registry.domain.codes.lists import PLATFORM, CodeList, code_list
from services.registry.domain.codes.names import EMISSION_STAGES, POWERTRAIN_NAMES, REFRIGERATION_NAMES
from services.registry.domain.vehicles import ENTRY_REASONS, EXIT_REASONS, USE_CHARACTERS
from services.shared.standards.cargo import BUSINESS_TYPES, CARGO_TYPES, TRANSPORT_TYPES
from services.shared.standards.energy import ENERGY_CODES
from services.shared.standards.plates import PLATE_COLOR_NAMES, PLATE_KIND_NAMES
from services.shared.standards.vehicle_types import VEHICLE_TYPES

_COLORS: Final = "JT/T 415, JT/T 809, JT/T 808; domain.md §3.3"
_TYPES: Final = "GA 24.4; domain.md §3.4"
_ENERGY: Final = "GA 24, 网络货运数据字典; domain.md §3.5"
_LICENCE: Final = "机动车行驶证 / vehicle licence"
_WLHY: Final = "网络货运数据字典 / dictionary of online freight, domain.md §3.7"

VEHICLE_LISTS: Final[tuple[CodeList, ...]] = (
    code_list("plate-colors", "号牌颜色", "Plate colours", _COLORS, ["plate_color"], PLATE_COLOR_NAMES),
    code_list("plate-kinds", "号牌种类", "Kinds of plates", "GA 36; domain.md §3.2", [], PLATE_KIND_NAMES),
    code_list("vehicle-types", "车辆类型", "Vehicle types", _TYPES, ["vehicle_type"], VEHICLE_TYPES),
    code_list("energy-codes", "能源类型", "Energy codes", _ENERGY, ["energy_code"], ENERGY_CODES),
    code_list("powertrains", "动力类型", "Powertrains", PLATFORM, ["powertrain"], POWERTRAIN_NAMES),
    code_list(
        "emission-stages", "排放阶段", "Emission stages", "GB 17691", ["emission_stage"], EMISSION_STAGES
    ),
    code_list(
        "refrigeration", "冷藏保温", "Temperature equipment", PLATFORM, ["refrigeration"], REFRIGERATION_NAMES
    ),
    code_list("use-characters", "使用性质", "Use characters", _LICENCE, ["use_character"], USE_CHARACTERS),
    code_list("entry-reasons", "入网原因", "Why a vehicle joined", PLATFORM, ["entry_reason"], ENTRY_REASONS),
    code_list("exit-reasons", "退出原因", "Why a vehicle left", PLATFORM, ["exit_reason"], EXIT_REASONS),
    code_list(
        "transport-types", "运输方式", "Kinds of transport", _WLHY, ["transport_type_code"], TRANSPORT_TYPES
    ),
    code_list(
        "business-types", "业务类型", "Kinds of business", _WLHY, ["business_type_code"], BUSINESS_TYPES
    ),
    code_list("cargo-types", "货物分类", "Cargo types", _WLHY, ["cargo_type_code"], CARGO_TYPES),
)
