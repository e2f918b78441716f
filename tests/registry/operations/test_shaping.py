"""A large shape is converted beside the event loop, not on it."""

import threading

import httpx
import pytest

from services.registry.domain.geometry import GivenShape
from services.registry.operations import shaping
from tests.factories import registry as make


async def test_a_shape_is_converted_in_a_thread(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    convert = shaping.convert_shape

    def told(given: GivenShape) -> object:
        threads.append(threading.current_thread())
        return convert(given)

    monkeypatch.setattr(shaping, "convert_shape", told)
    made = await api.post("/v1/areas", json=make.area_body(), headers=make.official())
    assert made.status_code == 201, made.text
    version = {"geometry": make.area_body()["geometry"], "valid_from": "2035-01-01T00:00:00Z"}
    await api.post(f"/v1/areas/{made.json()['id']}/versions", json=version, headers=make.official())
    assert threads
    assert threading.main_thread() not in threads
