"""Reads of clients and staff accounts."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Client, StaffAccount
from services.shared.errors import NotFound
from services.shared.paging import page


async def find_client(session: AsyncSession, client_id: UUID) -> Client | None:
    """Return a client or None."""
    return await session.get(Client, client_id)


async def get_client_for_update(session: AsyncSession, client_id: UUID) -> Client:
    """Return a client, locked.

    Raises:
        NotFound: No such client.
    """
    client = await session.scalar(select(Client).where(Client.id == client_id).with_for_update())
    if client is None:
        raise NotFound
    return client


async def lock_clients_of(session: AsyncSession, enterprise_id: UUID) -> list[Client]:
    """Return a firm's active clients, locked."""
    statement = select(Client).where(Client.enterprise_id == enterprise_id, Client.status == "active")
    return list(await session.scalars(statement.order_by(Client.id).with_for_update()))


async def page_clients(
    session: AsyncSession, enterprise_id: UUID | None, cursor: str | None, limit: int
) -> tuple[list[Client], str | None]:
    """Return a page of clients, of one firm when asked."""
    statement = select(Client)
    if enterprise_id is not None:
        statement = statement.where(Client.enterprise_id == enterprise_id)
    return await page(session, statement, [Client.id], cursor, limit)


async def find_staff_account(session: AsyncSession, username: str) -> StaffAccount | None:
    """Return the account with this user name or None."""
    return await session.scalar(select(StaffAccount).where(StaffAccount.username == username))


async def get_staff_account_for_update(session: AsyncSession, account_id: UUID) -> StaffAccount:
    """Return a staff account, locked.

    Raises:
        NotFound: No such account.
    """
    statement = select(StaffAccount).where(StaffAccount.id == account_id).with_for_update()
    account = await session.scalar(statement)
    if account is None:
        raise NotFound
    return account


async def page_staff_accounts(
    session: AsyncSession, cursor: str | None, limit: int
) -> tuple[list[StaffAccount], str | None]:
    """Return a page of staff accounts."""
    return await page(session, select(StaffAccount), [StaffAccount.id], cursor, limit)
