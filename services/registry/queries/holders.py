"""Entities that certificates and verifications are of, by their kind."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Enterprise, Vehicle
from services.shared.auth import Principal
from services.shared.errors import NotFound

_ENTITIES: Final[Mapping[str, Any]] = {"enterprise": Enterprise, "vehicle": Vehicle}


async def get_holder_for_update(session: AsyncSession, who: Principal, kind: str, holder_id: UUID) -> Any:
    """Return an entity the caller may see, locked.

    Raises:
        NotFound: Unknown, another's, or of another kind.
    """
    entity = _ENTITIES[kind]
    owner = entity.id if kind == "enterprise" else entity.enterprise_id
    statement = select(entity).where(entity.id == holder_id).with_for_update()
    if not who.is_bureau:
        statement = statement.where(owner == who.enterprise_id)
    found = await session.scalar(statement)
    if found is None:
        raise NotFound
    return found


def enterprise_of(kind: str, holder: Any) -> UUID:
    """Return the firm an entity belongs to; a firm is its own."""
    owner: UUID = holder.id if kind == "enterprise" else holder.enterprise_id
    return owner
