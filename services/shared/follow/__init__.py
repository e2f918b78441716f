"""Following a feed of a service to the left: a local copy that is always the source's state at one position.

follow_cursors = follow_tables(Base.metadata)               # models.py; create_follow(op, …) in the migration
registry = Source(
"registry", internal_client(settings.registry_url, key), {"vehicle": VehicleState}, copy_version=1
)

async def apply(session, change):
await upsert_copy(session, VehicleCopy.__table__, change, plate_number=change.state.plate_number, …)

async def reset(session):
await session.execute(delete(VehicleCopy))

await run_follower(database, follow_cursors, registry, apply, stop, reset=reset)
"""

from services.shared.follow.copies import upsert_copy
from services.shared.follow.follower import run_follower
from services.shared.follow.source import Change, Source
from services.shared.follow.tables import follow_tables

__all__ = ["Change", "Source", "follow_tables", "run_follower", "upsert_copy"]
