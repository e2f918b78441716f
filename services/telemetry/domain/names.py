"""Ids of conclusions: UUIDv5 (RFC 9562 §5.5) of what they are about and what tells them apart."""

from functools import lru_cache
from uuid import UUID, uuid5


@lru_cache(maxsize=65_536)
def name_of(about: UUID, told_apart_by: str) -> UUID:
    """Give the id; a walk asks for the same ones again and again."""
    return uuid5(about, told_apart_by)
