"""Provisioning, rotating, revoking and fitting terminals."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.changes import canonical_bytes
from services.shared.errors import FieldError
from services.shared.events.telemetry import BindingState, TerminalState
from services.shared.ids import new_id
from services.telemetry.domain.broker_files import new_code, new_secret, verifier
from services.telemetry.domain.topics import positions_topic, receipts_topic
from services.telemetry.errors import BindingOverlap, RangeTooLong, TerminalRevoked
from services.telemetry.models import PendingDerivation, Terminal, TerminalBinding, Vehicle, feed
from services.telemetry.operations.vetting import (
    Fitting,
    Wanted,
    check_is_fitted,
    check_wanted,
    find_fittable,
    find_owners,
    overlaps,
    refuse_taken,
)
from services.telemetry.queries.terminals import find_bindings
from services.telemetry.schemas.terminals import BindingCreate, CredentialOut, TerminalCreate

CHUNK = 2000
REGISTRATION_WINDOW = timedelta(days=7)
"""How long after provisioning or rotation a JT/T 808 device may register."""

Row = dict[str, Any]


async def provision_terminals(
    session: AsyncSession,
    who: Principal,
    wanted: Sequence[Wanted],
    enterprise_id: UUID | None,
    now: datetime,
) -> list[CredentialOut]:
    """Make terminals with a new secret each, and their first bindings; all or none.

    Raises:
        EnterpriseUnknown: an owner is unknown here or not active.
        TerminalNumberInvalid, TerminalNumberTaken: a number may not be used, or is used.
        TerminalKindInvalid, RangeTooLong: a member the kind does not have; fitted too long ago.
        VehicleNotFound: a vehicle is unknown, of another owner, or its registration ends before the start.
        BindingOverlap: a vehicle has a primary terminal in that interval already.
    """
    owners = await find_owners(session, who, wanted, enterprise_id)
    check_wanted(wanted, now)
    fittings = [
        Fitting(place, item.vehicle_id, owner, item.fitted_at or now)
        for (place, item), owner in zip(wanted, owners, strict=True)
        if item.vehicle_id
    ]
    vehicles = await find_fittable(session, who, fittings)
    secrets, verifiers = await asyncio.to_thread(_new_secrets, [item.kind for _place, item in wanted])
    terminals = [
        _terminal(item, owner, hashed, now)
        for (_place, item), owner, hashed in zip(wanted, owners, verifiers, strict=True)
    ]
    keys = await _insert_terminals(session, who, terminals, [place for place, _item in wanted])
    fitted = [row for row, (_place, item) in zip(terminals, wanted, strict=True) if item.vehicle_id]
    bindings = [
        _binding(row["id"], keys[row["id"]], vehicles[fitting.vehicle_id], fitting)
        for row, fitting in zip(fitted, fittings, strict=True)
    ]
    await _insert_bindings(session, bindings, [fitting.place for fitting in fittings])
    by_terminal = {row["terminal_id"]: row for row in bindings}
    await _publish_new(session, terminals, by_terminal)
    return [
        _credential(row["id"], row["terminal_number"], row["kind"], secret)
        for row, secret in zip(terminals, secrets, strict=True)
    ]


def rotate_credential(terminal: Terminal, now: datetime) -> CredentialOut:
    """Give a terminal a new secret; the old one stops when the broker has loaded the new.

    A JT/T 808 device whose id is known may register again.

    Raises:
        TerminalRevoked: it has been revoked for good.
    """
    if terminal.status == "revoked":
        raise TerminalRevoked
    secret = _new_secret(terminal.kind)
    terminal.secret_verifier = verifier(secret)
    terminal.issued_verifier = None
    terminal.registrable_until = now + REGISTRATION_WINDOW if terminal.device_id else None
    terminal.registration_failures = 0
    _change_generation(terminal)
    return _credential(terminal.id, terminal.terminal_number, terminal.kind, secret)


async def revoke_terminal(session: AsyncSession, terminal: Terminal, now: datetime) -> None:
    """Take a terminal's credential away for good and end its bindings; repeating changes nothing."""
    if terminal.status == "revoked":
        return
    terminal.status = "revoked"
    _change_generation(terminal)
    for binding in (await find_bindings(session, [terminal.id]))[terminal.id]:
        if binding.valid_to is None or binding.valid_to > now:
            binding.valid_to = max(now, binding.valid_from)
            session.add(PendingDerivation(vehicle_id=binding.vehicle_id, since=binding.valid_to))
    await publish_terminal(session, terminal)


