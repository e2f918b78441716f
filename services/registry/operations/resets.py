"""Editing a group of fields makes that group self-declared again, and no other."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.verification import groups_of
from services.registry.queries.verifications import lock_verifications


async def reset_groups(
    session: AsyncSession, subject_kind: str, subject: Any, fields: Iterable[str], now: datetime
) -> None:
    """End the verifications of the groups these fields belong to; the subject is locked and published after.

    Args:
        session: The business transaction.
        subject_kind: As `domain.verification.GROUPS` names it.
        subject: The entity; its `verified` loses the groups.
        fields: What was edited.
        now: The instant of the edit.
    """
    await reset_groups_of_all(session, subject_kind, [(subject, fields)], now)


async def reset_groups_of_all(
    session: AsyncSession, subject_kind: str, edits: Iterable[tuple[Any, Iterable[str]]], now: datetime
) -> None:
    """The same for many subjects, each with what was edited of it."""
    groups: dict[UUID, frozenset[str]] = {}
    for subject, fields in edits:
        edited = groups_of(subject_kind, fields) & subject.verified.keys()
        if edited:
            groups[subject.id] = edited
            subject.verified = {name: level for name, level in subject.verified.items() if name not in edited}
    for verification in await lock_verifications(session, groups) if groups else ():
        verification.ended_at, verification.end_cause = now, "edited"
