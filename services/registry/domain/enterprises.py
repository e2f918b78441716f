"""Kinds of enterprises, and which step may follow which standing."""

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


def may_become(present: str, target: Standing) -> bool:
    """Tell whether a firm in standing `present` may be put into `target`; closed is final."""
    return present in _FROM[target]
