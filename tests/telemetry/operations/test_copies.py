"""Telemetry's copies of the registry take states of today and of before courses were published alike."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, update

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.events.registry import AreaState, EnterpriseState, VehicleState
from services.shared.follow import Change
from services.shared.ids import new_id
from services.telemetry.models import Area, AreaVersion, Terminal, TerminalBinding
from services.telemetry.operations.copies import apply_registry_change, reset_registry_copies
from services.telemetry.queries.derivation import get_areas_key

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
LAPSE = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
async def own(fresh_database_urls: dict[str, str]) -> AsyncIterator[Database]:
    """The worker's view of a database of this test alone."""
    database = Database(fresh_database_urls["telemetry_worker"])
    yield database
    await database.close()


async def _apply(database: Database, kind: str, state: Any, version: int) -> None:
    async with database.transaction() as session:
        change = Change(kind, state.id, version, version, utc_now(), deleted=False, state=state)
        await apply_registry_change(session, change)


async def _copies(database: Database) -> list[dict[str, Any]]:
    pool = await database.pool()
    statements = ("SELECT * FROM telemetry.enterprises", "SELECT * FROM telemetry.vehicles")
    return [dict(row) for statement in statements for row in await pool.fetch(statement)]


async def test_states_with_and_without_a_course_arrive(own: Database) -> None:
    firm = {"id": new_id(), "name": "盘锦城配", "uscc": "x", "kind": "carrier", "status": "active"}
    van = {"id": new_id(), "enterprise_id": firm["id"], "plate_number": "辽L12345", "plate_color": 2}
    van |= {"valid_from": SINCE, "powertrain": "BEV", "payload_kg": 1765}
    lapsing = [
        {"since": SINCE, "status": "active"},
        {"since": LAPSE, "status": "lapsed", "causes": ["inspection"]},
    ]
    suspended = [
        {"since": SINCE, "status": "active"},
        {"since": LAPSE, "status": "suspended", "causes": ["express_permit"], "lapses": ["express_permit"]},
    ]
    known = {"vin": "LGXC16DF4A0169664", "emission_stage": 0, "entry_reason": "new"}
    await _apply(own, "enterprise", EnterpriseState.model_validate(firm), 1)
    await _apply(own, "vehicle", VehicleState.model_validate(van), 1)
    before = await _copies(own)
    await _apply(own, "enterprise", EnterpriseState.model_validate({**firm, "standings": suspended}), 2)
    await _apply(own, "vehicle", VehicleState.model_validate({**van, **known, "standings": lapsing}), 2)
    after = await _copies(own)
    assert [row.pop("version") for row in before] == [1, 1]
    assert [row.pop("version") for row in after] == [2, 2]
    assert after == before


def _terminal(firm: UUID, number: str) -> Terminal:
    return Terminal(
        id=new_id(), terminal_number=number, enterprise_id=firm, secret_verifier="x", created_at=utc_now()
    )


async def test_a_vehicle_nothing_is_fitted_to_is_not_derived(own: Database) -> None:
    van = {"id": new_id(), "enterprise_id": new_id(), "plate_number": "辽L12347", "plate_color": 2}
    van |= {"valid_from": SINCE, "powertrain": "BEV", "payload_kg": 1765, "refrigeration": "refrigerated"}
    await _apply(own, "vehicle", VehicleState.model_validate(van), 1)
    pool = await own.pool()
    assert await pool.fetchval("SELECT count(*) FROM telemetry.pending_derivations") == 0


async def test_a_registration_that_ends_ends_its_bindings(own: Database) -> None:
    firm, van, ends = new_id(), new_id(), datetime(2026, 6, 1, tzinfo=UTC)
    known = {"id": van, "enterprise_id": firm, "plate_number": "辽L12346", "plate_color": 2}
    known |= {"valid_from": SINCE, "powertrain": "BEV", "payload_kg": 1765}
    await _apply(own, "vehicle", VehicleState.model_validate(known), 1)
    async with own.transaction() as session:
        terminals = [_terminal(firm, f"ENDS-{number}") for number in range(3)]
        session.add_all(terminals)
        await session.flush()
        spans = [(SINCE, None), (SINCE, datetime(2026, 5, 1, tzinfo=UTC)), (ends + timedelta(days=9), None)]
        for terminal, (begins, over) in zip(terminals, spans, strict=True):
            session.add(
                TerminalBinding(
                    id=new_id(), terminal_id=terminal.id, terminal_key=terminal.terminal_key, vehicle_id=van,
                    enterprise_id=firm, valid_from=begins, valid_to=over, is_primary=False,
                )
            )  # fmt: skip
    await _apply(own, "vehicle", VehicleState.model_validate({**known, "valid_to": ends}), 2)
    pool = await own.pool()
    found = await pool.fetch(
        "SELECT b.valid_to, t.version FROM telemetry.terminal_bindings b"
        " JOIN telemetry.terminals t ON t.id = b.terminal_id ORDER BY t.terminal_number"
    )
    assert [tuple(row) for row in found] == [(ends, 2), (spans[1][1], 1), (spans[2][0], 2)]
    since = "SELECT max(since) FROM telemetry.pending_derivations WHERE vehicle_id = $1"
    assert await pool.fetchval(since, van) == ends


async def test_another_area_of_the_same_version_is_another(own: Database) -> None:
    box = {"type": "Polygon", "coordinates": [[[122, 41], [122.1, 41], [122.1, 41.1], [122, 41]]]}
    keys = []
    for version in (1, 2):
        state = AreaState.model_validate(
            {
                "id": new_id(), "code": "A", "name": "A", "kind": "zone",
                "versions": [{"valid_from": SINCE, "valid_to": None, "geometry": box}],
            }
        )  # fmt: skip
        async with own.transaction() as session:
            await reset_registry_copies(session)
        await _apply(own, "area", state, version)
        async with own.transaction() as session:
            await session.execute(update(Area).values(version=1))
            keys.append(await get_areas_key(session))
    async with own.transaction() as session:
        keys.append(await get_areas_key(session))
        await session.execute(
            update(AreaVersion).values(geometry=func.ST_Translate(AreaVersion.geometry, 1, 0))
        )
    async with own.transaction() as session:
        keys.append(await get_areas_key(session))
    assert keys[0] != keys[1] == keys[2] != keys[3]
