"""The change feed of a service: outbox → one sequencer → dense, chained positions → followers.

feed = Feed("permits", Base.metadata)                       # models.py
create_feed(op, "permits")                                  # migration, see ddl.py
await feed.record(session, kind="permit", entity_id=…, version=…, state=PermitState(…))
create_service_app(…, routers=[…, feed_router(feed)])       # api
run("permits-worker", settings, partial(run_sequencer, feed, database), …)
await compact(feed, database, service_key, now)             # daily, in the worker
"""

from services.shared.changes.canonical import NotRecordable, canonical_bytes
from services.shared.changes.chain import GENESIS, ChainBroken, Entry, next_digest
from services.shared.changes.compaction import compact
from services.shared.changes.errors import FeedCompacted, FeedForked
from services.shared.changes.feed import Feed
from services.shared.changes.router import feed_router
from services.shared.changes.sequencer import run_sequencer
from services.shared.changes.verification import Verified, verify_feed

__all__ = [
    "GENESIS",
    "ChainBroken",
    "Entry",
    "Feed",
    "FeedCompacted",
    "FeedForked",
    "NotRecordable",
    "Verified",
    "canonical_bytes",
    "compact",
    "feed_router",
    "next_digest",
    "run_sequencer",
    "verify_feed",
]
