"""Gateway follows telemetry: terminals and visits, once the registry has said whose they are."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.factories import gateway as make
from tests.support.exchange import followed

pytestmark = pytest.mark.usefixtures("clean_database")


async def test_terminals_and_visits_wait_for_their_firm(
    database_urls: dict[str, str], tmp_path: Path
) -> None:
    firm = make.enterprise()
    van = make.vehicle(firm["id"])
    binding = {"vehicle_id": van["id"], "valid_from": "2026-01-01T00:00:00.000Z", "primary": True}
    terminal = {"id": str(uuid4()), "terminal_number": "T-1", "enterprise_id": firm["id"], "status": "active"}
    stay = make.visit(firm["id"], van["id"])
    async with (
        followed("telemetry", database_urls, tmp_path) as telemetry,
        followed("registry", database_urls, tmp_path) as registry,
        make.running(make.app(database_urls, tmp_path)) as api,
    ):
        await telemetry.record("terminal", {**terminal, "bindings": [binding], "secret": "s"})
        await telemetry.record("visit", stay)
        await telemetry.follow()
        assert await make.read_all(api, "visits", make.bearer()) == []
        await registry.record("enterprise", firm)
        await registry.record("vehicle", van)
        await registry.follow()
        terminals = make.rebuilt(await make.read_all(api, "terminals", make.bearer()))
        assert terminals[terminal["id"]]["bindings"] == [{**binding, "valid_to": None}]
        assert "secret" not in terminals[terminal["id"]]
        left = {**stay, "status": "closed", "left_at": "2026-05-01T02:00:00.000Z"}
        await telemetry.record("visit", left)
        await telemetry.follow()
        items = await make.read_all(api, "visits", make.bearer())
        assert [(item["version"], item["state"]["status"]) for item in items] == [(1, "open"), (2, "closed")]
        assert items[-1]["state"] == {**left, "supersedes": None}
