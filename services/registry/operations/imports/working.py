"""One import worked on to its next halt: what its status asks for, and how what goes wrong is told."""

from datetime import datetime
from typing import Final
from uuid import UUID

from services.registry.domain.imports import MAX_ATTEMPTS, ImportStatus
from services.registry.domain.sheets import SheetRefused
from services.registry.errors import ImportDamaged, ImportNotReady
from services.registry.models import Import
from services.registry.operations.imports.applying import apply_import
from services.registry.operations.imports.catalogue import ENTITIES
from services.registry.operations.imports.checking import check_import
from services.registry.operations.imports.ending import fail_import
from services.registry.queries.imports import find_import_for_update
from services.shared.db import Database
from services.shared.personal import Vault
from services.shared.standards.check import Reason

TOO_MUCH_MEMORY: Final = Reason(
    "too_much_memory", "处理此文件所需内存过多，请分成几个文件", "it needs too much memory; split it"
)
TOO_LONG: Final = Reason("too_long", "处理此文件用时过长，请分成几个文件", "it takes too long; split it")
_INTERRUPTED: Final = Reason(
    "interrupted", "处理多次中断，请重新上传", "its work was interrupted too often; upload it again"
)
_DAMAGED: Final = Reason(ImportDamaged.slug, ImportDamaged.title_zh, ImportDamaged.title_en)


async def work_on_import(database: Database, vault: Vault, import_id: UUID, now: datetime) -> None:
    """Check or apply an import; what is wrong with the file ends it with its reason.

    Raises:
        RacedByAnother: Nothing was done; it may be begun again.
    """
    found = await _begin(database, vault, import_id, now)
    if found is None:
        return
    entity = ENTITIES[found.entity]
    work = check_import if found.status == ImportStatus.CHECKING else apply_import
    try:
        await work(database, vault, entity, found, now)
    except SheetRefused as refusal:
        reason = refusal.reason
    except ImportDamaged:
        reason = _DAMAGED
    except MemoryError:
        reason = TOO_MUCH_MEMORY
    except ImportNotReady:
        return
    else:
        return
    async with database.transaction() as session:
        await fail_import(session, vault, import_id, reason, now)


async def _begin(database: Database, vault: Vault, import_id: UUID, now: datetime) -> Import | None:
    """Count the attempt; return the import unless there is nothing to do or it was tried too often."""
    async with database.transaction() as session:
        found = await find_import_for_update(session, import_id)
        if found is None or found.status not in {ImportStatus.CHECKING, ImportStatus.APPLYING}:
            return None
        if found.attempts >= MAX_ATTEMPTS:
            await fail_import(session, vault, import_id, _INTERRUPTED, now)
            return None
        found.attempts += 1
    return found
