"""Telemetry's copies of the registry take states of today and of before courses were published alike."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.events.registry import EnterpriseState, VehicleState
from services.shared.follow import Change
from services.shared.ids import new_id
from services.telemetry.operations.copies import apply_registry_change

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
