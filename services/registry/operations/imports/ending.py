"""How an import ends: its bytes are deleted and their key destroyed, its outcomes stay."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import ImportStatus
from services.registry.models import Import
from services.registry.operations.imports.pieces import drop_all
from services.registry.queries.imports import find_expired_import, find_import_for_update
from services.shared.personal import Vault
from services.shared.standards.check import Reason
from services.shared.writing import write


async def end_import(
    session: AsyncSession,
    vault: Vault,
    found: Import,
    status: ImportStatus,
    now: datetime,
    reason: Reason | None = None,
) -> None:
    """End a locked import."""
    found.status, found.ended_at = status.value, now
    if reason is not None:
        found.reason_code, found.reason_text = reason.code, f"{reason.zh} / {reason.en}"
    await write(session, {})
    await drop_all(session, vault, found)


async def fail_import(
    session: AsyncSession, vault: Vault, import_id: UUID, reason: Reason, now: datetime
) -> None:
    """End an import that cannot be worked on; one that has ended already stays as it is."""
    found = await find_import_for_update(session, import_id)
    if found is not None and found.ended_at is None:
        await end_import(session, vault, found, ImportStatus.FAILED, now, reason)


async def expire_import(session: AsyncSession, vault: Vault, now: datetime) -> bool:
    """End one import whose time is up; tell whether there was one."""
    found = await find_expired_import(session, now)
    if found is not None:
        await end_import(session, vault, found, ImportStatus.EXPIRED, now)
    return found is not None
