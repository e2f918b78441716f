"""How a firm joins: its application, an official's decision, its first credentials."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.enterprises import Standing
from services.registry.domain.secrets import digest, new_secret
from services.registry.errors import (
    ApplicationDecided,
    ApplicationOpen,
    CredentialsCollected,
    DemoRefused,
)
from services.registry.models import Enterprise, EnterpriseApplication
from services.registry.operations.contacts import keep_contacts
from services.registry.operations.documents import erase_document
from services.registry.operations.enterprises import put_standing
from services.registry.operations.principals import add_client
from services.registry.queries.contacts import read_contacts
from services.registry.queries.documents import lock_documents_of_application
from services.registry.queries.enterprises import get_application_for_update, get_open_enterprise
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
from services.shared.ids import new_id
from services.shared.personal import Vault
from services.shared.writing import write

_ADMITTED = StandingDecision(reason="准入审核通过 / admitted")


async def submit_application(
    session: AsyncSession, vault: Vault, given: EnterpriseApplicationCreate, now: datetime
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
        address=given.address,
        reference_hash=digest(code),
        status="submitted",
        submitted_at=now,
        version=1,
    )
    session.add(application)
    await write(session, {})
    await keep_contacts(session, vault, application.id, None, given.contacts)
    columns = {name: getattr(application, name, None) for name in _RECEIPT}
    return EnterpriseApplicationReceipt.model_validate({**columns, "reference_code": code})


_RECEIPT = tuple(name for name in EnterpriseApplicationReceipt.model_fields if name != "reference_code")


async def approve_application(
    session: AsyncSession,
    vault: Vault,
    official: Principal,
    application_id: UUID,
    given: ApprovalCreate,
    now: datetime,
    *,
    demo_allowed: bool,
) -> EnterpriseApplication:
    """Make an active enterprise of an application; its contacts and evidence become the firm's.

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
        address=application.address,
        verified={},
        is_demo=given.demo,
        version=0,
        created_at=now,
    )
    await put_standing(session, enterprise, Standing.ACTIVE, _ADMITTED, official, now)
    application.enterprise_id = enterprise.id
    await write(session, {})
    await _hand_over(session, vault, application.id, enterprise.id)
    return application


async def _hand_over(session: AsyncSession, vault: Vault, application_id: UUID, enterprise_id: UUID) -> None:
    """Make an applicant's contacts and documents the firm's."""
    contacts = await read_contacts(session, vault, [application_id])
    await keep_contacts(session, vault, enterprise_id, enterprise_id, contacts[application_id])
    await vault.erase(session, application_id)
    for document in await lock_documents_of_application(session, application_id):
        document.application_id, document.enterprise_id = None, enterprise_id
        await vault.hand_over(session, document.id, enterprise_id)
    await write(session, {})


async def reject_application(
    session: AsyncSession,
    vault: Vault,
    official: Principal,
    application_id: UUID,
    given: ReasonedDecision,
    now: datetime,
) -> EnterpriseApplication:
    """Reject an application with its cause; its contacts and the bytes of its evidence are erased at once.

    Raises:
        NotFound: No such application.
        ApplicationDecided: It has been approved or rejected.
    """
    application = await _decide(session, official, application_id, "rejected", now)
    application.reason = given.reason
    await write(session, {})
    await vault.erase(session, application_id)
    for document in await lock_documents_of_application(session, application_id):
        await erase_document(session, vault, document, now)
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
    application.decided_by_name = official.name
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
