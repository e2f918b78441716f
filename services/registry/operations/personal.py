"""The registry's personal values: contacts, drivers, riders, complainants, the bytes of documents."""

from services.registry.models import PERSONAL
from services.registry.settings import RegistrySettings
from services.shared.personal import KeyRing, Vault


def open_vault(settings: RegistrySettings) -> Vault:
    """Return the vault of a process.

    Raises:
        ValueError: The ring of keys cannot be read.
    """
    return Vault("registry", PERSONAL, KeyRing.from_json(settings.personal_keys.get_secret_value()))
