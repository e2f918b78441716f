"""Who signs in: clients at the token endpoint, named officials with a password."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.scopes import grant
from services.registry.domain.secrets import matches
from services.registry.domain.token_request import OAuthError, TokenRequest
from services.registry.errors import SignInRefused
from services.registry.models import Client
from services.registry.operations.passwords import Passwords
from services.registry.queries.principals import find_client, find_staff_account
from services.registry.queries.scopes import enter_sign_in
from services.registry.schemas.clients import TokenOut
from services.registry.schemas.staff import StaffSessionCreate
from services.shared.auth import AccessTokenIssuer, Principal, Role
from services.shared.db import Database

_NO_SECRET = bytes(32)


async def issue_client_token(
    session: AsyncSession, issuer: AccessTokenIssuer, given: TokenRequest, now: datetime
) -> TokenOut:
    """Return a token for a client that shows its secret (RFC 6749 section 4.4).

    A client of a suspended firm still gets one: it may read its own and appeal.

    Raises:
        OAuthError: Unknown client, wrong secret or disabled, never told apart; or a scope it has not.
    """
    await enter_sign_in(session)
    client = await _client(session, given.credentials.client_id)
    right = matches(given.credentials.client_secret, client.secret_hash if client else _NO_SECRET)
    if client is None or not right or client.status != "active":
        raise OAuthError("invalid_client", "unknown client, wrong secret or disabled")
    scopes = grant(given.scopes, client.scopes)
    if scopes is None:
        raise OAuthError("invalid_scope", "a scope was asked for that the client has not")
    principal = Principal(
        subject=str(client.id),
        role=Role(client.role),
        enterprise_id=client.enterprise_id,
        client_id=str(client.id),
        scopes=scopes,
    )
    return _token(issuer, principal, now)


async def _client(session: AsyncSession, client_id: str) -> Client | None:
    try:
        return await find_client(session, UUID(client_id))
    except ValueError:
        return None


async def sign_in_staff(
    database: Database,
    passwords: Passwords,
    issuer: AccessTokenIssuer,
    given: StaffSessionCreate,
    now: datetime,
) -> TokenOut:
    """Return a token for a named official.

    The account is read in a short transaction of its own: no connection waits while argon2 works.

    Raises:
        SignInRefused: Unknown account, wrong password or disabled.
        TooManyRequests: Too many sign-ins are waiting.
    """
    async with database.transaction(readonly=True) as session:
        await enter_sign_in(session)
        account = await find_staff_account(session, given.username)
    right = await passwords.verify(account.password_hash if account else None, given.password)
    if account is None or not right or account.status != "active":
        raise SignInRefused
    principal = Principal(
        subject=str(account.id),
        role=Role(account.role),
        name=account.display_name,
        scopes=frozenset(account.scopes),
    )
    return _token(issuer, principal, now)


def _token(issuer: AccessTokenIssuer, principal: Principal, now: datetime) -> TokenOut:
    token, lifetime = issuer.issue(principal, at=now.timestamp())
    return TokenOut(access_token=token, expires_in=lifetime, scope=" ".join(sorted(principal.scopes)))
