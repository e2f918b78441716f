"""Commands: who may give them, and how many may be open however they come."""

import asyncio
from typing import Any

import httpx
import pytest

from services.shared.auth import Role
from services.telemetry.operations.commands import MOST_OPEN
from tests.factories.telemetry import headers
from tests.support.positions_stage import Stage, Van

TEXT = {"kind": "text", "text": "请到一号门"}


async def give(stage: Stage, van: Van, who: dict[str, str], body: dict[str, Any] = TEXT) -> httpx.Response:
    return await stage.api.post(f"/v1/terminals/{van.terminal_id}/commands", json=body, headers=who)


async def test_who_may_give_commands(stage: Stage) -> None:
    """A firm to its own, by person or client; of the bureaus a named official alone."""
    van = await stage.van(await stage.firm())
    for who, status in (
        ({}, 401),
        (headers(Role.transport_bureau), 403),
        (headers(Role.police, name="警官"), 403),
        (headers(enterprise_id=await stage.firm(), name="王工"), 404),
        (headers(enterprise_id=van.firm), 201),
        (headers(enterprise_id=van.firm, name="李工"), 201),
        (headers(Role.transport_bureau, name="王工"), 201),
    ):
        for body in (TEXT, {"kind": "interval", "interval_s": 30}):
            assert (await give(stage, van, who, body)).status_code == status, who
    listed = await stage.get(f"/v1/terminals/{van.terminal_id}/commands", headers(enterprise_id=van.firm))
    assert len(listed.json()["items"]) == 6


@pytest.mark.parametrize("official", [False, True])
async def test_commands_at_once_stay_within_the_bound(stage: Stage, official: bool) -> None:
    van = await stage.van(await stage.firm())
    who = headers(Role.transport_bureau, name="王工") if official else headers(enterprise_id=van.firm)
    for _ in range(MOST_OPEN - 5):
        assert (await give(stage, van, who)).status_code == 201
    answers = await asyncio.gather(*(give(stage, van, who) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 15
    (kind,) = {answer.json()["type"] for answer in answers if answer.status_code == 409}
    assert kind == "urn:cityfreight:problem:too-many-commands"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("请" * 500, 201),
        ("a" * 500, 201),
        ("请" * 501, 422),
        ("请致电13912345678", 422),
        (" ", 422),
        ("", 422),
        ("\0", 422),
    ],
)
async def test_a_text_is_as_long_as_the_contract_says(stage: Stage, text: str, status: int) -> None:
    """500 characters and 1,000 bytes in GBK; it stays on record and names nobody's number."""
    van = await stage.van(await stage.firm())
    answer = await give(stage, van, headers(enterprise_id=van.firm), {"kind": "text", "text": text})
    assert answer.status_code == status, answer.text
    assert all(" / " in each["message"] for each in answer.json().get("errors", []))


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "interval"},
        {"kind": "interval", "interval_s": 5, "text": "x"},
        {"kind": "text", "interval_s": 5},
        {"kind": "interval", "interval_s": 5, "urgent": True},
    ],
)
async def test_a_command_has_the_member_of_its_kind(stage: Stage, body: dict[str, Any]) -> None:
    van = await stage.van(await stage.firm())
    answer = await give(stage, van, headers(enterprise_id=van.firm), body)
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["code"] == "command_incomplete"
    assert " / " in fault["message"]
    assert not fault["message"].isascii()
    assert not fault["message"].startswith("不合规")


@pytest.mark.parametrize("kind", ["bridge", "owntracks"])
async def test_what_cannot_understand_commands_is_given_none(stage: Stage, kind: str) -> None:
    van = await stage.van(await stage.firm())
    await stage.superuser.execute(
        "UPDATE telemetry.terminals SET kind = $2 WHERE id = $1", van.terminal_id, kind
    )
    for body in (TEXT, {"kind": "interval", "interval_s": 30}):
        answer = await give(stage, van, headers(enterprise_id=van.firm), body)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:cityfreight:problem:command-invalid")
        (fault,) = answer.json()["errors"]
        assert (fault["field"], fault["code"]) == ("path.terminal_id", kind)
