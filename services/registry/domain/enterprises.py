"""Kinds of enterprises, and which step may follow which standing."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final


class EnterpriseKind(StrEnum):
    """Kinds of firms in the programme."""

    CARRIER = "carrier"
    NETWORK_FREIGHT = "network_freight"
    EXPRESS = "express"
    SHIPPER = "shipper"
    WAREHOUSE = "warehouse"
    PARK = "park"
    TRICYCLE = "tricycle"


ENTERPRISE_KIND_NAMES: Final[dict[EnterpriseKind, tuple[str, str]]] = {
    EnterpriseKind.CARRIER: ("城市配送企业", "carrier"),
    EnterpriseKind.NETWORK_FREIGHT: ("网络货运经营者", "network freight operator"),
    EnterpriseKind.EXPRESS: ("快递企业", "express firm"),
    EnterpriseKind.SHIPPER: ("商贸流通企业（货主）", "shipper or retailer"),
    EnterpriseKind.WAREHOUSE: ("仓储企业", "warehouse"),
    EnterpriseKind.PARK: ("物流园区运营单位", "logistics park operator"),
    EnterpriseKind.TRICYCLE: ("快递三轮车运营单位", "express tricycle operator"),
}


class ContactRole(StrEnum):
    """What a contact of a firm is for."""

    LEGAL_REPRESENTATIVE = "legal_representative"
    OPERATIONS = "operations"
    SAFETY = "safety"
    PLATFORM = "platform"


CONTACT_ROLE_NAMES: Final[dict[ContactRole, tuple[str, str]]] = {
    ContactRole.LEGAL_REPRESENTATIVE: ("法定代表人", "legal representative"),
    ContactRole.OPERATIONS: ("业务联系人", "operations"),
    ContactRole.SAFETY: ("安全负责人", "safety"),
    ContactRole.PLATFORM: ("平台对接人", "platform integration"),
}


class Standing(StrEnum):
    """Standing of a firm; only an active one may write."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


_FROM: Final = {
    Standing.ACTIVE: frozenset({Standing.SUSPENDED}),
    Standing.SUSPENDED: frozenset({Standing.ACTIVE}),
    Standing.CLOSED: frozenset({Standing.ACTIVE, Standing.SUSPENDED}),
}


def in_force(decided: str, lapses: Sequence[str]) -> Standing:
    """Return the standing that holds: a licence that has run out suspends a firm that nobody suspended."""
    return Standing.SUSPENDED if decided == Standing.ACTIVE and lapses else Standing(decided)


def may_become(present: str, target: Standing) -> bool:
    """Tell whether a firm in standing `present` may be put into `target`; closed is final."""
    return present in _FROM[target]
