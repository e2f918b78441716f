"""The columns of facilities in files: what every facility has, and what each kind can do."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, get_args

from pydantic import BaseModel

from services.registry.domain.codes.lists import as_texts
from services.registry.domain.codes.names import (
    CRS_NAMES,
    FACILITY_SERVICE_NAMES,
    MAIL_SITE_NAMES,
    SURROUNDINGS_NAMES,
)
from services.registry.domain.facilities import FACILITY_KINDS, FacilityKind
from services.registry.domain.sheets import Column, Kind
from services.registry.operations.imports.owners import OWNER
from services.registry.schemas.capacities import Capacity
from services.registry.schemas.facilities import FacilityCreate
from services.registry.schemas.tables import columns_of

_ZH: Final = {
    "code": "设施编码",
    "name": "设施名称",
    "planned_on": "规划日期",
    "owner_department": "主管单位编码",
    "division_code": "行政区划代码",
    "zone_code": "片区编码",
    "address": "地址",
    "lon": "经度（°）",
    "lat": "纬度（°）",
    "crs": "坐标系",
    "area_id": "场地区域编号",
    "schematic": "位置为示意",
    "area_m2": "占地面积（m²）",
    "building_area_m2": "建筑面积（m²）",
    "warehouse_area_m2": "仓库面积（m²）",
    "cold_storage_m3": "冷库容积（m³）",
    "daily_throughput_t": "日处理量（t）",
    "daily_parcels": "日处理件量（件）",
    "services": "服务功能",
    "docks": "装卸月台（个）",
    "parking_spaces": "停车位（个）",
    "trunk_lines": "干线数（条）",
    "tenants": "共用企业数（家）",
    "express_brands": "快递品牌数（个）",
    "lockers": "格口数（个）",
    "open_all_day": "全天开放",
    "campus": "学校名称",
    "villages_served": "服务行政村数（个）",
    "bus_line": "客运班线",
    "surroundings": "周边类型",
    "max_height_m": "限高（m）",
    "road": "道路",
    "section": "路段",
    "planned_bays": "规划泊位数（个）",
    "supply_kva": "供电容量（kVA）",
    "planned_chargers": "规划充电桩数（个）",
    "min_temperature_c": "最低温度（℃）",
    "max_temperature_c": "最高温度（℃）",
    "site_type": "场所类型",
    "cameras_total": "摄像头总数（个）",
    "cameras_online": "摄像头在线数（个）",
    "xray_machines_total": "安检机总数（台）",
    "xray_machines_online": "安检机在线数（台）",
    "online_on": "联网统计日期",
    "bus_lines": "客货班线数（条）",
}
_CODES: Final = {
    "crs": as_texts(CRS_NAMES),
    "surroundings": SURROUNDINGS_NAMES,
    "site_type": MAIL_SITE_NAMES,
    "services": FACILITY_SERVICE_NAMES,
}
KIND: Final = Column(
    name="kind",
    zh="设施类型",
    kind=Kind.TEXT,
    required=True,
    codes={kind.value: (facts.zh, facts.en) for kind, facts in FACILITY_KINDS.items()},
    rule="登记后不可更改 / does not change",
    example="freight_hub",
)
OPERATOR: Final = (
    replace(
        OWNER,
        zh="运营企业统一社会信用代码（平台已登记）",
        rule="企业导入时可留空，即本企业 / a firm may leave it empty: itself",
    ),
    Column(
        "operator_name",
        "其他运营主体名称",
        Kind.TEXT,
        rule="平台未登记的运营主体，仅主管部门填写 / one not in the registry, named by an office",
    ),
    Column("operator_uscc", "其他运营主体统一社会信用代码", Kind.TEXT, rule="与名称同填 / with the name"),
)


def _of_kinds() -> Iterator[tuple[Column, str]]:
    """Yield each member of each kind's capacity with the kind's Chinese name."""
    kinds: tuple[type[BaseModel], ...] = get_args(get_args(Capacity)[0])
    for schema in kinds:
        kind = FacilityKind(get_args(schema.model_fields["kind"].annotation)[0])
        for column in columns_of(schema, _ZH, codes=_CODES, leave_out={"kind"}):
            yield replace(column, required=False), FACILITY_KINDS[kind].zh


def _members() -> tuple[Column, ...]:
    columns: dict[str, Column] = {}
    kinds: dict[str, list[str]] = {}
    for column, kind in _of_kinds():
        columns.setdefault(column.name, column)
        kinds.setdefault(column.name, []).append(kind)
    return tuple(
        replace(column, rule=f"{column.rule}；适用于 / for: {'、'.join(kinds[name])}")
        for name, column in columns.items()
    )


MEMBERS: Final = _members()
"""What the kinds can do; a row fills in those of its kind."""
OWN: Final[tuple[Column, ...]] = columns_of(
    FacilityCreate, _ZH, codes=_CODES, leave_out={"enterprise_id"}, first=("code", "name", "planned_on")
)
COLUMNS: Final = (
    KIND,
    *OWN,
    *OPERATOR,
    *MEMBERS,
    Column("status", "阶段", Kind.TEXT, writable=False),
    Column("built_on", "建成日期", Kind.DAY, writable=False),
    Column("opened_on", "投运日期", Kind.DAY, writable=False),
    Column("closed_on", "关闭日期", Kind.DAY, writable=False),
    Column("id", "登记编号", Kind.TEXT, writable=False),
)
_FLAT: Final = frozenset(column.name for column in OWN)
_OF_CAPACITY: Final = frozenset(column.name for column in (KIND, *MEMBERS))


def body_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request's body that a row means."""
    given = {name: value for name, value in values.items() if value is not None}
    body: dict[str, Any] = {name: value for name, value in given.items() if name in _FLAT}
    body["capacity"] = {name: value for name, value in given.items() if name in _OF_CAPACITY}
    operator = {"name": given.get("operator_name"), "uscc": given.get("operator_uscc")}
    if any(operator.values()):
        body["operator"] = {name: value for name, value in operator.items() if value is not None}
    return body


NAMES: Final = {
    "capacity": KIND.name,
    "operator": "operator_name",
    "operator.name": "operator_name",
    "operator.uscc": "operator_uscc",
    "enterprise_id": OWNER.name,
}
"""Fields of the body that a row has under another name."""
