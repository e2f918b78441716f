"""Row-level scopes that a transaction takes on.

A caller without a token takes on a narrow one, by what it shows.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_TAKE = text("SELECT set_config('app.role', :role, true), set_config('app.subject', :subject, true)")
_TAKE_OFFICE = text("SELECT set_config('app.role', 'transport_bureau', true)")


async def enter_sign_in(session: AsyncSession) -> None:
    """Let this transaction read principals, to check a secret or a password."""
    await session.execute(_TAKE, {"role": "sign_in", "subject": ""})


async def enter_applicant(session: AsyncSession, reference_hash: bytes) -> None:
    """Let this transaction see the one application with this reference code, and its firm's clients."""
    await session.execute(_TAKE, {"role": "applicant", "subject": reference_hash.hex()})


async def enter_erasure(session: AsyncSession) -> None:
    """Let this transaction see as the offices do: what names a person's evidence, whoever's it is.

    Only after the caller's right to erase the person has been told.
    """
    await session.execute(_TAKE_OFFICE)


async def enter_complaint_intake(session: AsyncSession) -> None:
    """Let this transaction match what a stranger reports to the registry, and keep the new complaint."""
    await session.execute(_TAKE, {"role": "complaint_intake", "subject": ""})


async def enter_complainant(session: AsyncSession, reference_hash: bytes) -> None:
    """Let this transaction see the one complaint with this reference code, and erase its contact."""
    await session.execute(_TAKE, {"role": "complainant", "subject": reference_hash.hex()})
