"""Who may see a row: the `where` behind which row-level security stands once more."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.errors import EnterpriseNotActive
from services.matching.models import EnterpriseCopy, Load
from services.shared.auth import Principal

_NOBODY = UUID(int=0)


def firm_of(who: Principal) -> UUID:
    """Return the firm a caller acts for; one that names none acts for none there is (never for NULL)."""
    return who.enterprise_id or _NOBODY


def is_party(who: Principal, table: Any) -> ColumnElement[bool]:
    """Rows of which the caller is shipper or carrier; all for a bureau."""
    if who.is_bureau:
        return true()
    return or_(table.shipper_id == firm_of(who), table.carrier_id == firm_of(who))


def may_see_load(who: Principal) -> ColumnElement[bool]:
    """Loads of a party, and open loads of active shippers for every active firm."""
    return or_(
        is_party(who, Load),
        (Load.status == "open") & _is_active(firm_of(who)) & _is_active(Load.shipper_id),
    )


def _is_active(enterprise_id: Any) -> ColumnElement[bool]:
    return exists(
        select(EnterpriseCopy.id).where(EnterpriseCopy.id == enterprise_id, EnterpriseCopy.status == "active")
    )


async def get_active_enterprise(session: AsyncSession, who: Principal) -> EnterpriseCopy:
    """Return the caller's own firm, which must be active to take part.

    Raises:
        EnterpriseNotActive: It is suspended, closed, or not known here yet.
    """
    found = await session.scalar(
        select(EnterpriseCopy).where(EnterpriseCopy.id == firm_of(who), EnterpriseCopy.status == "active")
    )
    if found is None:
        raise EnterpriseNotActive
    return found


async def is_demo_enterprise(session: AsyncSession, enterprise_id: UUID) -> bool:
    """Tell whether a firm is a tenant of the simulation."""
    return bool(
        await session.scalar(select(EnterpriseCopy.is_demo).where(EnterpriseCopy.id == enterprise_id))
    )
