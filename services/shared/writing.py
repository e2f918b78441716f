"""Writing rows whose constraints speak: a broken one becomes the refusal a caller understands."""

from collections.abc import Mapping

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.db import constraint_of
from services.shared.errors import ServiceError

Refusals = Mapping[str, type[ServiceError]]
"""Constraint name → the refusal a caller gets when a row breaks it."""


async def write(session: AsyncSession, refusals: Refusals) -> None:
    """Flush, turning a broken constraint into its refusal.

    Raises:
        ServiceError: As `refusals` says.
    """
    try:
        await session.flush()
    except IntegrityError as error:
        refusal = refusals.get(constraint_of(error) or "")
        if refusal is None:
            raise
        raise refusal from error
