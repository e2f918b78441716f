"""Bodies and steps of supervision: operating statements, assessments, complaints."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx

from tests.factories import registry as make
from tests.factories.registry import Json

MONTH = "2025-08"
AFTER = datetime(2025, 9, 3, 2, 0, tzinfo=UTC)
"""An instant at which MONTH is over and its statement not late."""


def statement_body(month: str = MONTH, **values: Any) -> Json:
    """A month of two electric vans, nothing about it implausible where two are registered."""
    return {
        "month": month,
        "costs_yuan": {
            "electricity": "1120.00",
            "tolls": "150.50",
            "driver_pay": "14000.00",
            "depreciation_or_lease": "5200.00",
            "maintenance": "300.00",
            "insurance": "800.00",
            "parking": "90.25",
        },
        "energy": {"electricity_kwh": 1400.5},
        "vehicle_count": 2,
        "vehicle_days": 50,
        "vehicle_km": 5000.0,
        "vehicle_km_source": "gps",
        "loaded_km": 3900.0,
        "tonne_km": 4100.0,
        **values,
    }


async def submit(api: httpx.AsyncClient, firm: make.Firm, month: str = MONTH, **values: Any) -> Json:
    """Submit a statement."""
    body = statement_body(month, **values)
    answer = await api.post("/v1/operating-statements", json=body, headers=firm.headers)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


def assessment_body(enterprise_id: object, **values: Any) -> Json:
    """A quarter's assessment as the gateway sends it."""
    return {
        "enterprise_id": str(enterprise_id),
        "period": "2025-Q3",
        "scheme_version": "2026-1",
        "grade": "B",
        "score": 83.5,
        "items": [
            {"code": "gps_online", "value": 98.25, "unit": "%", "points": 19.5, "max_points": 20},
            {"code": "accidents", "value": None, "points": None, "missing": "no accident data"},
        ],
        "computed_at": "2025-10-03T01:00:00Z",
        **values,
    }


async def receive(api: httpx.AsyncClient, firm: make.Firm, **values: Any) -> str:
    """Have an assessment received; return its id."""
    body = assessment_body(firm.id, **values)
    answer = await api.post("/internal/v1/assessments", json=body, headers=make.service())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def publish(api: httpx.AsyncClient, assessment_id: str, headers: dict[str, str] | None = None) -> Json:
    """Have an official publish an assessment."""
    path = f"/v1/assessments/{assessment_id}/publication"
    answer = await api.post(path, headers=headers or make.official())
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def complaint_body(**values: Any) -> Json:
    """A complaint about some plate, by somebody who leaves a number."""
    return {
        "plate_number": make.plate(),
        "plate_color": 2,
        "category": "illegal_parking",
        "text": "货车占用非机动车道卸货，约二十分钟。",
        "occurred_at": (datetime.now(UTC) - timedelta(days=2)).isoformat(),
        "place": "兴隆台区市府大街",
        "lon": 122.07,
        "lat": 41.12,
        "contact": {"name": "王小明", "phone": "13900001234"},
        **values,
    }


async def complain(api: httpx.AsyncClient, **values: Any) -> Json:
    """File a complaint; the receipt has id and reference code."""
    answer = await api.post("/v1/complaints", json=complaint_body(**values))
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def states(superuser: "asyncpg.Connection[asyncpg.Record]", kind: str, entity_id: str) -> list[Json]:
    """What was published of an entity, oldest first, each with its version; before or after numbering."""
    rows = await superuser.fetch(
        "SELECT version, deleted, convert_from(state, 'UTF8')::json AS state FROM"
        " (SELECT kind, id, version, deleted, state FROM registry.outbox"
        "  UNION ALL SELECT kind, id, version, deleted, state FROM registry.changes) AS published"
        " WHERE kind = $1 AND id = $2::uuid ORDER BY version",
        kind,
        entity_id,
    )
    return [{**json.loads(row["state"]), "version": row["version"]} for row in rows if not row["deleted"]]
