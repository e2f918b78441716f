"""The change feed of a service: outbox → one sequencer → dense, chained positions → followers."""

from services.shared.changes.tables import FeedTables, feed_tables

__all__ = ["FeedTables", "feed_tables"]
