"""Gateway follows permits: rules for everyone, permits for the province."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.factories import gateway as make
from tests.support.exchange import followed

pytestmark = pytest.mark.usefixtures("clean_database")

TIMES = {"valid_from": "2026-01-01T00:00:00.000Z", "valid_to": "2027-01-01T00:00:00.000Z"}


async def test_rules_are_public_and_permits_are_not(database_urls: dict[str, str], tmp_path: Path) -> None:
    firm = make.enterprise()
    van = make.vehicle(firm["id"])
    rule: make.Json = {
        "id": str(uuid4()),
        "code": "R-1",
        "title_zh": "货车限行",
        "title_en": "Lorries",
        "priority": 1,
    }
    hours = {"weekdays": [1, 2], "windows": [{"start": "07:00", "end": "09:00"}]}
    bounds = {
        "conditions": {"plate_colors": [1, 2], "max_gross_mass_kg": 4500.5},
        "effect": "permit_required",
    }
    permit = {"id": str(uuid4()), "code": "P-1", "permit_type": "urban", "vehicle_id": van["id"]}
    async with (
        followed("permits", database_urls, tmp_path) as permits,
        followed("registry", database_urls, tmp_path) as registry,
        make.running(make.app(database_urls, tmp_path)) as api,
    ):
        await registry.record("enterprise", firm)
        await registry.record("vehicle", van)
        await registry.follow()
        await permits.record(
            "restriction_rule", {**rule, **hours, **bounds, **TIMES, "area_ids": [str(uuid4())]}
        )
        of = {"enterprise_id": firm["id"], "area_ids": [], "status": "active"}
        await permits.record("permit", {**permit, **of, **TIMES})
        await permits.follow()
        public = make.rebuilt(await make.read_all(api, "restriction-rules", {}))[rule["id"]]
        assert public["conditions"]["max_gross_mass_kg"] == 4500.5
        assert (public["windows"], public["effect"]) == (hours["windows"], "permit_required")
        assert (await api.get("/exchange/v1/permits/changes")).status_code == 404
        await permits.record("permit", {**permit, **of, **TIMES, "status": "revoked"})
        await permits.follow()
        items = await make.read_all(api, "permits", make.bearer())
        assert [item["state"]["status"] for item in items] == ["active", "revoked"]
