"""The checklist of express tricycles 快递三轮车 (四统一) as versioned data, and how a tricycle stands to it.

The plan names the principle and not its items, so the items are the city profile's; what an item may
require is named here (`domain.md` §5).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from services.registry.domain.standing import Days
from services.shared.standards.check import Reason


class TricycleStatus(StrEnum):
    """How far a tricycle's filing 备案 is."""

    PENDING = "pending"
    FILED = "filed"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one tricycle; days are the city's, both included."""

    brand: str | None
    code: str | None
    outlet: str | None
    frame_number: str | None
    motor_number: str | None
    tag_id: str | None
    gps_terminal_number: str | None
    meets_yzt_0136: bool
    livery_photo: bool
    responsibility_statement: bool
    insurance_policy_number: str | None
    insurance_insurer: str | None
    insurance_valid_to: date | None
    annual_check_valid_to: date | None
    rider_assigned: bool
    rider_active: bool
    rider_trained_on: date | None
    operator_active: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the checklist; all that it requires must hold."""

    code: str
    name_zh: str
    name_en: str
    requires: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checklist:
    """One version of the checklist, in force from a day until the next one's."""

    version: str
    valid_from: date
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class ItemResult:
    """How a tricycle stands to one item: met, or why not."""

    item: Item
    reasons: tuple[Reason, ...]

    @property
    def met(self) -> bool:
        """Whether nothing is missing."""
        return not self.reasons


_Holds = Callable[[Facts, date], bool]


def _reaches(last: date | None, today: date) -> bool:
    return last is not None and last >= today


_REQUIREMENTS: Final[dict[str, tuple[_Holds, str, str]]] = {
    "brand": (lambda f, _: bool(f.brand), "未登记品牌", "no brand is recorded"),
    "livery_photo": (lambda f, _: f.livery_photo, "缺少外观标识照片", "there is no photo of the livery"),
    "tag": (lambda f, _: bool(f.tag_id), "未安装电子标签", "no tag is recorded"),
    "gps_terminal": (lambda f, _: bool(f.gps_terminal_number), "未安装定位终端", "there is no GPS terminal"),
    "filing_number": (lambda f, _: bool(f.code), "尚未备案编号", "no filing number has been given"),
    "frame_number": (lambda f, _: bool(f.frame_number), "未登记车架号", "no frame number is recorded"),
    "motor_number": (lambda f, _: bool(f.motor_number), "未登记电机号", "no motor number is recorded"),
    "insurance_policy": (
        lambda f, _: bool(f.insurance_policy_number and f.insurance_insurer),
        "未登记保险单号和保险人",
        "policy and insurer are not recorded",
    ),
    "insurance_in_force": (
        lambda f, today: _reaches(f.insurance_valid_to, today),
        "保险未登记有效期或已过期",
        "the insurance has run out or its last day is not recorded",
    ),
    "standard_compliance": (
        lambda f, _: f.meets_yzt_0136,
        "车型不符合 YZ/T 0136",
        "the model does not meet YZ/T 0136",
    ),
    "annual_check": (
        lambda f, today: _reaches(f.annual_check_valid_to, today),
        "年度检查未登记或已过期",
        "the annual check has run out or is not recorded",
    ),
    "outlet": (lambda f, _: bool(f.outlet), "未登记所属网点", "no outlet is recorded"),
    "operator_active": (
        lambda f, _: f.operator_active,
        "所属企业非正常状态",
        "the operator's standing is not active",
    ),
    "responsibility_statement": (
        lambda f, _: f.responsibility_statement,
        "缺少安全管理责任书",
        "there is no statement of safety responsibility",
    ),
    "rider_assigned": (lambda f, _: f.rider_assigned, "未指定骑手", "no rider is assigned"),
    "rider_active": (
        lambda f, _: f.rider_active,
        "骑手未在职或未指定",
        "no rider in employment is assigned",
    ),
    "rider_trained": (
        lambda f, today: f.rider_trained_on is not None and f.rider_trained_on <= today,
        "骑手未登记安全培训",
        "no training of a rider is recorded",
    ),
}
REQUIREMENTS: Final = tuple(_REQUIREMENTS)
"""What an item of a checklist may require."""


def read_checklists(text: str) -> tuple[Checklist, ...]:
    """Return the versions of a city profile's checklist (JSON), by the day they come into force.

    Raises:
        ValueError: A member is missing, a requirement is unknown, a code or version is given twice.
    """
    try:
        found = [_checklist(version) for version in json.loads(text)["versions"]]
    except (KeyError, TypeError) as error:
        raise ValueError("not a checklist: a member is missing or has another type") from error
    if not found or len({each.version for each in found}) != len(found):
        raise ValueError("a checklist has at least one version, each of another name")
    found.sort(key=lambda each: each.valid_from)
    if len({each.valid_from for each in found}) != len(found):
        raise ValueError("two versions come into force on one day")
    return tuple(found)


def _checklist(data: Mapping[str, Any]) -> Checklist:
    items = tuple(
        Item(str(item["code"]), str(item["name_zh"]), str(item["name_en"]), tuple(item["requires"]))
        for item in data["items"]
    )
    unknown = {name for item in items for name in item.requires} - set(REQUIREMENTS)
    if unknown:
        raise ValueError(f"unknown requirements: {', '.join(sorted(unknown))}")
    if not items or len({item.code for item in items}) != len(items):
        raise ValueError("a checklist has items, each of another code")
    return Checklist(str(data["version"]), date.fromisoformat(data["valid_from"]), items)


def checklist_on(checklists: Sequence[Checklist], day: date) -> Checklist:
    """Return the version in force on a day; before the first one that one."""
    in_force = [each for each in checklists if each.valid_from <= day]
    return in_force[-1] if in_force else checklists[0]


def judge(checklist: Checklist, facts: Facts, today: date) -> list[ItemResult]:
    """Return how a tricycle stands to each item, with a reason for everything that is missing."""
    return [
        ItemResult(item, tuple(_reason(name) for name in item.requires if not _holds(name, facts, today)))
        for item in checklist.items
    ]


def _holds(name: str, facts: Facts, today: date) -> bool:
    return _REQUIREMENTS[name][0](facts, today)


def _reason(name: str) -> Reason:
    _, zh, en = _REQUIREMENTS[name]
    return Reason(f"tricycle.{name}", zh, en)


def days_of(insurance_valid_to: date | None, annual_check_valid_to: date | None) -> list[Days]:
    """Return the days that count for a tricycle's standing."""
    found = {"insurance": insurance_valid_to, "inspection": annual_check_valid_to}
    return [Days(kind, None, last) for kind, last in found.items() if last is not None]
