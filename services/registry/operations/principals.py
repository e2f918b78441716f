"""Clients and staff accounts: made, given a new secret, disabled."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.scopes import may_read_personal_data
from services.registry.domain.secrets import digest, new_secret
from services.registry.errors import ClientDisabled, UsernameTaken
from services.registry.models import Client, StaffAccount
from services.registry.operations.passwords import Passwords, hash_password
from services.registry.operations.publishing import publish_principal
from services.registry.queries.enterprises import get_open_enterprise
from services.registry.queries.principals import (
    find_staff_account,
    get_client_for_update,
    get_staff_account_for_update,
)
from services.registry.schemas.clients import ClientCreate, ClientScopes, ClientSecretOut
from services.registry.schemas.staff import StaffAccountCreate, StaffAccountCreated, StaffAccountOut
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id

FIRST_ADMIN = StaffAccountCreate(
    username="admin", display_name="平台管理员", role="transport_bureau", scopes=["admin"]
)
"""The account a new deployment starts with."""


async def create_client(session: AsyncSession, given: ClientCreate, now: datetime) -> ClientSecretOut:
    """Make a client for an office, a partner or a firm; the secret is returned this once.

    Raises:
        NotFound: There is no such firm.
        EnterpriseSuspended: The firm is closed.
    """
    if given.enterprise_id is not None:
        await get_open_enterprise(session, given.enterprise_id)
    return await add_client(session, given.name, given.role, given.enterprise_id, now, given.scopes)


async def add_client(
    session: AsyncSession,
    name: str,
    role: str,
    enterprise_id: UUID | None,
    now: datetime,
    scopes: Collection[str] = (),
) -> ClientSecretOut:
    """Make a client and return its credentials."""
    secret = new_secret()
    client = Client(
        id=new_id(),
        name=name,
        role=role,
        enterprise_id=enterprise_id,
        secret_hash=digest(secret),
        scopes=[*scopes],
        status="active",
        version=0,
        created_at=now,
    )
    await publish_principal(session, client, now)
    return ClientSecretOut(client_id=client.id, client_secret=secret)


async def rotate_client_secret(session: AsyncSession, client_id: UUID, now: datetime) -> ClientSecretOut:
    """Give a client a new secret; the old one ends at once.

    Raises:
        NotFound: No such client.
        ClientDisabled: It is disabled.
    """
    client = await get_client_for_update(session, client_id)
    if client.status != "active":
        raise ClientDisabled
    secret = new_secret()
    client.secret_hash = digest(secret)
    await publish_principal(session, client, now)
    return ClientSecretOut(client_id=client.id, client_secret=secret)


async def set_client_scopes(
    session: AsyncSession, client_id: UUID, given: ClientScopes, now: datetime
) -> Client:
    """Set the further rights of a client's tokens; those it holds keep theirs to their end.

    Raises:
        NotFound: No such client.
        ClientDisabled: It is disabled.
        Unprocessable: Its role may not have one of them.
    """
    client = await get_client_for_update(session, client_id)
    if client.status != "active":
        raise ClientDisabled
    if "personal_data" in given.scopes and not may_read_personal_data(client.role):
        message = "该角色不得查阅个人信息 / this role may not read personal data"
        raise Unprocessable(errors=[FieldError("body.scopes", "scope_role", message)])
    client.scopes = list(dict.fromkeys(given.scopes))
    await publish_principal(session, client, now)
    return client


async def disable_client(session: AsyncSession, client_id: UUID, now: datetime) -> Client:
    """Disable a client everywhere; repeating it changes nothing.

    Raises:
        NotFound: No such client.
    """
    client = await get_client_for_update(session, client_id)
    await _disable(session, client, now)
    return client


async def create_staff_account(
    session: AsyncSession, passwords: Passwords, given: StaffAccountCreate, now: datetime
) -> StaffAccountCreated:
    """Make an account for a named official; its generated password is returned this once.

    Raises:
        UsernameTaken: The user name is in use.
    """
    password = new_secret()
    stored = await passwords.hash(password)
    account = await _add_staff_account(session, given, stored, now)
    out = StaffAccountOut.model_validate(account)
    return StaffAccountCreated(**out.model_dump(), password=password)


async def ensure_first_admin(session: AsyncSession, password: str, now: datetime) -> bool:
    """Make the account `admin` unless it exists; tell whether it was made."""
    if await find_staff_account(session, FIRST_ADMIN.username) is not None:
        return False
    await _add_staff_account(session, FIRST_ADMIN, hash_password(password), now)
    return True


async def _add_staff_account(
    session: AsyncSession, given: StaffAccountCreate, password_hash: str, now: datetime
) -> StaffAccount:
    account = StaffAccount(
        id=new_id(),
        username=given.username,
        display_name=given.display_name,
        role=given.role,
        scopes=[*given.scopes],
        password_hash=password_hash,
        status="active",
        version=0,
        created_at=now,
    )
    await publish_principal(session, account, now, {"uq_staff_accounts_username": UsernameTaken})
    return account


async def disable_staff_account(session: AsyncSession, account_id: UUID, now: datetime) -> StaffAccount:
    """Disable an account everywhere; repeating it changes nothing.

    Raises:
        NotFound: No such account.
    """
    account = await get_staff_account_for_update(session, account_id)
    await _disable(session, account, now)
    return account


async def _disable(session: AsyncSession, principal: Client | StaffAccount, now: datetime) -> None:
    if principal.status == "active":
        principal.status = "disabled"
        await publish_principal(session, principal, now)
