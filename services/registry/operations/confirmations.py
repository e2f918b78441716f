"""An authority's plain yes becomes a verification; nothing is open while it is asked."""

from datetime import datetime
from typing import Any, Final

from services.registry.clients import Logink
from services.registry.domain.authority import Finding, Outcome
from services.registry.domain.verification import Level
from services.registry.errors import SubjectChanged
from services.registry.operations.authority import ask_about_enterprise, ask_about_vehicle
from services.registry.operations.verifications import Voucher, vouch
from services.registry.queries.holders import get_holder, get_holder_for_update
from services.registry.schemas.authority import ConfirmationCreate, ConfirmationOut
from services.registry.schemas.verifications import VerificationOut
from services.shared.auth import Principal
from services.shared.db import Database

_ASKED_ABOUT: Final = {
    "enterprise": ("identity", ("name", "uscc")),
    "vehicle": ("plate", ("plate_number", "plate_color")),
}
"""The group that the question is about, and its fields; a yes is about these values and no others."""


async def confirm_by_authority(
    database: Database,
    authority: Logink | None,
    official: Principal,
    given: ConfirmationCreate,
    now: datetime,
) -> ConfirmationOut:
    """Ask the authority about a firm or a vehicle; a plain yes verifies the group the question named.

    Raises:
        NotFound: No such entity.
        AuthorityNotConfigured: There are no credentials.
        SubjectChanged: What was asked about changed meanwhile: the yes is about something else.
    """
    kind = given.subject_kind
    async with database.transaction(official.db_scope, readonly=True) as session:
        asked = _named(kind, await get_holder(session, official, kind, given.subject_id))
    finding = await _ask(kind, authority, asked, now)
    made: VerificationOut | None = None
    if finding.outcome is Outcome.CONFIRMED:
        async with database.transaction(official.db_scope) as session:
            subject = await get_holder_for_update(session, official, kind, given.subject_id)
            if _named(kind, subject) != asked:
                raise SubjectChanged
            voucher = Voucher(
                official.subject,
                f"{finding.source}（{official.name}）",
                Level.CONFIRMED_BY_AUTHORITY.value,
                finding.source,
                finding.reference or None,
            )
            verification = await vouch(session, (kind, subject), _ASKED_ABOUT[kind][0], voucher, now)
            made = VerificationOut.model_validate(verification)
    return ConfirmationOut(
        outcome=finding.outcome,
        asked_at=finding.asked_at,
        source=finding.source,
        reference=finding.reference,
        detail=finding.detail,
        verification=made,
    )


def _named(kind: str, subject: Any) -> tuple[Any, ...]:
    return tuple(getattr(subject, name) for name in _ASKED_ABOUT[kind][1])


async def _ask(kind: str, authority: Logink | None, asked: tuple[Any, ...], now: datetime) -> Finding:
    if kind == "enterprise":
        return await ask_about_enterprise(authority, asked[0], asked[1], now)
    return await ask_about_vehicle(authority, asked[0], asked[1], now)
