"""Reading terminals and bindings."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, cast, or_, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal, Role
from services.shared.paging import page
from services.telemetry.errors import TerminalNotFound, VehicleNotFound
from services.telemetry.models import Enterprise, Terminal, TerminalBinding, Vehicle

KEYS_OF_NUMBERS = (
    "SELECT terminal_number, terminal_key FROM telemetry.terminals"
    " WHERE terminal_number = any($1) AND kind <> 'bridge'"
)
BRIDGED = """
    SELECT p.sender, p.number, s.terminal_key AS sender_key, s.kind = 'bridge' AS is_bridge, t.terminal_key
    FROM unnest($1::text[], $2::text[]) AS p(sender, number)
    LEFT JOIN telemetry.terminals s ON s.terminal_number = p.sender AND s.status <> 'revoked'
    LEFT JOIN telemetry.terminals t ON t.terminal_number = p.number AND t.status <> 'revoked'
        AND t.enterprise_id = s.enterprise_id AND t.kind <> 'bridge'
"""


CREDENTIALS = """
    SELECT id, terminal_number, secret_verifier, status, generation, active_generation
    FROM telemetry.terminals
    WHERE kind <> 'jt808' AND (status <> 'revoked' OR generation <> active_generation)
    ORDER BY terminal_key
"""
UNLOADED_EXISTS = "SELECT EXISTS (SELECT FROM telemetry.terminals WHERE generation <> active_generation)"


def owned(who: Principal, enterprise_id: ColumnElement[UUID] | object) -> ColumnElement[bool]:
    """Give the condition that a row is the caller's: its enterprise's, or any for those who see all firms."""
    if who.role is Role.enterprise:
        return enterprise_id == who.enterprise_id  # type: ignore[return-value]  # columns compare to conditions
    return true()


async def find_terminal_keys(
    connection: "asyncpg.Connection[asyncpg.Record]", numbers: Sequence[str]
) -> dict[str, int]:
    """Give the integer keys of those terminal numbers that exist."""
    return {row[0]: row[1] for row in await connection.fetch(KEYS_OF_NUMBERS, numbers)}


class Bridged(NamedTuple):
    """Who passed something on, and of which terminal of the same firm; None where there is no such."""

    sender_key: int | None
    is_bridge: bool
    terminal_key: int | None


async def find_bridged(
    connection: "asyncpg.Connection[asyncpg.Record]", pairs: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Bridged]:
    """Give the keys of (sender, terminal) pairs."""
    senders, numbers = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    rows = await connection.fetch(BRIDGED, senders, numbers)
    return {(row[0], row[1]): Bridged(row[2], bool(row[3]), row[4]) for row in rows}


async def find_sender(session: AsyncSession, number: str) -> Terminal | None:
    """Give the terminal or bridge of this number that may sign in with its password over HTTP."""
    statement = select(Terminal).where(
        Terminal.terminal_number == number, Terminal.kind != "jt808", Terminal.status != "revoked"
    )
    found: Terminal | None = await session.scalar(statement)
    return found


async def find_posting_keys(
    session: AsyncSession, enterprise_id: UUID, numbers: Collection[str]
) -> dict[str, int]:
    """Give the keys of those of an enterprise's terminals that report."""
    statement = select(Terminal.terminal_number, Terminal.terminal_key).where(
        Terminal.terminal_number.in_(numbers),
        Terminal.enterprise_id == enterprise_id,
        Terminal.kind != "bridge",
        Terminal.status != "revoked",
    )
    return {row.terminal_number: row.terminal_key for row in await session.execute(statement)}


async def get_terminal(
    session: AsyncSession, who: Principal, terminal_id: UUID, *, for_update: bool = False
) -> Terminal:
    """Give a terminal of the caller.

    Raises:
        TerminalNotFound: unknown or not the caller's.
    """
    statement = select(Terminal).where(Terminal.id == terminal_id, owned(who, Terminal.enterprise_id))
    terminal = await session.scalar(statement.with_for_update() if for_update else statement)
    if terminal is None:
        raise TerminalNotFound
    return terminal


class TerminalFilter(NamedTuple):
    """What narrows a list of terminals."""

    terminal_number: str | None = None
    vehicle_id: UUID | None = None
    enterprise_id: UUID | None = None


async def page_terminals(
    session: AsyncSession,
    who: Principal,
    wanted: TerminalFilter,
    now: datetime,
    cursor: str | None,
    limit: int,
) -> tuple[list[Terminal], str | None]:
    """Give one page of the caller's terminals by id."""
    statement = select(Terminal).where(owned(who, Terminal.enterprise_id))
    if wanted.terminal_number is not None:
        statement = statement.where(Terminal.terminal_number == wanted.terminal_number)
    if wanted.enterprise_id is not None:
        statement = statement.where(Terminal.enterprise_id == wanted.enterprise_id)
    if wanted.vehicle_id is not None:
        fitted = select(TerminalBinding.terminal_id).where(
            TerminalBinding.vehicle_id == wanted.vehicle_id,
            TerminalBinding.valid_from <= now,
            or_(TerminalBinding.valid_to.is_(None), TerminalBinding.valid_to > now),
        )
        statement = statement.where(Terminal.id.in_(fitted))
    return await page(session, statement, [Terminal.id], cursor, limit)


