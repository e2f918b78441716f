"""Every published frame, stream and package set with an expectation decodes to it.

The vectors are those of other projects' tests, below `FREIGHT_TEST_DATA`; without them `test_vectors.py`
and `test_round_trips.py` stand alone.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.telemetry.consumers.decode_jt808 import Decoder
from services.telemetry.domain.jt808.bodies import Authentication, read_authentication
from services.telemetry.domain.jt808.display import describe
from services.telemetry.domain.jt808.frames import Frame, Malformed, read_frame, write_frame
from services.telemetry.domain.jt808.framing import Framer, escape, unescape
from services.telemetry.domain.jt808.packages import Assembler, Bounds, join

OF_HEADER = {"msg_id", "serial", "package_index", "package_count"}
RENAMED = {"direction_deg": "heading_deg", "alarm_flag": "alarm", "status_flag": "status"}
SAME = (
    *OF_HEADER, *RENAMED, "altitude_m", "speed_kmh", "count", "auth_code", "imei", "software_version",
    "province_id", "city_id", "maker_id", "terminal_model", "terminal_id", "plate_color", "plate_no",
    "reply_serial", "reply_msg_id", "result",
)  # fmt: skip
"""Expectations that stand in the tool's line under the same name or the one of RENAMED."""
READ = {"0x0001", "0x8001", "0x8100", "0x0100", "0x0102", "0x0200", "0x0201", "0x0704", "0x0801", "0x0500"}
"""Messages whose bodies are read; of all others the header is."""
OF_VENDORS = {"jt808-3244e02ed5"}
"""Expects the direction of a vendor's item 0x52, not the report's."""

Row = dict[str, Any]


def rows(test_data: Path | None, name: str) -> list[Row]:
    path = None if test_data is None else test_data / "jt808" / name
    if path is None or not path.exists():
        pytest.skip(f"no jt808/{name} below FREIGHT_TEST_DATA; the generated twins run")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def wire(row: Row) -> bytes:
    return bytes.fromhex(row.get("wire_hex") or row["hex"])


def differences(expected: Row, line: Row) -> Iterator[str]:
    """What a line says otherwise than expected."""
    is_read = line.get("msg_id") in READ and "body" not in line
    for name in SAME:
        mine = RENAMED.get(name, name)
        if name in expected and (is_read or name in OF_HEADER) and line.get(mine) != expected[name]:
            yield f"{name}: {expected[name]!r}, not {line.get(mine)!r}"
    if "terminal" in expected and expected["terminal"].lstrip("0") != line["terminal"]:
        yield f"terminal {line['terminal']}"
    if is_read:
        yield from position_differences(expected, line)


def position_differences(expected: Row, line: Row) -> Iterator[str]:
    for name in ("lat", "lon"):
        if name in expected and abs(line[name]) != abs(expected[name]):
            yield f"{name}: {expected[name]}, not {line[name]}"
    if "time" in expected and line["time"] != expected["time"].replace(" ", "T") + "+08:00":
        yield f"time: {expected['time']}, not {line['time']}"
    for number, fields in expected.get("items", {}).items():
        if line["items"].get(number) not in fields.values():
            yield f"item {number}: {fields}, not {line['items'].get(number)}"
    wanted, found = expected.get("positions", []), line.get("positions", [])
    if len(wanted) > len(found):
        yield "positions are missing"
    for one, other in zip(wanted, found, strict=False):
        yield from differences(one, {"msg_id": "0x0200", **other})


def is_plain(row: Row) -> bool:
    """Whether the frame keeps the protocol's form."""
    return bool(row.get("checksum_ok") and row.get("body_length_ok"))


def faults(row: Row, lines: list[Row]) -> Iterator[str]:
    expected = row.get("expect") or {}
    if not is_plain(row):
        if not all("error" in line for line in lines) and row.get("source_version_arg") is None:
            yield "no error"
        if row.get("form") != "bad_checksum" or len(lines) > 1:
            return
    (line,) = lines
    if expected.get("error") and "error" not in line:
        yield "no error where the source has one"
    if is_plain(row) and not expected.get("error") and line.get("error") not in {None, "items_cut_off"}:
        yield f"error {line['error']}"
    if "msg_id" not in line or row["id"] in OF_VENDORS:
        return
    if (row["protocol"] == "2019") != (line["version"] == "2019"):
        yield f"version {line['version']}"
    if row.get("protocol_named_by_source") not in {None, line["version"]}:
        yield f"version {line['version']}"
    for each in (expected, *row.get("more_expect", ())):
        yield from differences(each, line)


def decoded(stream: bytes) -> list[Row]:
    decoder = Decoder()
    return [*decoder.feed(stream), *decoder.finish()]


def test_frames_decode_to_what_their_sources_say(test_data: Path | None) -> None:
    found = rows(test_data, "frames.jsonl")
    wrong = [f"{row['id']}: {text}" for row in found for text in faults(row, decoded(wire(row)))]
    assert not wrong, "\n".join(wrong)
    assert len(found) >= 294


