"""What a caller without a token may see: it takes on a narrow row-level scope by what it shows."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_TAKE = text("SELECT set_config('app.role', :role, true), set_config('app.subject', :subject, true)")


async def enter_sign_in(session: AsyncSession) -> None:
    """Let this transaction read principals, to check a secret or a password."""
    await session.execute(_TAKE, {"role": "sign_in", "subject": ""})


async def enter_applicant(session: AsyncSession, reference_hash: bytes) -> None:
    """Let this transaction see the one application with this reference code, and its firm's clients."""
    await session.execute(_TAKE, {"role": "applicant", "subject": reference_hash.hex()})


async def enter_complaint_intake(session: AsyncSession) -> None:
    """Let this transaction match what a stranger reports to the registry, and keep the new complaint."""
    await session.execute(_TAKE, {"role": "complaint_intake", "subject": ""})


async def enter_complainant(session: AsyncSession, reference_hash: bytes) -> None:
    """Let this transaction see the one complaint with this reference code, and erase its contact."""
    await session.execute(_TAKE, {"role": "complainant", "subject": reference_hash.hex()})
