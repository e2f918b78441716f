"""What is missing for allowed: the obstacles of permits and exemptions, in both languages."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from services.shared.rules.conditions import FACT_NAMES
from services.shared.rules.records import Effect, Exemption, GrantStatus, Permit, Rule
from services.shared.rules.schedule import Moment
from services.shared.standards.check import Reason

_OBSTACLES: Final[dict[str, tuple[str, str]]] = {
    "suspended": ("已暂停", "is suspended"),
    "revoked": ("已撤销", "is revoked"),
    "expired": ("已过期", "has expired"),
    "not_yet_valid": ("尚未生效", "is not yet valid"),
    "outside_hours": ("不在允许的日期或时段内", "does not cover this day or hour"),
    "wrong_type": ("类型不适用于该规则", "is not of a type that lifts this rule"),
}


def fits(rule: Rule, permit: Permit) -> bool:
    """Tell whether the permit is of a type that lifts the rule."""
    return not rule.permit_types or permit.permit_type in rule.permit_types


def obstacle(grant: Permit | Exemption, moment: Moment) -> str | None:
    """Say why a grant lifts nothing at the moment; None when it is in force."""
    if grant.status is not GrantStatus.ACTIVE:
        return grant.status.value
    if moment.instant < grant.validity.start:
        return "not_yet_valid"
    if not grant.validity.contains(moment.instant):
        return "expired"
    return None if grant.schedule.holds(moment) else "outside_hours"


def why_barred(
    rule: Rule, permits: Sequence[Permit], exemptions: Sequence[Exemption], moment: Moment
) -> Iterator[Reason]:
    """Say what an unlifted rule asks for, and what keeps each grant the vehicle has here from giving it."""
    if rule.effect is Effect.BAN:
        yield Reason("banned", f"规则 {rule.code} 禁止通行", f"rule {rule.code} bans the vehicle")
        yield from _obstacles("exemption", "豁免", exemptions, moment)
        return
    yield Reason("permit_required", f"规则 {rule.code} 要求通行证", f"rule {rule.code} requires a permit")
    for permit in permits:
        if fits(rule, permit):
            yield from _obstacles("permit", "通行证", [permit], moment)
        else:
            yield _reason("permit", "通行证", permit.code, "wrong_type")


def missing_facts(facts: Iterable[str]) -> tuple[Reason, ...]:
    """Name the facts without which no answer is possible."""
    return tuple(
        Reason(
            f"missing_fact.{fact}",
            f"缺少车辆信息：{FACT_NAMES[fact][0]}",
            f"the vehicle's {FACT_NAMES[fact][1]} is unknown",
        )
        for fact in sorted(facts)
    )


def _obstacles(
    kind: str, kind_zh: str, grants: Sequence[Permit | Exemption], moment: Moment
) -> Iterator[Reason]:
    for grant in grants:
        found = obstacle(grant, moment)
        if found is not None:
            yield _reason(kind, kind_zh, grant.code, found)


def _reason(kind: str, kind_zh: str, code: str, found: str) -> Reason:
    zh, en = _OBSTACLES[found]
    return Reason(f"{kind}_{found}", f"{kind_zh} {code} {zh}", f"{kind} {code} {en}")
