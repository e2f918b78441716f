"""Personal values at rest: one table a service, sealed under a key of each subject's own.

PERSONAL = personal_tables(Base.metadata)                          # models
create_personal_tables(op, "registry", sees, leaves)               # migration
vault = Vault("registry", PERSONAL, KeyRing.from_json(settings.personal_keys.get_secret_value()))

await vault.keep(session, subject_id, firm, {"name": "王强", "phone": "139…"}, indexed={"phone"})
values = await vault.read(session, [subject_id])
await vault.erase(session, subject_id)         # the key and every value are gone

Nothing of it is in an outbox, a feed, a log or an idempotency row: those carry the subject's id alone.
"""

from services.shared.personal.keys import KeyRing, UnreadableValue
from services.shared.personal.tables import PersonalTables, create_personal_tables, personal_tables
from services.shared.personal.vault import Kept, SubjectErased, Vault

__all__ = [
    "Kept",
    "KeyRing",
    "PersonalTables",
    "SubjectErased",
    "UnreadableValue",
    "Vault",
    "create_personal_tables",
    "personal_tables",
]
