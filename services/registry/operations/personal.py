"""The registry's personal values: contacts, drivers, riders, complainants, the bytes of documents."""

from uuid import UUID

from services.registry.models import PERSONAL
from services.registry.settings import RegistrySettings
from services.shared.db import Database
from services.shared.personal import KeyRing, Vault

_BATCH = 200
_FIRST = UUID(int=0)


def open_vault(settings: RegistrySettings) -> Vault:
    """Return the vault of a process.

    Raises:
        ValueError: The ring of keys cannot be read.
    """
    return Vault("registry", PERSONAL, KeyRing.from_json(settings.personal_keys.get_secret_value()))


async def rewrap_all(database: Database, vault: Vault) -> None:
    """Bring every subject under the current ring key, a batch a transaction; nothing to do in most calls."""
    after: UUID | None = _FIRST if vault.is_rotating else None
    while after is not None:
        async with database.transaction() as session:
            after = await vault.rewrap(session, after, _BATCH)