def test_frames_decode_as_an_independent_decoder_reads_them(test_data: Path | None) -> None:
    """The second opinion of the data set, signs and item ids included."""
    compared = 0
    for row in rows(test_data, "frames.jsonl"):
        other = row["cross_decode"]
        if other.get("msg_id") != "0x0200" or "lat" not in other or not is_plain(row):
            continue
        (line,) = decoded(wire(row))
        assert (line["lat"], line["lon"]) == (other["lat"], other["lon"]), row["id"]
        ids = sorted(int(number, 16) for number in line["items"])
        assert set(other.get("item_ids", ids)) <= set(ids), row["id"]
        compared += 1
    assert compared >= 45


def test_frames_are_written_as_they_were_read(test_data: Path | None) -> None:
    written = 0
    for row in rows(test_data, "frames.jsonl"):
        if not is_plain(row):
            continue
        frame = read_frame(wire(row).strip(b"\x7e"))
        assert isinstance(frame, Frame), row["id"]
        assert write_frame(frame) == wire(row), row["id"]
        expected = row.get("expect") or {}
        assert frame.properties == expected.get("properties", frame.properties)
        if frame.is_2019:
            assert frame.protocol == expected.get("protocol_version_byte", frame.protocol)
        written += bool(expected.get("reencodes_to_same_hex"))
    assert written >= 130


def test_streams_are_cut_as_their_sources_say(test_data: Path | None) -> None:
    """Where a source stops at the first bad frame, or keeps a lone delimiter, this platform goes on."""
    for row in rows(test_data, "framing.jsonl"):
        stream, expected = bytes.fromhex(row["hex"]), row["expect"]
        if row["layer"] == "escape":
            inner = stream.strip(b"\x7e")
            assert b"\x7e" + escape(inner) + b"\x7e" == bytes.fromhex(expected["wire_hex"]), row["id"]
            continue
        framer = Framer()
        frames = framer.feed(stream)
        if "frames" in expected and not expected.get("error"):
            assert [f"7e{frame.hex()}7e" for frame in frames] == expected["frames"], row["id"]
            rest = framer.finish()
            assert len(rest) + bool(rest) == expected["pending_bytes"], row["id"]
        elif "unescaped_hex" in expected:
            assert unescape(frames[0]).hex() == expected["unescaped_hex"], row["id"]
        elif expected.get("error") or expected.get("decode_error"):
            assert not frames or isinstance(read_frame(frames[0]), Malformed), row["id"]
        elif "frame_count" in expected:
            assert len(frames) == expected["frame_count"], row["id"]
        elif stream.startswith(b"$"):
            assert f"7e{unescape(frames[0]).hex()}7e" == expected["frame_hex"], row["id"]


def test_packages_are_put_together_in_any_order(test_data: Path | None) -> None:
    for row in rows(test_data, "subpackages.jsonl"):
        frames = [read_frame(bytes.fromhex(text).strip(b"\x7e")) for text in row["frames"]]
        packages = [frame for frame in frames if isinstance(frame, Frame)]
        assert len(packages) == row["expect"]["package_count"] == len(frames)
        for order in (packages, packages[::-1], packages[1::2] + packages[::2]):
            assembler = Assembler(Bounds(size=1 << 20))
            found = [assembler.add(frame, 0.0) for frame in order]
            assert found[:-1] == [None] * (len(order) - 1)
            assert isinstance(found[-1], list)
            whole = join(found[-1])
            assert whole.body == b"".join(frame.body for frame in packages)
            assert describe(whole)["msg_id"] == row["expect"]["msg_id"]
            wanted = row["expect"].get("body_hex_after_joining")
            assert wanted in {None, whole.body.hex()}


def test_authentication_bodies(test_data: Path | None) -> None:
    for row in rows(test_data, "bodies.jsonl"):
        if row["body_of"] == "JT808_0x0102":
            expected = row["expect"]
            found = read_authentication(bytes.fromhex(row["hex"]), 2019)
            assert found == Authentication(*(expected[name] for name in Authentication._fields))


def test_report_bodies(test_data: Path | None) -> None:
    compared = 0
    for row in rows(test_data, "bodies.jsonl"):
        if row["body_of"] == "JT808_0x0200":
            frame = Frame(0x0200, 0, 0, bytes(6), 0, 0, 0, bytes.fromhex(row["hex"]))
            expected = row.get("expect", {})
            line = describe(frame)
            assert list(position_differences(expected, line)) == [], row["id"]
            assert line["lat"] == expected.get("lat", line["lat"])
            assert line["lon"] == expected.get("lon", line["lon"])
            compared += 1
    assert compared >= 7


@pytest.mark.parametrize("size", [1, 7, 64])
def test_all_frames_in_one_stream_cut_anywhere(test_data: Path | None, size: int) -> None:
    found = [wire(row) for row in rows(test_data, "frames.jsonl") if is_plain(row)]
    stream = b"".join(found)
    framer = Framer()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    cut = [frame for piece in pieces for frame in framer.feed(piece)]
    assert cut == [frame.strip(b"\x7e") for frame in found]