async def fit_terminal(
    session: AsyncSession, who: Principal, terminal: Terminal, wanted: BindingCreate, now: datetime
) -> TerminalBinding:
    """Bind a terminal to a vehicle over an interval; positions stored in it are derived for the vehicle.

    Raises:
        TerminalRevoked, BindingOverlap, RangeTooLong: as named.
        TerminalKindInvalid: a bridge is fitted to none.
        VehicleNotFound: unknown, another owner's, or its registration ends before the start.
    """
    if terminal.status == "revoked":
        raise TerminalRevoked
    check_is_fitted(terminal.kind)
    fitting = Fitting("body", wanted.vehicle_id, terminal.enterprise_id, wanted.valid_from or now)
    vehicle = (await find_fittable(session, who, [fitting]))[wanted.vehicle_id]
    if wanted.valid_to is not None and wanted.valid_to <= fitting.start:
        message = "须晚于开始 / must be after the start"
        raise RangeTooLong(errors=[FieldError("body.valid_to", "empty_interval", message)])
    row = _binding(terminal.id, terminal.terminal_key, vehicle, fitting)
    ends = [each for each in (wanted.valid_to, vehicle.valid_to) if each is not None]
    row |= {"valid_to": min(ends, default=None), "is_primary": wanted.primary}
    await _insert_bindings(session, [row], ["body"])
    await publish_terminal(session, terminal)
    return TerminalBinding(**row)


async def end_binding(
    session: AsyncSession, terminal: Terminal, binding: TerminalBinding, end: datetime
) -> None:
    """End a binding; positions after it no longer count for the vehicle.

    Raises:
        RangeTooLong: the end is not after the start, or after the end it has.
    """
    if end <= binding.valid_from or (binding.valid_to is not None and end > binding.valid_to):
        message = "须在绑定时段内 / must lie within the binding"
        raise RangeTooLong(errors=[FieldError("body.valid_to", "outside_binding", message)])
    binding.valid_to = end
    session.add(PendingDerivation(vehicle_id=binding.vehicle_id, since=end))
    await publish_terminal(session, terminal)


def _change_generation(terminal: Terminal) -> None:
    """The broker has nothing to load of a JT/T 808 terminal: the listener reads the table itself."""
    terminal.generation += 1
    if terminal.kind == "jt808":
        terminal.active_generation = terminal.generation


def _new_secret(kind: str) -> str:
    return new_code() if kind == "jt808" else new_secret()


def _new_secrets(kinds: Sequence[str]) -> tuple[list[str], list[str]]:
    """Give secrets and their verifiers; in a thread, where hashing 20,000 does not hold up other requests."""
    secrets = [_new_secret(kind) for kind in kinds]
    return secrets, [verifier(secret) for secret in secrets]


def _terminal(item: TerminalCreate, owner: UUID, hashed: str, now: datetime) -> Row:
    is_808 = item.kind == "jt808"
    return {
        "id": new_id(), "terminal_number": item.terminal_number, "enterprise_id": owner, "kind": item.kind,
        "secret_verifier": hashed, "created_at": now, "device_id": item.device_id,
        "protocol_version": item.protocol_version, "active_generation": 1 if is_808 else 0,
        "status": "active" if is_808 else "pending",
        "registrable_until": now + REGISTRATION_WINDOW if item.device_id else None,
    }  # fmt: skip


