"""What is followed, and what arrives: a source, its changes, a cursor into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Source:
    """A feed of a service to the left.

    Args:
        name: The service (`registry`).
        client: `internal_client(settings.registry_url, service_key)` of `services.shared.http`.
        kinds: The kinds copied here and the models they are read with; other kinds and unknown fields
            are ignored.
        copy_version: Raise it when the copy must hold more than it does: it is then built again.
    """

    name: str
    client: httpx.AsyncClient
    kinds: Mapping[str, type[BaseModel]]
    copy_version: int = 1


@dataclass(frozen=True, slots=True)
class Change:
    """The state of one entity at one version; `state` is an instance of the source's model of its kind.

    A deleted entity carries its last state. `version` rises with every change of the entity.
    """

    kind: str
    id: UUID
    version: int
    pos: int
    recorded_at: datetime
    deleted: bool
    state: Any


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a source was followed; the digest proves that it is the same history."""

    feed_id: UUID
    pos: int
    digest: bytes
    copy_version: int
