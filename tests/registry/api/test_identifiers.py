"""`/v1/identifier-checks`: the standards behind one door, for everybody, with nothing kept."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.registry.main import create_app
from services.shared.logs import configure_logs
from services.shared.standards.id_number import id_check_character
from tests.factories import registry as make
from tests.shared.standards.vectors import DATA, rows

PATH = "/v1/identifier-checks"
KINDS = ("uscc", "vin", "id_number", "plate", "mobile_phone", "division")


async def judge(api: httpx.AsyncClient, *items: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await api.post(PATH, json={"items": items})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    assert len(found) == len(items)
    return found


def codes(verdict: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in verdict["reasons"] + verdict["warnings"]]


@pytest.mark.parametrize("kind", ["uscc", "vin", "id_number", "plate", "mobile_phone"])
async def test_every_published_row_that_states_an_expectation(api: httpx.AsyncClient, kind: str) -> None:
    # A noted plate is the source's loose rule, or a style that is no civil plate (README of the data).
    published = [
        row
        for row in rows(f"identifiers/{kind}.jsonl")
        if row["valid"] is not None and not (kind == "plate" and "note" in row)
    ]
    for start in range(0, len(published), 100):
        part = published[start : start + 100]
        verdicts = await judge(api, *({"kind": kind, "value": row["value"]} for row in part))
        for row, verdict in zip(part, verdicts, strict=True):
            assert verdict["valid"] is row["valid"], row
            expected = row.get("upgraded", row.get("normalised"))
            assert expected is None or verdict["normalized"] == expected, row


@pytest.mark.parametrize(
    ("item", "valid", "normalized", "expected"),
    [
        ({"kind": "uscc", "value": "91110000600037341l"}, True, "91110000600037341L", []),
        ({"kind": "uscc", "value": "９１110000600037341L"}, True, "91110000600037341L", []),
        ({"kind": "uscc", "value": "9111-0000-6000-3734-1L"}, True, "91110000600037341L", []),
        ({"kind": "uscc", "value": "91110000600037342L"}, False, None, ["uscc.check_character"]),
        ({"kind": "uscc", "value": "91350100M000100YIO"}, False, None, ["uscc.format"]),
        ({"kind": "uscc", "value": "91350100M0001"}, False, None, ["uscc.length"]),
        ({"kind": "vin", "value": "lnbsccah4pj000001"}, True, "LNBSCCAH4PJ000001", []),
        ({"kind": "vin", "value": "LNBSCCAH0PJ000001"}, True, "LNBSCCAH0PJ000001", ["vin.check_digit"]),
        ({"kind": "vin", "value": "1XPTD40X0JD456115"}, False, None, ["vin.check_digit"]),
        ({"kind": "vin", "value": "LOC613P23A1305189"}, False, None, ["vin.format"]),
        ({"kind": "id_number", "value": "11010519491231002x"}, True, "11010519491231002X", []),
        ({"kind": "id_number", "value": "110105194912310029"}, False, None, ["id_number.check_character"]),
        (
            {"kind": "id_number", "value": "150102880730303"},
            True,
            "150102198807303035",
            ["id_number.old_form"],
        ),
        ({"kind": "plate", "value": "辽l·d12345", "plate_color": 94}, True, "辽LD12345", []),
        (
            {"kind": "plate", "value": "辽LD12345", "plate_color": 1},
            True,
            "辽LD12345",
            ["plate.color_mismatch"],
        ),
        (
            {"kind": "plate", "value": "辽L12345", "plate_color": 93},
            True,
            "辽L12345",
            ["plate.color_mismatch"],
        ),
        ({"kind": "plate", "value": "辽L12345", "plate_color": 6}, False, None, ["plate.color_unknown"]),
        ({"kind": "plate", "value": "辽L12345", "plate_color": None}, True, "辽L12345", []),
        ({"kind": "plate", "value": "辽LI2345"}, False, None, ["plate.format"]),
        ({"kind": "plate", "value": ""}, False, None, ["plate.format"]),
        ({"kind": "mobile_phone", "value": "+86 139 0022 1432"}, True, "13900221432", []),
        ({"kind": "mobile_phone", "value": "12345"}, False, None, ["phone.mobile"]),
        ({"kind": "division", "value": "211104"}, True, "211104", []),
        ({"kind": "division", "value": "211121"}, True, "211121", ["division.historic"]),
        ({"kind": "division", "value": "211199"}, False, None, ["division.unknown_in_city"]),
        ({"kind": "division", "value": "990000"}, False, None, ["division.province"]),
        ({"kind": "uscc", "value": "\u0000"}, False, None, ["uscc.length"]),
        ({"kind": "plate", "value": "x" * 100_000}, False, None, ["too_long"]),
    ],
)
async def test_one_value(
    api: httpx.AsyncClient, item: dict[str, Any], valid: bool, normalized: str | None, expected: list[str]
) -> None:
    (verdict,) = await judge(api, item)
    assert set(verdict) == {"valid", "normalized", "reasons", "warnings"}
    assert (verdict["valid"], verdict["normalized"], codes(verdict)) == (valid, normalized, expected)
    assert bool(verdict["reasons"]) is not valid
    for reason in verdict["reasons"] + verdict["warnings"]:
        assert set(reason) == {"code", "zh", "en"}
        assert reason["zh"]
        assert reason["en"]


async def test_nobody_is_born_tomorrow_in_the_city(api: httpx.AsyncClient, app: Any) -> None:
    """The day is Shanghai's, eight hours ahead of UTC."""
    body = "21110420260601001"
    item = {"kind": "id_number", "value": body + id_check_character(body)}
    kept = app.state.clock
    try:
        for instant, valid in (("2026-05-31T15:59:59", False), ("2026-05-31T16:00:00", True)):
            app.state.clock = lambda text=instant: make.instant(text)
            assert (await judge(api, item))[0]["valid"] is valid
    finally:
        app.state.clock = kept


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.text(max_size=30)), min_size=1, max_size=100))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_any_texts_get_one_verdict_each_in_order(
    api: httpx.AsyncClient, asked: list[tuple[str, str]]
) -> None:
    together = await judge(api, *({"kind": kind, "value": value} for kind, value in asked))
    for (kind, value), verdict in list(zip(asked, together, strict=True))[:5]:
        assert await judge(api, {"kind": kind, "value": value}) == [verdict]
        if verdict["valid"]:
            again = (await judge(api, {"kind": kind, "value": verdict["normalized"]}))[0]
            assert again["normalized"] == verdict["normalized"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"items": []}, "body.items"),
        ({"items": [{"kind": "vin", "value": "1"}] * 101}, "body.items"),
        ({"items": [{"kind": "vin", "value": 1}]}, "body.items.0.value"),
        ({"items": [{"kind": "vin", "value": None}]}, "body.items.0.value"),
        ({"items": [{"kind": "vin", "value": ["1"]}]}, "body.items.0.value"),
        ({"items": [{"kind": "vin"}]}, "body.items.0.value"),
        ({"items": [{"kind": "passport", "value": "1"}]}, "body.items.0.kind"),
        ({"items": [{"value": "1"}]}, "body.items.0.kind"),
        ({"items": [{"kind": "plate", "value": "1", "plate_color": "2"}]}, "body.items.0.plate_color"),
        ({"items": [{"kind": "plate", "value": "1", "plate_color": True}]}, "body.items.0.plate_color"),
        ({"items": [{"kind": "plate", "value": "1", "colour": 2}]}, "body.items.0.colour"),
        ({"items": {}}, "body.items"),
        ({}, "body.items"),
        ([], "body"),
    ],
)
async def test_a_malformed_question_is_refused(api: httpx.AsyncClient, body: Any, field: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.post(PATH, content=json.dumps(body), headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in {error["field"] for error in answer.json()["errors"]}


async def test_half_a_character_is_no_identifier(api: httpx.AsyncClient) -> None:
    items = [{"kind": kind, "value": "\ud800"} for kind in KINDS]
    headers = {"Content-Type": "application/json"}
    answer = await api.post(PATH, content=json.dumps({"items": items}), headers=headers)
    assert [verdict["valid"] for verdict in answer.json()["items"]] == [False] * len(KINDS)


SECRETS = ("11010519491231002X", "13838389438", "99999999999999999X")


async def count_rows(superuser: "asyncpg.Connection[asyncpg.Record]") -> list[int]:
    """Rows of every table of the registry."""
    tables = await superuser.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'registry'")
    return [
        await superuser.fetchval(f"SELECT count(*) FROM registry.{row['tablename']}")  # noqa: S608 - names of the catalogue
        for row in tables
    ]


@pytest.fixture
def _log_stream() -> Iterator[None]:
    yield
    configure_logs("tests")  # the stream of the test is gone


@pytest.mark.usefixtures("_log_stream")
async def test_nothing_is_stored_and_nothing_is_logged(
    database_urls: dict[str, str],
    tmp_path: Path,
    superuser: "asyncpg.Connection[asyncpg.Record]",
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("test")
    before = await count_rows(superuser)
    kinds = ("id_number", "mobile_phone", "id_number")
    body = {"items": [{"kind": kind, "value": value} for kind, value in zip(kinds, SECRETS, strict=True)]}
    async with make.running(create_app(make.api_settings(database_urls, tmp_path))) as api:
        for _ in range(2):
            answer = await api.post(PATH, json=body, headers={"Idempotency-Key": "same"})
            assert answer.status_code == 200
            assert "idempotent-replay" not in answer.headers
        refused = await api.post(PATH, json={"items": [{"kind": SECRETS[0], "value": [SECRETS[1]]}]})
    assert refused.status_code == 422
    assert await count_rows(superuser) == before
    said = capsys.readouterr().err
    assert said.count('"route": "/v1/identifier-checks"') == 3
    assert not [secret for secret in SECRETS if secret in said + refused.text]


@pytest.fixture
async def strict_api(database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An app that lets three requests through."""
    app = create_app(make.api_settings(database_urls, tmp_path, public_per_minute=3))
    async with make.running(app) as client:
        yield client


async def test_the_rate_is_limited(strict_api: httpx.AsyncClient) -> None:
    body = {"items": [{"kind": "division", "value": "21"}]}
    answers = [await strict_api.post(PATH, json=body) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_every_code_of_the_published_division_tables_is_valid(api: httpx.AsyncClient) -> None:
    folder = DATA / "division_codes"
    if not folder.is_dir():
        pytest.skip(f"division_codes is not under FREIGHT_TEST_DATA ({DATA})")
    found = [
        line.split(",")[0] for path in folder.glob("*.csv") for line in path.read_text().splitlines()[1:]
    ]
    assert len(found) > 3000
    for start in range(0, len(found), 100):
        items = [{"kind": "division", "value": code} for code in found[start : start + 100]]
        verdicts = await judge(api, *items)
        assert [v["normalized"] for v in verdicts] == [item["value"] for item in items]
