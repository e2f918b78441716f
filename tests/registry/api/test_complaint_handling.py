"""Complaints in the offices' hands: taken up, put to the firm, answered, closed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.shared.auth import Role
from tests.factories import registry as make
from tests.factories import supervision as given

PATH = "/v1/complaints"
Post = Callable[..., Awaitable[httpx.Response]]


def _slug(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


@pytest.fixture
def post(api: httpx.AsyncClient) -> Post:
    """Take one step of a complaint, as an official unless told otherwise."""

    async def take(
        complaint: make.Json, step: str, body: Any, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        path = f"{PATH}/{complaint['id']}/{step}"
        return await api.post(path, json=body, headers=headers or make.official())

    return take


@pytest.fixture
async def complaint(api: httpx.AsyncClient, firm: make.Firm) -> make.Json:
    """A complaint about a van of the firm; the receipt."""
    vehicle = await make.register(api, firm, valid_from="2020-01-01T00:00:00Z")
    return await given.complain(api, plate_number=vehicle["plate_number"], plate_color=2)


async def test_a_complaint_is_handled_to_its_end(
    api: httpx.AsyncClient,
    post: Post,
    firm: make.Firm,
    complaint: make.Json,
    superuser: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    assert (await post(complaint, "acceptance", {"note": "先核实现场"})).json()["handler_name"] == "李工"
    asked = await post(complaint, "statement-request", {"text": "请说明当日装卸"})
    assert asked.json()["status"] == "forwarded"
    said = await post(complaint, "statement", {"text": "系临时停靠"}, firm.headers)
    assert (said.status_code, said.json()["status"], said.json()["statement_text"]) == (
        200,
        "answered",
        "系临时停靠",
    )
    again = await post(complaint, "statement-request", {"text": "请补充照片"})
    assert again.json()["forwarded_at"] == asked.json()["forwarded_at"], "asked first then"
    await post(complaint, "statement", {"text": "照片已无"}, firm.headers)
    outcome = {"outcome": "substantiated", "measures": "责令整改", "reply": "已核实，责令企业整改"}
    closed = await post(complaint, "outcome", outcome, make.official(Role.postal_bureau))
    assert (closed.json()["status"], closed.json()["outcome"], closed.json()["decided_by_name"]) == (
        "closed",
        "substantiated",
        "李工",
    )
    told = await api.get(
        f"{PATH}/{complaint['id']}/progress", headers={"X-Reference-Code": complaint["reference_code"]}
    )
    assert (told.json()["status"], told.json()["outcome"], told.json()["reply"]) == (
        "closed",
        "substantiated",
        "已核实，责令企业整改",
    )
    events = (await api.get(f"{PATH}/{complaint['id']}/events", headers=make.official())).json()["items"]
    assert [(each["kind"], each["by_name"], each["text"]) for each in events] == [
        ("submitted", None, None),
        ("accepted", "李工", "先核实现场"),
        ("forwarded", "李工", "请说明当日装卸"),
        ("answered", None, "系临时停靠"),
        ("forwarded", "李工", "请补充照片"),
        ("answered", None, "照片已无"),
        ("closed", "李工", "已核实，责令企业整改"),
    ]
    who = await superuser.fetch(
        "SELECT by_subject FROM registry.complaint_events"
        " WHERE complaint_id = $1::uuid AND kind = 'answered'",
        complaint["id"],
    )
    assert {row["by_subject"] for row in who} == {firm.client_id}


async def test_the_firm_sees_the_text_once_asked_and_never_the_complainant(
    api: httpx.AsyncClient, post: Post, firm: make.Firm, complaint: make.Json
) -> None:
    path, other = f"{PATH}/{complaint['id']}", await make.admit_firm(api)

    async def seen(who: make.Firm) -> tuple[int, int]:
        listed = await api.get(PATH, headers=who.headers)
        return (await api.get(path, headers=who.headers)).status_code, len(listed.json()["items"])

    assert await seen(firm) == (404, 0)
    await post(complaint, "acceptance", {"note": "投诉人王小明来电补充"})
    assert await seen(firm) == (404, 0)
    early = await post(complaint, "statement", {"text": "x"}, firm.headers)
    assert early.status_code == 404
    await post(complaint, "statement-request", {"text": "请说明"})
    assert await seen(firm) == (200, 1)
    assert await seen(other) == (404, 0)
    assert (await post(complaint, "statement", {"text": "x"}, other.headers)).status_code == 404
    await post(complaint, "outcome", {"outcome": "unsubstantiated", "reply": "致王小明：查无实据"})
    shown = await api.get(path, headers=firm.headers)
    assert shown.json()["text"] == given.complaint_body()["text"]
    assert not any(
        word in shown.text for word in ("王", "13900001234", "139*", "reference", "contact", "查无实据")
    )
    for step in ("contact", "events"):
        assert (await api.get(f"{path}/{step}", headers=firm.headers)).status_code == 403


async def test_only_named_officials_of_the_bureaus_handle(
    api: httpx.AsyncClient, post: Post, firm: make.Firm, complaint: make.Json
) -> None:
    steps: list[tuple[str, make.Json]] = [
        ("acceptance", {}),
        ("assignment", {}),
        ("statement-request", {"text": "x"}),
        ("outcome", {"outcome": "withdrawn", "reply": "x"}),
    ]
    for headers in (
        firm.headers,
        make.office_client(Role.transport_bureau),
        make.official(Role.police),
        make.official(Role.province),
        make.service(),
    ):
        for step, body in steps:
            assert (await post(complaint, step, body, headers)).status_code == 403, step
    assert (await post(complaint, "statement", {"text": "x"})).status_code == 403
    for headers in (make.official(Role.police), make.official(Role.province)):
        for path in (PATH, f"{PATH}/{complaint['id']}", f"{PATH}/{complaint['id']}/contact"):
            assert (await api.get(path, headers=headers)).status_code == 403


async def test_each_step_needs_the_one_before(post: Post, firm: make.Firm, complaint: make.Json) -> None:
    ask: tuple[str, make.Json] = ("statement-request", {"text": "x"})
    end: tuple[str, make.Json] = ("outcome", {"outcome": "withdrawn", "reply": "x"})
    for step, body in (ask, end, ("assignment", {})):
        assert _slug(await post(complaint, step, body)) == (409, "complaint-step")
    await post(complaint, "acceptance", {})
    assert _slug(await post(complaint, "acceptance", {})) == (409, "complaint-step")
    await post(complaint, *ask)
    assert _slug(await post(complaint, *ask)) == (409, "complaint-step"), "the firm has not answered"
    assert (await post(complaint, "statement", {"text": "x"}, firm.headers)).status_code == 200
    late = await post(complaint, "statement", {"text": "y"}, firm.headers)
    assert _slug(late) == (409, "complaint-step")
    assert (await post(complaint, *end)).status_code == 200
    for step, body in (ask, end, ("assignment", {}), ("acceptance", {})):
        assert _slug(await post(complaint, step, body)) == (409, "complaint-step")


async def test_officials_at_once_take_it_up_once(post: Post, complaint: make.Json) -> None:
    answers = await asyncio.gather(*(post(complaint, "acceptance", {}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


async def test_it_is_given_to_a_named_official_of_an_office(
    api: httpx.AsyncClient, post: Post, complaint: make.Json
) -> None:
    async def account(name: str, role: str) -> str:
        body = {"username": f"u{uuid4().hex[:12]}", "display_name": name, "role": role, "scopes": []}
        made = await api.post("/v1/staff-accounts", json=body, headers=make.administrator())
        return str(made.json()["id"])

    clerk, officer = await account("周工", "postal_bureau"), await account("王警官", "police")
    for wrong in (officer, str(uuid4())):
        refused = await post(complaint, "acceptance", {"handler_id": wrong})
        assert [each["field"] for each in refused.json()["errors"]] == ["body.handler_id"]
    taken = await post(complaint, "acceptance", {"handler_id": clerk})
    assert (taken.json()["handler_name"], taken.json()["status"]) == ("周工", "accepted")
    listed = await api.get(PATH, params={"handler_id": clerk}, headers=make.official())
    assert [row["id"] for row in listed.json()["items"]] == [complaint["id"]]
    over = await post(complaint, "assignment", {"note": "周工休假"})
    assert over.json()["handler_name"] == "李工"
    stale = {**make.official(), "If-Match": f'"{taken.json()["version"]}"'}
    assert (await post(complaint, "assignment", {"handler_id": clerk}, stale)).status_code == 412
    await api.post(f"/v1/staff-accounts/{clerk}/disablement", headers=make.administrator())
    gone = await post(complaint, "assignment", {"handler_id": clerk})
    assert gone.status_code == 422


async def test_an_official_says_what_it_is_about(api: httpx.AsyncClient, post: Post, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm)
    other = await make.admit_firm(api)
    unmatched = await given.complain(api)
    for body, field in (
        ({"enterprise_id": str(uuid4())}, "enterprise_id"),
        ({"vehicle_id": str(uuid4())}, "vehicle_id"),
        ({"enterprise_id": str(other.id), "vehicle_id": vehicle["id"]}, "vehicle_id"),
    ):
        refused = await post(unmatched, "acceptance", body)
        assert [each["field"] for each in refused.json()["errors"]] == [f"body.{field}"]
    done = await post(unmatched, "acceptance", {"vehicle_id": vehicle["id"]})
    assert (done.json()["enterprise_id"], done.json()["vehicle_id"]) == (str(firm.id), vehicle["id"])
    second = await given.complain(api, plate_number=vehicle["plate_number"], plate_color=2)
    moved = await post(second, "acceptance", {"enterprise_id": str(other.id)})
    assert (moved.json()["enterprise_id"], moved.json()["vehicle_id"]) == (str(other.id), None)
    third = await given.complain(api)
    await post(third, "acceptance", {})
    unknown = await post(third, "statement-request", {"text": "x"})
    assert _slug(unknown) == (409, "complaint-unmatched")
    done = await post(third, "outcome", {"outcome": "not_competent", "reply": "请向交警部门反映"})
    assert done.json()["outcome"] == "not_competent"


async def test_a_suspended_firm_gives_its_side_with_its_own_evidence(
    api: httpx.AsyncClient, post: Post, firm: make.Firm, complaint: make.Json
) -> None:
    await post(complaint, "acceptance", {})
    await post(complaint, "statement-request", {"text": "请说明"})
    document = (await make.upload(api, firm)).json()["id"]
    suspension = f"/v1/enterprises/{firm.id}/suspension"
    await api.post(suspension, json={"reason": "x"}, headers=make.official())
    foreign = await post(complaint, "statement", {"text": "x", "document_ids": [str(uuid4())]}, firm.headers)
    assert [each["field"] for each in foreign.json()["errors"]] == ["body.document_ids.0"]
    said = await post(complaint, "statement", {"text": "x", "document_ids": [document]}, firm.headers)
    assert (said.status_code, said.json()["statement_document_ids"]) == (200, [document])


async def test_offices_filter_their_list(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm, valid_from="2020-01-01T00:00:00Z")
    plate = {"plate_number": vehicle["plate_number"], "plate_color": 2}
    noise = await given.complain(api, **plate, category="noise")
    fees = await given.complain(api, **plate, category="fees")

    async def found(**query: str) -> list[str]:
        params = {"enterprise_id": str(firm.id), **query}
        answer = await api.get(PATH, params=params, headers=make.office_client(Role.commerce_bureau))
        return [row["id"] for row in answer.json()["items"]]

    both = [noise["id"], fees["id"]]
    assert await found() == both
    assert await found(category="fees") == [fees["id"]]
    assert await found(vehicle_id=vehicle["id"], status="submitted") == both
    assert await found(status="closed") == []
    assert await found(outcome="withdrawn") == []
    assert await found(submitted_from=fees["submitted_at"], submitted_to="2199-01-01T00:00:00Z") in (
        both[1:],
        both,
    )
    assert await found(submitted_to=noise["submitted_at"]) == []


async def test_the_feed_counts_and_tells_no_text(
    post: Post, firm: make.Firm, complaint: make.Json, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await post(complaint, "acceptance", {})
    await post(complaint, "statement-request", {"text": "问题"})
    await post(complaint, "statement", {"text": "说明"}, firm.headers)
    await post(complaint, "outcome", {"outcome": "substantiated", "measures": "措施", "reply": "答复"})
    states = await given.states(superuser, "complaint", complaint["id"])
    assert [(each["version"], each["status"]) for each in states] == [
        (1, "submitted"),
        (2, "accepted"),
        (3, "forwarded"),
        (4, "answered"),
        (5, "closed"),
    ]
    assert set(states[-1]) == {
        "version",
        "id",
        "enterprise_id",
        "vehicle_id",
        "category",
        "status",
        "occurred_at",
        "submitted_at",
        "accepted_at",
        "forwarded_at",
        "answered_at",
        "decided_at",
        "outcome",
    }
    assert (states[-1]["enterprise_id"], states[-1]["outcome"]) == (str(firm.id), "substantiated")
    assert not any(
        word in str(states)
        for word in ("问题", "说明", "措施", "答复", "卸货", "王小明", "13900001234", "139*")
    )


@pytest.mark.parametrize(
    ("step", "body", "field"),
    [
        ("acceptance", {"handler_id": "x"}, "handler_id"),
        ("acceptance", {"note": ""}, "note"),
        ("acceptance", {"status": "closed"}, "status"),
        ("assignment", {"enterprise_id": str(uuid4())}, "enterprise_id"),
        ("statement-request", {"text": "长" * 10_001}, "text"),
        ("statement-request", {}, "text"),
        ("outcome", {"outcome": "forgotten", "reply": "x"}, "outcome"),
        ("outcome", {"outcome": "withdrawn"}, "reply"),
        ("outcome", {"outcome": "withdrawn", "reply": "x", "measures": "\x00"}, "measures"),
    ],
)
async def test_bad_steps_are_refused_by_field(
    post: Post, complaint: make.Json, step: str, body: make.Json, field: str
) -> None:
    answer = await post(complaint, step, body)
    assert answer.status_code == 422, answer.text
    assert [item["field"] for item in answer.json()["errors"]] == [f"body.{field}"]