async def _insert_terminals(
    session: AsyncSession, who: Principal, rows: list[Row], places: Sequence[str]
) -> dict[object, int]:
    """Insert all whose number is free: the database knows those of firms that the caller may not see."""
    statement = insert(Terminal).on_conflict_do_nothing(index_elements=["terminal_number"])
    keys: dict[object, int] = {}
    for start in range(0, len(rows), CHUNK):
        found = await session.execute(
            statement.returning(Terminal.id, Terminal.terminal_key), rows[start : start + CHUNK]
        )
        keys |= {row.id: row.terminal_key for row in found}
    taken = {
        row["terminal_number"]: place
        for row, place in zip(rows, places, strict=True)
        if row["id"] not in keys
    }
    await refuse_taken(session, who, taken)
    return keys


def _binding(terminal_id: object, key: int, vehicle: Vehicle, fitting: Fitting) -> Row:
    """Give a binding as long as the registration: what continues that has an id of its own."""
    return {
        "id": new_id(), "terminal_id": terminal_id, "terminal_key": key, "vehicle_id": vehicle.id,
        "enterprise_id": fitting.owner, "valid_from": fitting.start, "valid_to": vehicle.valid_to,
        "is_primary": True,
    }  # fmt: skip


async def _insert_bindings(session: AsyncSession, rows: list[Row], places: Sequence[str]) -> None:
    statement = insert(TerminalBinding).on_conflict_do_nothing().returning(TerminalBinding.id)
    made: set[UUID] = set()
    for start in range(0, len(rows), CHUNK):
        made |= set(await session.scalars(statement, rows[start : start + CHUNK]))
    clashing = [(place, row) for place, row in zip(places, rows, strict=True) if row["id"] not in made]
    if clashing:
        raise BindingOverlap(errors=await overlaps(session, clashing))
    if rows:
        await session.execute(
            insert(PendingDerivation),
            [{"vehicle_id": row["vehicle_id"], "since": row["valid_from"]} for row in rows],
        )


async def _publish_new(session: AsyncSession, terminals: list[Row], bindings: dict[Any, Row]) -> None:
    """Record many new terminals at once: what `feed.record` does, in statements of thousands."""
    states: list[Row] = []
    for row in terminals:
        bound = bindings.get(row["id"])
        names = ("vehicle_id", "valid_from", "valid_to")
        fitted = [BindingState(**{name: bound[name] for name in names})] if bound else []
        state = TerminalState(
            id=row["id"], terminal_number=row["terminal_number"], enterprise_id=row["enterprise_id"],
            kind=row["kind"], status=row["status"],
            bindings=fitted,
        )  # fmt: skip
        states.append(
            {
                "kind": "terminal", "id": state.id, "version": 1, "schema_version": 1, "deleted": False,
                "state": canonical_bytes(state),
            }
        )  # fmt: skip
    for start in range(0, len(states), CHUNK):
        await session.execute(insert(feed.tables.outbox), states[start : start + CHUNK])


async def publish_terminal(session: AsyncSession, terminal: Terminal) -> None:
    """Write a locked terminal's next version and its state with its bindings."""
    terminal.version += 1
    await session.flush()
    bindings = (await find_bindings(session, [terminal.id]))[terminal.id]
    state = TerminalState(
        id=terminal.id,
        terminal_number=terminal.terminal_number,
        enterprise_id=terminal.enterprise_id,
        kind=terminal.kind,
        status=terminal.status,
        bindings=[
            BindingState(
                vehicle_id=item.vehicle_id,
                valid_from=item.valid_from,
                valid_to=item.valid_to,
                primary=item.is_primary,
            )
            for item in bindings
        ],
    )
    await feed.record(session, kind="terminal", entity_id=terminal.id, version=terminal.version, state=state)


def _credential(terminal_id: object, number: object, kind: str, secret: str) -> CredentialOut:
    text = str(number)
    is_808 = kind == "jt808"
    return CredentialOut(
        id=UUID(str(terminal_id)), terminal_number=text, username=text, password=secret,
        topic=None if is_808 else positions_topic(text),
        receipts_topic=None if is_808 else receipts_topic(text),
    )  # fmt: skip
