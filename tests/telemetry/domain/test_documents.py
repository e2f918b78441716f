"""Other projects' JSON: every published OwnTracks payload, Traccar's forwarding, EMQX's JT/T 808 gateway."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.telemetry.domain.documents import CommandAnswer, Document, read_document
from services.telemetry.domain.jt808.judging import Judged, raw
from tests.factories import jt808

AT = datetime(2026, 3, 1, 0, 30, 0, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)
OWNTRACKS = {
    "_type": "location", "tid": "JJ", "t": "u", "batt": 67, "acc": 5, "vac": 21, "alt": 167, "vel": 61,
    "cog": 271, "lat": 48.85833, "lon": 2.29513, "tst": AT_MS // 1000,
}  # fmt: skip
TRACCAR = {
    "position": {
        "id": 1, "deviceId": 7, "protocol": "huabao", "serverTime": "2026-03-01T00:30:02.000+00:00",
        "deviceTime": "2026-03-01T00:30:00.000+00:00", "fixTime": "2026-03-01T00:30:00.000+00:00",
        "outdated": False, "valid": True, "latitude": 41.12, "longitude": 122.07, "altitude": 5.0,
        "speed": 20.0, "course": 90.0, "address": None, "accuracy": 0.0, "network": None,
        "attributes": {"distance": 3.2, "totalDistance": 900.0, "odometer": 12345600, "motion": True},
    },
    "device": {"id": 7, "name": "van", "uniqueId": "13900000001", "status": "online"},
}  # fmt: skip
EMQX = {
    "header": {"msg_id": 512, "encrypt": 0, "len": 54, "phone": "013900000001", "msg_sn": 7},
    "body": {
        "alarm": 2, "status": 0x103, "latitude": 41_120_000, "longitude": 122_070_000, "altitude": 5,
        "speed": 456, "direction": 90, "time": "260301083000",
        "extra": {"mileage": 123_456, "rssi": 25, "carriage_temp": 0xFF4C},
    },
}  # fmt: skip


def read(document: Any) -> Document:
    found = read_document(json.dumps(document).encode(), AT_MS)
    assert found is not None
    return found


def only(document: Any) -> Judged:
    (report,) = read(document).reports
    return report


def changed(document: dict[str, Any], part: str, **values: Any) -> dict[str, Any]:
    return {**document, part: {**document[part], **values}}


def test_owntracks() -> None:
    found = only(OWNTRACKS)
    assert found.fix is not None
    assert (found.time_ms, found.status) == (AT_MS, None)
    assert (found.fix.lon, found.fix.lat, found.fix.altitude_m) == (2.29513, 48.85833, 167)
    assert (found.fix.speed_kmh, found.fix.heading_deg, found.fix.soc_pct) == (61, 271, None)
    unknown = only({**OWNTRACKS, "vel": -1, "cog": -1})
    assert unknown.fix is not None
    assert (unknown.fix.speed_kmh, unknown.fix.heading_deg) == (None, None)
    assert read({"_type": "lwt", "tst": "1440363922"}) == Document()


def test_every_published_owntracks_payload(test_data: Path | None) -> None:
    path = None if test_data is None else test_data / "trajectories" / "owntracks" / "payloads.jsonl"
    if path is None or not path.exists():
        pytest.skip("no trajectories/owntracks below FREIGHT_TEST_DATA; test_owntracks stands alone")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        payload = row["payload"]
        found = read_document(json.dumps(payload).encode(), int(float(payload["tst"])) * 1000)
        assert found is not None
        assert len(found.reports) == row["expect"]["is_location"], row["id"]
        for report in found.reports:
            assert report.fix is not None, row["id"]
            assert (report.fix.lon, report.fix.lat) == (payload["lon"], payload["lat"])
            assert report.time_ms == payload["tst"] * 1000
    assert len(rows) >= 20


def test_traccar() -> None:
    document = read(TRACCAR)
    (found,) = document.reports
    assert document.terminal == "13900000001"
    assert found.fix is not None
    assert (found.time_ms, found.fix.lon, found.fix.lat) == (AT_MS, 122.07, 41.12)
    assert found.fix.speed_kmh == pytest.approx(37.04)  # a knot is 1.852 km/h
    assert (found.fix.mileage_km, found.fix.altitude_m, found.fix.heading_deg) == (12345.6, 5, 90)
    old = only(changed(TRACCAR, "position", fixTime="2026-03-01T08:30:00.000+0800", attributes={}))
    assert (old.time_ms, old.fix and old.fix.mileage_km) == (AT_MS, None)


def test_emqx() -> None:
    document = read(EMQX)
    (found,) = document.reports
    assert document.terminal == "13900000001"
    assert found.fix is not None
    assert (found.time_ms, found.alarm, found.status) == (AT_MS, 2, 0x103)
    assert (found.fix.lon, found.fix.lat, found.fix.speed_kmh) == (122.07, 41.12, 45.6)
    assert (found.fix.mileage_km, found.fix.cargo_temp_c, found.fix.load_state) == (12345.6, -18, "partial")
    batch = {
        "header": {**EMQX["header"], "msg_id": 1796},
        "body": {"type": 1, "location": [EMQX["body"]] * 2},
    }
    assert [each.fix for each in read(batch).reports] == [found.fix] * 2
    asked = {"header": {**EMQX["header"], "msg_id": 513}, "body": {"seq": 3, "params": EMQX["body"]}}
    assert only(asked) == found
    assert read({"header": {**EMQX["header"], "msg_id": 2}, "body": {}}).reports == ()


def test_what_quarantine_keeps_of_808_is_read_again() -> None:
    for msg_id, body in ((0x0200, jt808.report(AT)), (0x0704, jt808.batch([jt808.report(AT)]))):
        found = read_document(raw(msg_id, body), AT_MS)
        assert found is not None
        assert [each.time_ms for each in found.reports if each.fix] == [AT_MS]


def test_answers_to_commands() -> None:
    command_id = uuid4()
    answer = read({"command_id": str(command_id), "result": 0}).answer
    assert answer == CommandAnswer(command_id, 0)


REFUSED: list[tuple[str, Any]] = [
    ("missing_field", {**OWNTRACKS, "lat": None}),
    ("out_of_range", {**OWNTRACKS, "lat": 91}),
    ("wrong_type", {**OWNTRACKS, "lat": "48"}),
    ("not_finite", {**OWNTRACKS, "lat": float("nan")}),
    ("time_too_old", {**OWNTRACKS, "tst": 1_440_395_704}),
    ("unknown_format", {**OWNTRACKS, "_type": "encrypted"}),
    ("unknown_format", {**OWNTRACKS, "_type": ["location"]}),
    ("not_positioned", changed(TRACCAR, "position", valid=False)),
    ("not_positioned", changed(TRACCAR, "position", outdated=True)),
    ("time_invalid", changed(TRACCAR, "position", fixTime="yesterday")),
    ("missing_field", changed(TRACCAR, "position", fixTime=None)),
    ("out_of_range", changed(TRACCAR, "position", speed=1000)),
    ("wrong_type", changed(TRACCAR, "position", speed="20")),
    ("unknown_format", {"position": 1, "device": {}}),
    ("unknown_format", {"header": 1, "body": {}}),
    ("not_positioned", changed(EMQX, "body", status=0)),
    ("wrong_type", changed(EMQX, "body", latitude="41")),
    ("wrong_type", changed(EMQX, "body", latitude=-1)),
    ("wrong_type", changed(EMQX, "body", time=260301)),
    ("time_invalid", changed(EMQX, "body", time="000000000000")),
    ("wrong_type", changed(EMQX, "body", time="zz")),
    ("time_invalid", {**OWNTRACKS, "tst": "\ud800"}),
    ("out_of_range", changed(TRACCAR, "position", speed=10**400)),
    ("out_of_range", changed(TRACCAR, "position", attributes={"odometer": 10**400})),
    ("unknown_format", {"header": {**EMQX["header"], "msg_id": 1796}, "body": {"location": 3}}),
    ("too_many_positions", {"header": {**EMQX["header"], "msg_id": 1796}, "body": {"location": [0] * 2001}}),
    ("unknown_format", {"jt808": "0x0002", "body": ""}),
    ("unknown_format", {"jt808": 2, "body": None}),
    ("answer_invalid", {"command_id": "x", "result": 0}),
    ("answer_invalid", {"command_id": str(uuid4()), "result": 9}),
    ("answer_invalid", {"command_id": str(uuid4()), "result": True}),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "document"), REFUSED)
def test_what_is_wrong_is_named_and_kept_as_it_came(reason: str, document: Any) -> None:
    report = only(document)
    assert report.fix is None
    assert report.rejected is not None
    assert report.rejected.reason == reason
    assert report.rejected.raw == json.dumps(document).encode()


@pytest.mark.parametrize("number", ["\0", "\ud800", "A B", "A" * 33, ""])
def test_what_is_no_terminals_number_names_nobody(number: str) -> None:
    assert read(changed(TRACCAR, "device", uniqueId=number)).terminal == ""
    assert read(changed(EMQX, "header", phone=number)).terminal == ""


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"[{}]", b"17", b"{}", b"[" * 100_000, b"\xff"])
def test_what_is_none_of_these_forms(payload: bytes) -> None:
    assert read_document(payload, AT_MS) is None


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([OWNTRACKS, TRACCAR, EMQX]), st.data())
def test_no_document_raises(document: dict[str, Any], data: st.DataObject) -> None:
    broken = json.loads(json.dumps(document))
    places = [broken, *[each for each in broken.values() if isinstance(each, dict)]]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places))
        place[data.draw(st.sampled_from(sorted(place)))] = data.draw(values)
    read_document(json.dumps(broken).encode("utf-8", "surrogatepass"), AT_MS)
