"""How a firm joins and how its standing changes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.enterprises import Standing, may_become
from services.registry.domain.secrets import digest, new_secret
from services.registry.errors import (
    ApplicationDecided,
    ApplicationOpen,
    CredentialsCollected,
    DemoRefused,
    EnterpriseRegistered,
    StandingUnchanged,
)
from services.registry.models import Enterprise, EnterpriseApplication, EnterpriseStanding
from services.registry.operations.principals import add_client
from services.registry.operations.publishing import publish_enterprise, publish_principal
from services.registry.queries.enterprises import (
    get_application_for_update,
    get_enterprise_for_update,
    get_open_enterprise,
)
from services.registry.queries.principals import lock_clients_of
from services.registry.queries.scopes import enter_applicant
from services.registry.schemas.clients import ClientSecretOut
from services.registry.schemas.enterprises import (
    ApprovalCreate,
    CredentialsRequest,
    EnterpriseApplicationCreate,
    EnterpriseApplicationReceipt,
    ReasonedDecision,
    StandingDecision,
)
from services.shared.auth import Principal, Role
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id
from services.shared.writing import write

_ADMITTED = StandingDecision(reason="准入审核通过 / admitted")


async def submit_application(
    session: AsyncSession, given: EnterpriseApplicationCreate, now: datetime
) -> EnterpriseApplicationReceipt:
    """Keep a firm's request; the receipt's reference code is shown this once.

    Nothing is told about other applications or firms: an official decides about doubles.
    """
    code = new_secret()
    application = EnterpriseApplication(
        id=new_id(),
        name=given.name,
        uscc=given.uscc,
        kind=given.kind.value,
        reference_hash=digest(code),
        status="submitted",
        submitted_at=now,
        version=1,
    )
    session.add(application)
    await write(session, {})
    columns = {name: getattr(application, name, None) for name in _RECEIPT}
    return EnterpriseApplicationReceipt.model_validate({**columns, "reference_code": code})


_RECEIPT = tuple(name for name in EnterpriseApplicationReceipt.model_fields if name != "reference_code")


async def approve_application(
    session: AsyncSession,
    official: Principal,
    application_id: UUID,
    given: ApprovalCreate,
    now: datetime,
    *,
    demo_allowed: bool,
) -> EnterpriseApplication:
    """Make an active enterprise of an application.

    Raises:
        NotFound: No such application.
        ApplicationDecided: It has been approved or rejected.
        DemoRefused: A demonstration tenant in the production profile.
        EnterpriseRegistered: A firm with this USCC exists.
    """
    if given.demo and not demo_allowed:
        raise DemoRefused
    application = await _decide(session, official, application_id, "approved", now)
    enterprise = Enterprise(
        id=new_id(),
        name=application.name,
        uscc=application.uscc,
        kind=application.kind,
        is_demo=given.demo,
        version=0,
        created_at=now,
    )
    await _put_standing(session, enterprise, Standing.ACTIVE, _ADMITTED, official, now)
    application.enterprise_id = enterprise.id
    await write(session, {})
    return application


async def reject_application(
    session: AsyncSession, official: Principal, application_id: UUID, given: ReasonedDecision, now: datetime
) -> EnterpriseApplication:
    """Reject an application with its cause.

    Raises:
        NotFound: No such application.
        ApplicationDecided: It has been approved or rejected.
    """
    application = await _decide(session, official, application_id, "rejected", now)
    application.reason = given.reason
    await write(session, {})
    return application


async def _decide(
    session: AsyncSession, official: Principal, application_id: UUID, status: str, now: datetime
) -> EnterpriseApplication:
    application = await get_application_for_update(session, application_id)
    if application.status != "submitted":
        raise ApplicationDecided
    application.status = status
    application.decided_at = now
    application.decided_by = official.subject
    application.version += 1
    return application


async def collect_credentials(
    session: AsyncSession, application_id: UUID, given: CredentialsRequest, now: datetime
) -> ClientSecretOut:
    """Hand the approved firm its client, once.

    Raises:
        NotFound: No application with this id and reference code.
        ApplicationOpen: It is not approved.
        CredentialsCollected: It was done before.
        EnterpriseSuspended: The firm has been closed since.
    """
    reference = digest(given.reference_code)
    await enter_applicant(session, reference)
    application = await get_application_for_update(session, application_id, reference)
    if application.client_id is not None:
        raise CredentialsCollected
    if application.enterprise_id is None:
        raise ApplicationOpen
    await get_open_enterprise(session, application.enterprise_id)
    credentials = await add_client(
        session, application.name, Role.enterprise.value, application.enterprise_id, now
    )
    application.client_id = credentials.client_id
    application.version += 1
    await write(session, {})
    return credentials


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
    await _put_standing(session, enterprise, target, given, official, now)
    if target is Standing.CLOSED:
        for client in await lock_clients_of(session, enterprise_id):
            client.status = "disabled"
            await publish_principal(session, client, now)
    return enterprise


async def _put_standing(
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
        decided_at=now,
    )
    refusals = {"uq_enterprises_uscc": EnterpriseRegistered}
    await publish_enterprise(session, enterprise, decision, now, refusals)
