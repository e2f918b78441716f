"""Every code list of the platform."""

from typing import Final

from services.registry.domain.certificates import CERTIFICATE_NAMES, GRADE_CATEGORY_NAMES
from services.registry.domain.code_lists import PLATFORM, CodeList, Entry, code_list
from services.registry.domain.code_names import (
    APPLICATION_STATUS_NAMES,
    AREA_KIND_NAMES,
    CRS_NAMES,
    EMISSION_STAGES,
    GRADE_NAMES,
    HOLDER_NAMES,
    POWERTRAIN_NAMES,
    REFRIGERATION_NAMES,
    ROLE_NAMES,
    SCOPE_NAMES,
    STANDING_NAMES,
)
from services.registry.domain.enterprises import CONTACT_ROLE_NAMES, ENTERPRISE_KIND_NAMES
from services.registry.domain.identifiers import IDENTIFIER_KIND_NAMES
from services.registry.domain.vehicles import ENTRY_REASONS, EXIT_REASONS, USE_CHARACTERS
from services.registry.domain.verification import LEVEL_NAMES
from services.shared.standards.cargo import BUSINESS_TYPES, CARGO_TYPES, TRANSPORT_TYPES
from services.shared.standards.divisions import DivisionTable
from services.shared.standards.energy import ENERGY_CODES
from services.shared.standards.plates import PLATE_COLOR_NAMES, PLATE_KIND_NAMES
from services.shared.standards.vehicle_types import VEHICLE_TYPES

_WLHY: Final = "网络货运数据字典 / dictionary of online freight, domain.md §3.7"

LISTS: Final[tuple[CodeList, ...]] = (
    code_list(
        "plate-colors",
        ("号牌颜色", "Plate colours"),
        "JT/T 415, JT/T 809, JT/T 808; domain.md §3.3",
        ["plate_color"],
        PLATE_COLOR_NAMES,
    ),
    code_list(
        "plate-kinds",
        ("号牌种类（按号码判别）", "Kinds of plates, by their text"),
        "GA 36; domain.md §3.2",
        [],
        PLATE_KIND_NAMES,
    ),
    code_list(
        "vehicle-types",
        ("车辆类型（货运）", "Vehicle types, freight"),
        "GA 24.4; domain.md §3.4",
        ["vehicle_type"],
        VEHICLE_TYPES,
    ),
    code_list(
        "energy-codes",
        ("能源类型", "Energy codes"),
        "GA 24, 网络货运数据字典; domain.md §3.5",
        ["energy_code"],
        ENERGY_CODES,
    ),
    code_list("powertrains", ("动力类型", "Powertrains"), PLATFORM, ["powertrain"], POWERTRAIN_NAMES),
    code_list(
        "emission-stages",
        ("排放阶段", "Emission stages"),
        "GB 17691, GB 18352",
        ["emission_stage"],
        EMISSION_STAGES,
    ),
    code_list(
        "refrigeration",
        ("冷藏保温", "Temperature equipment"),
        f"{PLATFORM}; domain.md §3.4",
        ["refrigeration"],
        REFRIGERATION_NAMES,
    ),
    code_list(
        "use-characters",
        ("使用性质", "Use characters"),
        "机动车行驶证 / vehicle licence",
        ["use_character"],
        USE_CHARACTERS,
    ),
    code_list(
        "entry-reasons", ("入网原因", "Why a vehicle joined"), PLATFORM, ["entry_reason"], ENTRY_REASONS
    ),
    code_list(
        "exit-reasons", ("退出原因", "Why a registration ended"), PLATFORM, ["exit_reason"], EXIT_REASONS
    ),
    code_list(
        "transport-types",
        ("运输组织类型", "Types of transport"),
        _WLHY,
        ["transport_type_code"],
        TRANSPORT_TYPES,
    ),
    code_list(
        "business-types", ("业务类型", "Types of business"), _WLHY, ["business_type_code"], BUSINESS_TYPES
    ),
    code_list("cargo-types", ("货物分类", "Cargo types"), _WLHY, ["cargo_type_code"], CARGO_TYPES),
    code_list(
        "enterprise-kinds", ("企业类型", "Kinds of enterprises"), PLATFORM, ["kind"], ENTERPRISE_KIND_NAMES
    ),
    code_list(
        "enterprise-standings", ("企业状态", "Standings of enterprises"), PLATFORM, ["status"], STANDING_NAMES
    ),
    code_list(
        "contact-roles", ("联系人类型", "What a contact is for"), PLATFORM, ["role"], CONTACT_ROLE_NAMES
    ),
    code_list(
        "application-statuses",
        ("申请状态", "How far an application is"),
        PLATFORM,
        ["status"],
        APPLICATION_STATUS_NAMES,
    ),
    code_list(
        "certificate-kinds", ("证照类型", "Kinds of certificates"), PLATFORM, ["kind"], CERTIFICATE_NAMES
    ),
    code_list(
        "entity-kinds",
        ("登记对象", "Kinds of entities on record"),
        PLATFORM,
        ["holder_kind", "subject_kind", "found"],
        HOLDER_NAMES,
    ),
    code_list(
        "grades", ("A级物流企业等级", "Grades of logistics firms"), "GB/T 19680", ["grade"], GRADE_NAMES
    ),
    code_list(
        "grade-categories",
        ("A级物流企业类型", "Types of logistics firms"),
        "GB/T 19680",
        ["category"],
        GRADE_CATEGORY_NAMES,
    ),
    code_list(
        "verification-levels", ("核验程度", "How far a group was checked"), PLATFORM, ["level"], LEVEL_NAMES
    ),
    code_list("area-kinds", ("区域类型", "Kinds of areas"), PLATFORM, ["kind"], AREA_KIND_NAMES),
    code_list(
        "coordinate-systems",
        ("坐标系", "Coordinate systems"),
        "GB/T 30170; domain.md §3.11",
        ["crs"],
        CRS_NAMES,
    ),
    code_list(
        "identifier-kinds", ("编码种类", "Kinds of identifiers"), PLATFORM, ["kind"], IDENTIFIER_KIND_NAMES
    ),
    code_list("roles", ("角色", "Roles"), PLATFORM, ["role"], ROLE_NAMES),
    code_list("scopes", ("权限范围", "Scopes"), PLATFORM, ["scopes"], SCOPE_NAMES),
)


def code_book(divisions: DivisionTable) -> dict[str, CodeList]:
    """Return every list by its name, in the order of names: the platform's and the city's."""
    in_force = tuple(
        Entry(division.code, division.name, division.name_en)
        for division in divisions.divisions
        if division.to_year is None
    )
    titles = "本市行政区划", "The city's divisions"
    lists = (*LISTS, CodeList("divisions", *titles, "GB/T 2260; city profile", ("division_code",), in_force))
    return {each.name: each for each in sorted(lists, key=lambda each: each.name)}
