"""Assessments: received, published, appealed, decided."""

import asyncio
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from services.registry.main import create_app
from services.shared.auth import Principal, Role
from services.shared.clock import utc_now
from tests.factories import registry as make
from tests.factories import supervision as given

PATH = "/v1/assessments"
INTERNAL = "/internal/v1/assessments"


def _slug(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def _person(name: str = "王工") -> dict[str, str]:
    """One official whose token can be used twice."""
    return make.bearer(Principal(str(uuid4()), Role.transport_bureau, name=name))


@pytest.fixture
def later_profile(tmp_path: Path) -> Path:
    """A city profile whose consequences are a later version."""
    folder = tmp_path / "profile"
    shutil.copytree("city/panjin", folder)
    path = folder / "assessment_consequences.json"
    scheme = json.loads(path.read_text(encoding="utf-8"))
    scheme["version"] = "2027-1"
    scheme["grades"]["A"]["permit_quota_pct"] = 90
    path.write_text(json.dumps(scheme), encoding="utf-8")
    return folder


async def _appealed(api: httpx.AsyncClient, firm: make.Firm, publisher: dict[str, str]) -> str:
    made = await given.receive(api, firm)
    await given.publish(api, made, publisher)
    answer = await api.post(f"{PATH}/{made}/appeal", json={"reason": "在线率有误"}, headers=firm.headers)
    assert answer.status_code == 201, answer.text
    return made


async def test_what_is_received_is_kept_as_it_came(
    api: httpx.AsyncClient, firm: make.Firm, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    body = given.assessment_body(firm.id)
    first = await api.post(INTERNAL, json=body, headers=make.service())
    again = await api.post(INTERNAL, json=body, headers=make.service())
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (first.json()["stage"], first.json()["grade"], first.json()["consequence"]) == (
        "received",
        "B",
        None,
    )
    seen = (await api.get(f"{PATH}/{first.json()['id']}", headers=make.official())).json()
    assert seen["items"] == [
        {
            "code": "gps_online",
            "value": 98.25,
            "unit": "%",
            "points": 19.5,
            "max_points": 20,
            "missing": None,
        },
        {
            "code": "accidents",
            "value": None,
            "unit": None,
            "points": None,
            "max_points": None,
            "missing": "no accident data",
        },
    ]
    other = given.assessment_body(firm.id, grade="A")
    assert _slug(await api.post(INTERNAL, json=other, headers=make.service())) == (409, "assessment-differs")
    assert (
        await superuser.fetchval(
            "SELECT count(*) FROM registry.assessments WHERE enterprise_id = $1", firm.id
        )
        == 1
    )
    assert await given.states(superuser, "assessment", first.json()["id"]) == [], "only published ones"
    for values in ({"scheme_version": "2026-2"}, {"period": "2025-Q4"}):
        next_one = given.assessment_body(firm.id, **values)
        answer = await api.post(INTERNAL, json=next_one, headers=make.service())
        assert answer.json()["id"] != first.json()["id"]


async def test_the_same_at_once_is_one(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await asyncio.gather(*(given.receive(api, firm) for _ in range(10)))
    assert len(set(made)) == 1


async def test_only_a_service_may_send_one(api: httpx.AsyncClient, firm: make.Firm) -> None:
    body = given.assessment_body(firm.id)
    for headers in (firm.headers, make.official(), make.administrator(), make.official(Role.province)):
        assert (await api.post(INTERNAL, json=body, headers=headers)).status_code == 403
    assert (await api.post(INTERNAL, json=body)).status_code == 401
    unknown = await api.post(INTERNAL, json=given.assessment_body(uuid4()), headers=make.service())
    assert unknown.status_code == 404


async def test_a_firm_sees_its_own_once_published(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    made = await given.receive(api, firm)
    assert (await api.get(f"{PATH}/{made}", headers=firm.headers)).status_code == 404
    assert (await api.get(PATH, headers=firm.headers)).json()["items"] == []
    published = await given.publish(api, made)
    seen = await api.get(f"{PATH}/{made}", headers=firm.headers)
    assert seen.json() == published
    assert (published["stage"], published["published_by_name"]) == ("published", "李工")
    assert published["consequence"]["permit_quota_pct"] == 50
    assert "consequence_scheme" not in published
    assert [row["id"] for row in (await api.get(PATH, headers=firm.headers)).json()["items"]] == [made]
    assert (await api.get(f"{PATH}/{made}", headers=other.headers)).status_code == 404
    assert (await api.get(PATH, headers=other.headers)).json()["items"] == []
    for headers in (make.official(Role.police), make.official(Role.province)):
        assert (await api.get(PATH, headers=headers)).status_code == 403


async def test_a_named_official_publishes_once(api: httpx.AsyncClient, firm: make.Firm) -> None:
    path = f"{PATH}/{await given.receive(api, firm)}/publication"
    for headers in (
        firm.headers,
        make.office_client(Role.transport_bureau),
        make.official(Role.commerce_bureau),
        make.service(),
    ):
        assert (await api.post(path, headers=headers)).status_code == 403
    stale = await api.post(path, headers={**make.official(), "If-Match": '"9"'})
    assert stale.status_code == 412
    answers = await asyncio.gather(*(api.post(path, headers=make.official()) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5


@pytest.mark.parametrize(
    ("grade", "quota", "suspension"), [("A", 100, False), ("B", 50, False), ("C", 20, False), ("D", 0, True)]
)
async def test_consequences_follow_the_grade(
    api: httpx.AsyncClient,
    firm: make.Firm,
    superuser: "asyncpg.Connection[asyncpg.Record]",
    grade: str,
    quota: int,
    suspension: bool,
) -> None:
    made = await given.receive(api, firm, grade=grade)
    published = await given.publish(api, made)
    assert published["consequence"]["permit_quota_pct"] == quota
    assert published["consequence"]["advise_suspension"] is suspension
    assert published["consequences_version"] == "2026-1"
    (state,) = await given.states(superuser, "assessment", made)
    assert state == {
        "id": made,
        "version": 2,
        "enterprise_id": str(firm.id),
        "period": "2025-Q3",
        "scheme_version": "2026-1",
        "stage": "published",
        "grade": grade,
        "consequence": {"version": "2026-1", "permit_quota_pct": quota, "advise_suspension": suspension},
        "published_at": published["published_at"],
        "appeal_until": published["appeal_until"],
    }
    assert (await api.get(f"/v1/enterprises/{firm.id}", headers=firm.headers)).json()["status"] == "active"


async def test_an_appeal_ends_with_the_fifteenth_day_in_shanghai(
    api: httpx.AsyncClient, app: FastAPI, firm: make.Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.get(PATH, headers=firm.headers)
    late_evening = utc_now().replace(hour=15, minute=59, second=59, microsecond=0)
    monkeypatch.setitem(app.state._state, "clock", lambda: late_evening)
    made = await given.receive(api, firm)
    published = await given.publish(api, made)
    end = (late_evening + timedelta(days=15)).replace(hour=16, minute=0, second=0, microsecond=0)
    assert published["appeal_until"] == end.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"reason": "x"}
    monkeypatch.setitem(app.state._state, "clock", lambda: end)
    late = await api.post(f"{PATH}/{made}/appeal", json=body, headers=firm.headers)
    assert _slug(late) == (409, "appeal-too-late")
    monkeypatch.setitem(app.state._state, "clock", lambda: end - timedelta(milliseconds=1))
    assert (await api.post(f"{PATH}/{made}/appeal", json=body, headers=firm.headers)).status_code == 201


async def test_a_suspended_firm_appeals_once_and_only_its_own(
    api: httpx.AsyncClient, firm: make.Firm
) -> None:
    made = await given.receive(api, firm, grade="D")
    body = {"reason": "<script>alert(1)</script>", "document_ids": []}
    early = await api.post(f"{PATH}/{made}/appeal", json=body, headers=firm.headers)
    assert early.status_code == 404, "it is not there before it is published"
    await given.publish(api, made)
    suspension = f"/v1/enterprises/{firm.id}/suspension"
    await api.post(suspension, json={"reason": "考核不合格"}, headers=make.official())
    other = await make.admit_firm(api)
    assert (await api.post(f"{PATH}/{made}/appeal", json=body, headers=other.headers)).status_code == 404
    assert (await api.post(f"{PATH}/{made}/appeal", json=body, headers=make.official())).status_code == 403
    foreign = {**body, "document_ids": [str(uuid4())]}
    refused = await api.post(f"{PATH}/{made}/appeal", json=foreign, headers=firm.headers)
    assert [each["field"] for each in refused.json()["errors"]] == ["body.document_ids.0"]
    answers = await asyncio.gather(
        *(api.post(f"{PATH}/{made}/appeal", json=body, headers=firm.headers) for _ in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 4
    assert {_slug(answer)[1] for answer in answers if answer.status_code == 409} == {"appeal-made"}
    seen = (await api.get(f"{PATH}/{made}", headers=firm.headers)).json()
    assert (seen["stage"], seen["appeal"]["reason"]) == ("appealed", body["reason"])
    assert (seen["grade"], seen["appeal"]["outcome"]) == ("D", None)


async def test_another_official_decides(
    api: httpx.AsyncClient, firm: make.Firm, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    publisher = _person()
    made = await _appealed(api, firm, publisher)
    path = f"{PATH}/{made}/appeal-decision"
    amended = {"outcome": "amended", "grade": "A", "cause": "在线率重新核算"}
    assert _slug(await api.post(path, json=amended, headers=publisher)) == (403, "same-official")
    for headers in (
        firm.headers,
        make.office_client(Role.transport_bureau),
        make.official(Role.postal_bureau),
    ):
        assert (await api.post(path, json=amended, headers=headers)).status_code == 403
    worse = await api.post(path, json={**amended, "grade": "C"}, headers=_person())
    assert [each["field"] for each in worse.json()["errors"]] == ["body.grade"]
    same = await api.post(path, json={**amended, "grade": "B"}, headers=_person())
    assert same.status_code == 422
    done = await api.post(path, json=amended, headers=_person("赵工"))
    assert done.status_code == 200, done.text
    found = done.json()
    assert (found["stage"], found["grade"], found["received_grade"], found["amended_grade"]) == (
        "amended",
        "A",
        "B",
        "A",
    )
    assert found["consequence"]["permit_quota_pct"] == 100
    assert (found["appeal"]["cause"], found["appeal"]["decided_by_name"]) == ("在线率重新核算", "赵工")
    again = await api.post(path, json=amended, headers=_person())
    assert _slug(again) == (409, "appeal-decided")
    states = await given.states(superuser, "assessment", made)
    assert [(each["version"], each["stage"], each["grade"]) for each in states] == [
        (2, "published", "B"),
        (3, "amended", "A"),
    ]
    assert states[-1]["consequence"]["permit_quota_pct"] == 100
    listed = await api.get(f"{PATH}?grade=A", headers=firm.headers)
    assert [row["id"] for row in listed.json()["items"]] == [made]
    assert (await api.get(f"{PATH}?grade=B", headers=firm.headers)).json()["items"] == []


async def test_an_upheld_grade_stays(
    api: httpx.AsyncClient, firm: make.Firm, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await _appealed(api, firm, make.official())
    body = {"outcome": "upheld", "cause": "数据无误"}
    answers = await asyncio.gather(
        *(api.post(f"{PATH}/{made}/appeal-decision", json=body, headers=_person()) for _ in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 4
    seen = (await api.get(f"{PATH}/{made}", headers=firm.headers)).json()
    assert (seen["stage"], seen["grade"], seen["amended_grade"]) == ("upheld", "B", None)
    assert (await given.states(superuser, "assessment", made))[-1]["stage"] == "upheld"


async def test_there_is_nothing_to_decide_without_an_appeal(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await given.receive(api, firm)
    body = {"outcome": "upheld", "cause": "x"}
    for _ in range(2):
        answer = await api.post(f"{PATH}/{made}/appeal-decision", json=body, headers=_person())
        assert _slug(answer) == (409, "appeal-missing")
        await api.post(f"{PATH}/{made}/publication", headers=make.official())
    assert (
        await api.post(f"{PATH}/{uuid4()}/appeal-decision", json=body, headers=_person())
    ).status_code == 404


async def test_an_amended_grade_has_the_consequences_of_its_publication(
    database_urls: dict[str, str],
    tmp_path: Path,
    later_profile: Path,
    api: httpx.AsyncClient,
    firm: make.Firm,
) -> None:
    made = await _appealed(api, firm, make.official())
    app = create_app(make.api_settings(database_urls, tmp_path, city_profile=later_profile))
    async with make.running(app) as later:
        body = {"outcome": "amended", "grade": "A", "cause": "x"}
        done = await later.post(f"{PATH}/{made}/appeal-decision", json=body, headers=_person())
        assert (done.json()["consequences_version"], done.json()["consequence"]["permit_quota_pct"]) == (
            "2026-1",
            100,
        )
        fresh = await given.publish(later, await given.receive(later, firm, period="2025-Q4", grade="A"))
        assert (fresh["consequences_version"], fresh["consequence"]["permit_quota_pct"]) == ("2027-1", 90)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"grade": "E"}, "grade"),
        ({"grade": "a"}, "grade"),
        ({"period": "2025-Q5"}, "period"),
        ({"period": "2025-13"}, "period"),
        ({"period": "2025-W01"}, "period"),
        ({"period": "２０２５"}, "period"),
        ({"scheme_version": ""}, "scheme_version"),
        ({"score": "83"}, "score"),
        ({"score": 1e300}, "score"),
        ({"items": []}, "items"),
        ({"items": [{"code": "a"}] * 101}, "items"),
        ({"items": [{"code": "在线率"}]}, "items.0.code"),
        ({"items": [{"code": "a", "value": True}]}, "items.0.value"),
        ({"items": [{"code": "a", "missing": "a\x00b"}]}, "items.0.missing"),
        ({"items": [{"code": "a", "weight": 1}]}, "items.0.weight"),
        ({"computed_at": "2025-10-03T01:00:00"}, "computed_at"),
        ({"published_at": "2025-10-03T01:00:00Z"}, "published_at"),
        ({"enterprise_id": "x"}, "enterprise_id"),
    ],
)
async def test_bad_assessments_are_refused_by_field(
    api: httpx.AsyncClient, firm: make.Firm, values: dict[str, Any], field: str
) -> None:
    body = {**given.assessment_body(firm.id), **values}
    answer = await api.post(INTERNAL, json=body, headers=make.service())
    assert answer.status_code == 422, answer.text
    assert [item["field"] for item in answer.json()["errors"]] == [f"body.{field}"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"outcome": "amended", "cause": "x"}, "grade"),
        ({"outcome": "upheld", "grade": "A", "cause": "x"}, "grade"),
        ({"outcome": "perhaps", "cause": "x"}, "outcome"),
        ({"outcome": "upheld"}, "cause"),
        ({"outcome": "upheld", "cause": ""}, "cause"),
        ({"outcome": "upheld", "cause": "长" * 1001}, "cause"),
    ],
)
async def test_bad_decisions_are_refused_by_field(
    api: httpx.AsyncClient, firm: make.Firm, body: make.Json, field: str
) -> None:
    made = await _appealed(api, firm, make.official())
    answer = await api.post(f"{PATH}/{made}/appeal-decision", json=body, headers=_person())
    assert answer.status_code == 422, answer.text
    assert [item["field"] for item in answer.json()["errors"]] == [f"body.{field}"]


@pytest.mark.parametrize(
    ("reason", "status"), [("长" * 10_000, 201), ("长" * 10_001, 422), ("", 422), ("\x00", 422)]
)
async def test_the_length_of_an_appeal_is_bounded(
    api: httpx.AsyncClient, firm: make.Firm, reason: str, status: int
) -> None:
    made = await given.receive(api, firm)
    await given.publish(api, made)
    answer = await api.post(f"{PATH}/{made}/appeal", json={"reason": reason}, headers=firm.headers)
    assert answer.status_code == status


@pytest.mark.parametrize("version", ["%00", "%ED%A0%80", "a%20b", "x" * 65])
async def test_a_version_that_cannot_be_one_is_refused(api: httpx.AsyncClient, version: str) -> None:
    answer = await api.get(f"/v1/assessments?scheme_version={version}", headers=make.official())
    assert answer.status_code == 422
