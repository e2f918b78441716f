"""Two offices edit one thing: a change is based on the version its maker has seen."""

from typing import Protocol

from services.shared.errors import PreconditionFailed


class Versioned(Protocol):
    """An entity with a version."""

    version: int


def check_version(entity: Versioned, expected: int | None) -> None:
    """Refuse a change that is based on another version.

    Raises:
        PreconditionFailed: `expected` is not the locked entity's version.
    """
    if expected is not None and expected != entity.version:
        raise PreconditionFailed
