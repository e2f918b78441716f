"""Identifiers: UUIDv7 (RFC 9562), so that keys grow with time and indexes stay dense."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """Return a new UUIDv7."""
    return uuid7()
