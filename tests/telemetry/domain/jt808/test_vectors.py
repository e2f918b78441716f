"""The vectors of domain.md section 2.4, through the tool that integrators use."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from deploy.local.cluster import PROJECT
from services.telemetry.consumers.decode_jt808 import Decoder
from tests.factories.jt808 import frame

REPORT_2013 = (
    "7E02000030013900000001000700000002000C0103027371000746A3F0000501C8005A25060108300001040001E2400202016303"
    "0201C230011931010C8C7E"
)
REPORT_2019 = (
    "7E020040340100000000013900000001000700000002000C0103027371000746A3F0000501C8005A25060108300001040001E240"
    "02020163030201C230011931010C0602FF4C7D027E"
)
BATCH = (
    "7E0704005311223344556622B80002000026000000010000000200BA7F0E07E4F11C0028003C0000180715101010010400000064"
    "0202003700260000000200000001"
    "00CB735507E6A32300290036007818071510103001040000006002020042D47E"
)
REPORT_OF_2018 = (
    "7E02000026123456789012007D02000000010000000200BA7F0E07E4F11C0028003C00001810151010100104000000640202"
    "007D01137E"
)
REGISTRATION_2013 = (
    "7E0100002D000123456789000A002800323132333400736D616C6C6368693132330000000000000000004348493132330001"
    "D4C14131323334358A7E"
)
REGISTRATION_2019 = (
    "7E010040540100000000000123456789000A002800323132333400000000000000736D616C6C636869313233000000000000"
    "0000000000000000000000000043484931323300000000000000000000000000000000000000000000000001D4C141313233"
    "3435B27E"
)
REGISTRATION_OF_PANJIN = (
    "7E01004055010000000001390000000100010015044F504A303031000000000000504A2D5431000000000000000000000000"
    "00000000000000000000000000504A303030303030303100000000000000000000000000000000000000005EC1C94C443132"
    "3334357D027E"
)
OF_PANJIN = {
    "msg_id": "0x0200", "terminal": "13900000001", "serial": 7, "lat": 41.12, "lon": 122.07,
    "altitude_m": 5, "speed_kmh": 45.6, "heading_deg": 90, "time": "2025-06-01T08:30:00+08:00",
    "alarm": 2, "status": 0x000C0103, "mileage_km": 12345.6, "fuel_l": 35.5, "recorder_speed_kmh": 45.0,
    "signal_strength": 25, "satellites": 12,
}  # fmt: skip
ITEMS = {"0x01": 123456, "0x02": 355, "0x03": 450, "0x30": 25, "0x31": 12}
VECTORS: list[tuple[str, dict[str, Any]]] = [
    (
        REPORT_OF_2018,
        {
            "msg_id": "0x0200", "version": "2013", "terminal": "123456789012", "serial": 126, "alarm": 1,
            "status": 2, "lat": 12.222222, "lon": 132.444444, "altitude_m": 40, "speed_kmh": 6.0,
            "heading_deg": 0, "time": "2018-10-15T10:10:10+08:00", "items": {"0x01": 100, "0x02": 125},
            "mileage_km": 10.0, "fuel_l": 12.5,
        },
    ),
    (
        REGISTRATION_2013,
        {"msg_id": "0x0100", "version": "2013", "plate_no": "粤A12345", "plate_color": 1},
    ),
    (
        REGISTRATION_2019,
        {"msg_id": "0x0100", "version": "2019", "plate_no": "粤A12345", "plate_color": 1},
    ),
    (
        "7E010200090123456789003039343536313231313131BE7E",
        {"msg_id": "0x0102", "auth_code": "456121111", "serial": 12345},
    ),
    (
        "7E80010005012345678900000A0064020000617E",
        {"msg_id": "0x8001", "reply_serial": 100, "reply_msg_id": "0x0200", "result": 0},
    ),
    (
        "7E81000009012345678900000A006400313233343536687E",
        {"msg_id": "0x8100", "reply_serial": 100, "result": 0, "auth_code": "123456"},
    ),
    ("7E0001000501234567890004B303E8000200D37E", {"reply_serial": 1000, "reply_msg_id": "0x0002"}),
    ("7E000200000139000000010002397E", {"msg_id": "0x0002", "terminal": "13900000001", "serial": 2}),
    (REPORT_2013, {**OF_PANJIN, "version": "2013", "items": ITEMS}),
    (
        REPORT_2019,
        {**OF_PANJIN, "version": "2019", "items": {**ITEMS, "0x06": -180}, "cargo_temp_c": -18.0},
    ),
    (
        REGISTRATION_OF_PANJIN,
        {
            "version": "2019", "province_id": 0x15, "city_id": 0x044F, "maker_id": "PJ001",
            "terminal_model": "PJ-T1", "terminal_id": "PJ00000001", "plate_color": 94,
            "plate_no": "辽LD12345",
        },
    ),
]  # fmt: skip


def decoded(*texts: str) -> list[dict[str, Any]]:
    decoder = Decoder()
    lines = [line for text in texts for line in decoder.feed(bytes.fromhex(text))]
    return [*lines, *decoder.finish()]


@pytest.mark.parametrize(("text", "expected"), VECTORS, ids=[text[2:14] for text, _ in VECTORS])
def test_vector(text: str, expected: dict[str, Any]) -> None:
    (line,) = decoded(text)
    assert {name: line.get(name) for name in expected} == expected
    assert "error" not in line


def test_a_batch_gives_its_positions() -> None:
    (line,) = decoded(BATCH)
    assert (line["msg_id"], line["count"], line["batch_type"]) == ("0x0704", 2, 0)
    assert [(each["lat"], each["lon"], each["time"]) for each in line["positions"]] == [
        (12.222222, 132.444444, "2018-07-15T10:10:10+08:00"),
        (13.333333, 132.555555, "2018-07-15T10:10:30+08:00"),
    ]
    assert [each["items"] for each in line["positions"]] == [
        {"0x01": 100, "0x02": 55},
        {"0x01": 96, "0x02": 66},
    ]


def test_stuck_frames_share_a_delimiter_and_a_broken_one_costs_itself_alone() -> None:
    broken = REPORT_2013[:40] + "FF" + REPORT_2013[42:]
    stream = "0A0B" + REPORT_2013 + REPORT_2019[2:] + broken[2:] + "DEADBEEF" + BATCH + "7E0200"
    lines = decoded(stream)
    assert [line.get("error") for line in lines] == [
        None, None, "checksum", "too_short", None, "incomplete",
    ]  # fmt: skip
    assert [line.get("version") for line in lines[:2]] == ["2013", "2019"]
    assert lines[2]["terminal"] == "13900000001"


def test_a_cut_off_item_does_not_lose_the_fixed_part() -> None:
    body = bytes.fromhex(REPORT_2013)[13:-2][:-1]  # the last item has a length and no value
    (line,) = decoded(frame(0x0200, body, phone="13900000001", serial=7).hex())
    assert (line["lat"], line["items"]["0x30"], line["error"]) == (41.12, 25, "items_cut_off")


def run_tool(data: bytes) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.local.bootstrap", "decode-jt808"],
        input=data, capture_output=True, check=True, cwd=PROJECT, env=dict(os.environ),
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def test_the_tool_reads_hex_lines_and_bytes_and_prints_nothing_else() -> None:
    spaced = " ".join(REPORT_2013[at : at + 2] for at in range(0, len(REPORT_2013), 2)).lower()
    split = f"{BATCH[:50]}\n{BATCH[50:]}"
    as_text = run_tool(f"{spaced}\r\n\n0x7E 0x00\nno hex\n{split}\n".encode())
    assert [line.get("error", line.get("msg_id")) for line in as_text] == [
        "0x0200", "not_hex", "too_short", "0x0704",
    ]  # fmt: skip
    as_bytes = run_tool(bytes.fromhex(REPORT_2013 + BATCH))
    assert as_bytes == [as_text[0], as_text[-1]]
    assert run_tool(b"") == []
