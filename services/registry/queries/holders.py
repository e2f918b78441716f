"""Entities that certificates and verifications are of, by their kind."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Driver, Enterprise, Vehicle
from services.shared.auth import Principal
from services.shared.errors import NotFound

_ENTITIES: Final[Mapping[str, Any]] = {"enterprise": Enterprise, "vehicle": Vehicle, "driver": Driver}


async def get_holder(session: AsyncSession, who: Principal, kind: str, holder_id: UUID) -> Any:
    """Return an entity the caller may see.

    Raises:
        NotFound: Unknown, another's, of another kind, or a person whose data were erased.
    """
    return await _found(session, _seen(who, kind, holder_id))


async def get_holder_for_update(session: AsyncSession, who: Principal, kind: str, holder_id: UUID) -> Any:
    """Return an entity the caller may see, locked.

    Raises:
        NotFound: Unknown, another's, of another kind, or a person whose data were erased.
    """
    return await _found(session, _seen(who, kind, holder_id).with_for_update())


def _seen(who: Principal, kind: str, holder_id: UUID) -> Select[Any]:
    entity = _ENTITIES[kind]
    statement = select(entity).where(entity.id == holder_id)
    if entity is Driver:
        statement = statement.where(Driver.status != "erased")
    if not who.is_bureau:
        owner = entity.id if kind == "enterprise" else entity.enterprise_id
        statement = statement.where(owner == who.enterprise_id)
    return statement


async def _found(session: AsyncSession, statement: Select[Any]) -> Any:
    found = await session.scalar(statement)
    if found is None:
        raise NotFound
    return found


def enterprise_of(kind: str, holder: Any) -> UUID:
    """Return the firm an entity belongs to; a firm is its own."""
    owner: UUID = holder.id if kind == "enterprise" else holder.enterprise_id
    return owner
