"""How a firm's standing and particulars change."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.enterprises import Standing, may_become
from services.registry.domain.verification import changed_fields
from services.registry.errors import EnterpriseRegistered, EnterpriseSuspended, StandingUnchanged
from services.registry.models import Enterprise, EnterpriseStanding
from services.registry.operations.contacts import keep_contacts
from services.registry.operations.publishing import publish_enterprise, publish_principal
from services.registry.operations.resets import reset_groups
from services.registry.operations.versions import check_version
from services.registry.queries.contacts import FIELD, read_contacts
from services.registry.queries.enterprises import get_enterprise, get_enterprise_for_update
from services.registry.queries.principals import lock_clients_of
from services.registry.schemas.enterprises import (
    EnterpriseUpdate,
    MembershipCreate,
    StandingDecision,
)
from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id
from services.shared.personal import Vault


async def change_standing(
    session: AsyncSession,
    official: Principal,
    enterprise_id: UUID,
    target: Standing,
    given: StandingDecision,
    now: datetime,
) -> Enterprise:
    """Suspend, reinstate or close a firm; closing disables its clients.

    Raises:
        NotFound: No such firm.
        StandingUnchanged: Its standing does not allow the step.
        Unprocessable: `effective_at` lies in the future or before the standing in force.
    """
    enterprise = await get_enterprise_for_update(session, enterprise_id)
    if not may_become(enterprise.status, target):
        raise StandingUnchanged
    since = given.effective_at or now
    if not enterprise.standing_since <= since <= now:
        message = "不能晚于现在或早于当前状态的生效时间 / not in the future, nor before the present standing"
        raise Unprocessable(errors=[FieldError("body.effective_at", "effective_at", message)])
    await put_standing(session, enterprise, target, given, official, now)
    if target is Standing.CLOSED:
        for client in await lock_clients_of(session, enterprise_id):
            client.status = "disabled"
            await publish_principal(session, client, now)
    return enterprise


async def put_standing(
    session: AsyncSession,
    enterprise: Enterprise,
    standing: Standing,
    given: StandingDecision,
    official: Principal,
    now: datetime,
) -> None:
    """Write a new or locked firm with its standing, and the decision that made it so."""
    enterprise.status = standing.value
    enterprise.standing_reason = given.reason
    enterprise.standing_since = given.effective_at or now
    decision = EnterpriseStanding(
        id=new_id(),
        enterprise_id=enterprise.id,
        status=standing.value,
        reason=given.reason,
        effective_at=enterprise.standing_since,
        decided_by=official.subject,
        decided_by_name=official.name,
        decided_at=now,
    )
    refusals = {"uq_enterprises_uscc": EnterpriseRegistered}
    await publish_enterprise(session, enterprise, now, decision=decision, refusals=refusals)


async def update_enterprise(
    session: AsyncSession,
    vault: Vault,
    who: Principal,
    enterprise_id: UUID,
    given: EnterpriseUpdate,
    expected: int | None,
    now: datetime,
) -> Enterprise:
    """Replace what a firm says of itself; a group of fields that changed is self-declared again.

    Raises:
        NotFound: Unknown or another's.
        EnterpriseSuspended: A firm that is not active writes about itself.
        PreconditionFailed: `expected` is not its version.
    """
    await get_enterprise(session, who, enterprise_id)
    enterprise = await get_enterprise_for_update(session, enterprise_id)
    if not who.is_bureau and enterprise.status != Standing.ACTIVE:
        raise EnterpriseSuspended
    check_version(enterprise, expected)
    contacts = (await read_contacts(session, vault, [enterprise_id]))[enterprise_id]
    before = {"name": enterprise.name, "kind": enterprise.kind, "address": enterprise.address}
    after = {"name": given.name, "kind": given.kind.value, "address": given.address}
    for name, value in after.items():
        setattr(enterprise, name, value)
    kept = contacts if given.contacts is None else given.contacts
    changed = changed_fields({**before, FIELD: contacts}, {**after, FIELD: kept})
    await keep_contacts(session, vault, enterprise_id, enterprise_id, kept)
    await reset_groups(session, "enterprise", enterprise, changed, now)
    await publish_enterprise(session, enterprise, now)
    return enterprise


async def set_membership(
    session: AsyncSession, enterprise_id: UUID, given: MembershipCreate, now: datetime
) -> Enterprise:
    """Say since and until when a firm is a member of the programme.

    Raises:
        NotFound: No such firm.
    """
    enterprise = await get_enterprise_for_update(session, enterprise_id)
    enterprise.member_from, enterprise.member_to = given.member_from, given.member_to
    await publish_enterprise(session, enterprise, now)
    return enterprise