async def find_bindings(
    session: AsyncSession, terminal_ids: Sequence[UUID]
) -> dict[UUID, list[TerminalBinding]]:
    """Give the bindings of terminals, oldest first."""
    statement = (
        select(TerminalBinding)
        .where(TerminalBinding.terminal_id.in_(terminal_ids))
        .order_by(TerminalBinding.terminal_id, TerminalBinding.valid_from)
    )
    found: dict[UUID, list[TerminalBinding]] = {terminal_id: [] for terminal_id in terminal_ids}
    for binding in await session.scalars(statement):
        found[binding.terminal_id].append(binding)
    return found


async def lock_bound_terminals(
    session: AsyncSession, vehicle_id: UUID, beyond: datetime
) -> list[tuple[Terminal, TerminalBinding]]:
    """Give the terminals, locked, that are bound to a vehicle beyond an instant, each with that binding."""
    lasting = or_(TerminalBinding.valid_to.is_(None), TerminalBinding.valid_to > beyond)
    statement = (
        select(Terminal, TerminalBinding)
        .join(TerminalBinding, TerminalBinding.terminal_id == Terminal.id)
        .where(TerminalBinding.vehicle_id == vehicle_id, lasting)
        .order_by(Terminal.id, TerminalBinding.valid_from)
    )
    found = await session.execute(statement.with_for_update(of=Terminal))
    return [(terminal, binding) for terminal, binding in found]


async def get_binding(session: AsyncSession, terminal: Terminal, binding_id: UUID) -> TerminalBinding:
    """Give a binding of a terminal.

    Raises:
        TerminalNotFound: the terminal has no such binding.
    """
    statement = select(TerminalBinding).where(
        TerminalBinding.id == binding_id, TerminalBinding.terminal_id == terminal.id
    )
    binding = await session.scalar(statement)
    if binding is None:
        raise TerminalNotFound
    return binding


async def find_enterprise_status(session: AsyncSession, enterprise_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Give the status of each enterprise known here."""
    rows = await session.execute(
        select(Enterprise.id, Enterprise.status).where(Enterprise.id.in_(enterprise_ids))
    )
    return {row.id: row.status for row in rows}


async def find_revoked_numbers(session: AsyncSession, who: Principal, numbers: Collection[str]) -> set[str]:
    """Give those numbers that revoked terminals of the caller have."""
    statement = select(Terminal.terminal_number).where(
        Terminal.terminal_number.in_(numbers),
        Terminal.status == "revoked",
        owned(who, Terminal.enterprise_id),
    )
    return set(await session.scalars(statement))


async def find_rivals(
    session: AsyncSession, vehicle_ids: Collection[UUID], terminal_ids: Collection[UUID]
) -> Sequence[Any]:
    """Give the bindings of these vehicles and terminals, with the terminal's number."""
    named = (TerminalBinding.terminal_id, TerminalBinding.vehicle_id, TerminalBinding.is_primary)
    statement = (
        select(*named, TerminalBinding.valid_from, TerminalBinding.valid_to, Terminal.terminal_number)
        .join(Terminal, Terminal.id == TerminalBinding.terminal_id)
        .where(
            # Arrays: of two lists of 20,000 the driver could not take each value by itself.
            or_(
                TerminalBinding.vehicle_id == any_(cast(list(vehicle_ids), ARRAY(Uuid))),
                TerminalBinding.terminal_id == any_(cast(list(terminal_ids), ARRAY(Uuid))),
            )
        )
    )
    return (await session.execute(statement)).all()


async def get_vehicles(
    session: AsyncSession, who: Principal, vehicle_ids: Sequence[UUID]
) -> dict[UUID, Vehicle]:
    """Give the caller's vehicles by id.

    Raises:
        VehicleNotFound: one is unknown here or not the caller's.
    """
    found = await find_vehicles(session, who, vehicle_ids)
    if len(found) < len(set(vehicle_ids)):
        raise VehicleNotFound
    return found


async def find_vehicles(
    session: AsyncSession, who: Principal, vehicle_ids: Sequence[UUID]
) -> dict[UUID, Vehicle]:
    """Give those of the vehicles that are the caller's, by id."""
    statement = select(Vehicle).where(Vehicle.id.in_(vehicle_ids), owned(who, Vehicle.enterprise_id))
    return {vehicle.id: vehicle for vehicle in await session.scalars(statement)}


async def is_any_unloaded(session: AsyncSession, terminal_ids: Sequence[UUID]) -> bool:
    """Whether the broker has not loaded the credential of one of these terminals yet."""
    found = await session.scalar(_UNLOADED, {"ids": list(terminal_ids)})
    return bool(found)


_UNLOADED = text(
    "SELECT EXISTS (SELECT FROM telemetry.terminals WHERE generation <> active_generation AND id = any(:ids))"
)
