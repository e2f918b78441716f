"""Following a feed of a service to the left: a local copy that is always the source's state at one position."""

from services.shared.follow.tables import follow_tables

__all__ = ["follow_tables"]
