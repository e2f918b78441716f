"""Whatever a terminal may send is read as it was meant, however its bytes arrive; nothing ever raises."""

import struct
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.telemetry.domain.jt808 import answers
from services.telemetry.domain.jt808.bodies import (
    Answer,
    Authentication,
    Registration,
    RegistrationReply,
    read_body,
    read_registration,
)
from services.telemetry.domain.jt808.display import describe, describe_fault
from services.telemetry.domain.jt808.frames import (
    Frame,
    Malformed,
    read_frame,
    terminal_number,
    write_frame,
)
from services.telemetry.domain.jt808.framing import Framer, checksum, escape, unescape
from services.telemetry.domain.jt808.judging import Judged, judge_message, to_fix
from services.telemetry.domain.jt808.packages import Assembler, Bounds, Missing, join
from services.telemetry.domain.jt808.reports import Report, read_batch, read_report
from tests.factories import jt808 as terminal


def bcd_of(number: str, *, is_2019: bool) -> bytes:
    """A terminal's number as BCD of 10 bytes in 2019, of 6 before."""
    return bytes.fromhex(number.rjust(20 if is_2019 else 12, "0"))


NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
words = st.integers(0, 0xFFFF)
dwords = st.integers(0, 0xFFFF_FFFF)
phones = st.from_regex(r"[1-9][0-9]{0,11}", fullmatch=True)
bodies = st.binary(max_size=1023) | st.binary(max_size=60).map(lambda data: data.replace(b"\0", b"\x7e\x7d"))
texts = st.text(st.sampled_from("辽LD12345粤AB测试-.XYZ"), min_size=1, max_size=10)


@given(st.binary(max_size=2000))
def test_escaping_is_undone_and_leaves_no_delimiter(data: bytes) -> None:
    assert unescape(escape(data)) == data
    assert b"\x7e" not in escape(data)


@given(st.binary(max_size=1100))
def test_the_check_byte_is_the_xor_of_all(data: bytes) -> None:
    expected = 0
    for byte in data:
        expected ^= byte
    assert checksum(data) == expected


@given(words, bodies, phones, words, st.booleans(), st.none() | words.filter(bool))
def test_a_frame_is_read_as_it_was_sent_and_written_the_same(
    msg_id: int, body: bytes, phone: str, serial: int, is_2019: bool, number: int | None
) -> None:
    package = None if number is None else (65_535, number)
    sent = terminal.frame(msg_id, body[:1023], phone=phone, serial=serial, is_2019=is_2019, package=package)
    (cut,) = Framer().feed(sent)
    frame = read_frame(cut)
    assert isinstance(frame, Frame)
    assert (frame.msg_id, frame.body, frame.serial, frame.is_2019) == (msg_id, body[:1023], serial, is_2019)
    assert terminal_number(frame) == phone
    assert (frame.total, frame.number) == (package or (0, 0))
    assert write_frame(frame) == sent
    assert bcd_of(phone, is_2019=is_2019) == frame.terminal


@given(
    st.lists(st.tuples(words, bodies, st.booleans()), max_size=6),
    st.lists(st.integers(1, 40), min_size=1),
    st.booleans(),
)
def test_frames_come_out_of_a_stream_cut_anywhere(
    sent: list[tuple[int, bytes, bool]], cuts: list[int], is_stuck: bool
) -> None:
    frames = [terminal.frame(msg_id, body[:1023], is_2019=new) for msg_id, body, new in sent]
    stream = b"noise" + b"".join(frames)
    if is_stuck:
        stream = stream.replace(b"\x7e\x7e", b"\x7e")
    framer, found, at = Framer(), [], 0
    for size in cuts * (len(stream) // sum(cuts) + 1):
        found += framer.feed(stream[at : at + size])
        at += size
    assert [b"\x7e" + each + b"\x7e" for each in found] == frames


@given(
    dwords, st.integers(0, 0xFFFF_FFFF), st.integers(-180_000_000, 180_000_000),
    st.integers(-90_000_000, 90_000_000), words, words, words,
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001  made aware below
    st.dictionaries(st.integers(0xE0, 0xFF), st.binary(max_size=20), max_size=4),
)  # fmt: skip
def test_a_report_is_read_as_it_was_sent(
    alarm: int, status: int, lon: int, lat: int, altitude: int, speed: int, heading: int, at: datetime,
    extra: dict[int, bytes],
) -> None:  # fmt: skip
    at = at.replace(microsecond=0, tzinfo=UTC)
    if at.astimezone(terminal.GMT8).year > 2099:
        return
    sent = terminal.report(
        at, lon / 1e6, lat / 1e6, status=status & ~0b1100, alarm=alarm, altitude_m=altitude,
        speed_kmh=speed / 10, heading_deg=heading,
        extra={0x01: struct.pack("!I", altitude), 0x06: struct.pack("!h", -altitude // 4), **extra},
    )  # fmt: skip
    found = read_report(sent)
    assert isinstance(found, Report)
    assert (found.lon, found.lat) == (lon / 1e6, lat / 1e6)
    assert (found.alarm, found.altitude_m, found.speed_raw, found.heading_deg) == (
        alarm, altitude, speed, heading,
    )  # fmt: skip
    assert found.time_ms == at.timestamp() * 1000
    assert found.items.values == {
        0x01: altitude, 0x06: -altitude // 4, **{number: value.hex() for number, value in extra.items()},
    }  # fmt: skip
    fix = to_fix(found, found.time_ms or 0)
    assert (fix.mileage_km, fix.cargo_temp_c) == (altitude / 10, (-altitude // 4) / 10)
    assert fix.load_state == ["empty", "partial", None, "full"][status >> 8 & 3]


@given(st.binary(min_size=28, max_size=28), st.binary(max_size=60), st.integers(0, 60))
def test_cutting_the_items_never_changes_the_fixed_part(fixed: bytes, extra: bytes, keep: int) -> None:
    whole, part = read_report(fixed + extra), read_report(fixed + extra[:keep])
    assert isinstance(whole, Report)
    assert isinstance(part, Report)
    assert whole[:8] == part[:8]
    assert part.items.values.items() <= whole.items.values.items()


@given(st.lists(st.binary(min_size=28, max_size=60), max_size=8), st.binary(max_size=40))
def test_a_batch_gives_every_report_whatever_follows(reports: list[bytes], padding: bytes) -> None:
    found = read_batch(terminal.batch(reports) + padding)
    assert not isinstance(found, Malformed)
    assert [each.body for each in found.reports[: len(reports)] if isinstance(each, Report)] == reports
    cut = read_batch(terminal.batch(reports)[:-1]) if reports else found
    assert not isinstance(cut, Malformed)
    assert len(cut.reports) >= len(reports)


@given(texts, st.sampled_from([1, 2, 5, 94]), st.sampled_from([2011, 2013, 2019]))
def test_a_registration_is_read_by_its_length(plate: str, color: int, version: int) -> None:
    sent = terminal.registration(plate, color, "PJ00001", version)
    found = read_registration(sent, 2019 if version == 2019 else None)
    assert isinstance(found, Registration)
    assert (found.province_id, found.city_id, found.maker_id, found.terminal_model) == (
        21, 1100, "PJ001", "PJ-T1",
    )  # fmt: skip
    assert (found.plate_no, found.plate_color, found.terminal_id) == (plate, color, "PJ00001")
    assert found.version == version


def test_a_2013_body_in_a_2019_frame_is_read_by_its_length() -> None:
    found = read_registration(terminal.registration(version=2013), 2019)
    assert isinstance(found, Registration)
    assert (found.plate_no, found.version) == ("辽LD12345", 2013)
    code = Frame(0x0102, 0x4000, 1, bytes(10), 1, 0, 0, b"just-the-code")
    assert read_body(code) == Authentication("just-the-code")
    known = code._replace(body=terminal.authentication("code", 2019))
    assert read_body(known) == Authentication("code", "860000000000001", "v1.2")
    assert read_body(known, 2013) != read_body(known)


@given(words, words, st.integers(0, 255), texts, st.integers(1, 0xFFFF_FFFF))
def test_what_the_platform_sends_is_read_back(
    serial: int, msg_id: int, result: int, text: str, seconds: int
) -> None:
    asked = Frame(0x0200, 0x4000, 1, bcd_of("13900000001", is_2019=True), serial, 0, 0, b"")

    def sent(kind: int, body: bytes) -> Frame:
        (cut,) = Framer().feed(answers.address(asked, kind, 7, body))
        frame = read_frame(cut)
        assert isinstance(frame, Frame)
        assert (frame.is_2019, frame.terminal, frame.serial) == (True, asked.terminal, 7)
        return frame

    general = answers.general_answer(serial, msg_id, result)
    assert read_body(sent(0x8001, general)) == Answer(serial, msg_id, result)
    granted = answers.registration_answer(serial, 0, text)
    assert read_body(sent(0x8100, granted)) == RegistrationReply(serial, 0, text)
    refused = answers.registration_answer(serial, 4, text)
    assert read_body(sent(0x8100, refused)) == RegistrationReply(serial, 4, "")
    assert answers.report_interval(seconds) == struct.pack("!BIBI", 1, 0x29, 4, seconds)
    assert answers.text_message(text, 2019, is_urgent=True)[2:].decode("gbk") == text
    assert answers.text_message(text, 2013)[1:].decode("gbk") == text


def test_bodies_of_published_vectors() -> None:
    """yezhihao/jt808-server: 0x8003 of both versions; SmallChi/JT808: 0x8004, 0x8103."""
    nine = list(range(1, 10))
    packages = "000100020003000400050006000700080009"
    assert answers.resend_request(0x1099, nine, 2013).hex() == "109909" + packages
    assert answers.resend_request(0x1099, nine, 2019).hex() == "10990009" + packages
    assert answers.server_time(datetime(2019, 11, 26, 15, 58, 50, tzinfo=UTC)).hex() == "191126155850"
    assert answers.set_parameters({1: b"\0\0\0\x0a"}).hex() == "0100000001040000000a"


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 1000), words, st.randoms(use_true_random=False))
def test_packages_are_joined_in_any_order(body: bytes, size: int, serial: int, random: Random) -> None:
    pieces = [body[at : at + size] for at in range(0, len(body), size)][:200]
    frames = [
        Frame(0x0704, 0x2000, 0, bytes(6), (serial + n) % 65_536, len(pieces), n + 1, piece)
        for n, piece in enumerate(pieces)
    ]
    shuffled = frames[:]
    random.shuffle(shuffled)
    assembler = Assembler(Bounds(size=1 << 20))
    found = [assembler.add(frame, 0.0) for frame in shuffled]
    assert found[:-1] == [None] * (len(frames) - 1)
    assert isinstance(found[-1], list)
    assert join(found[-1]).body == b"".join(pieces)
    assert join(found[-1]).serial == serial
    assert assembler.size == 0


def package(total: int, number: int, serial: int, body: bytes = b"x") -> Frame:
    return Frame(0x0704, 0x2000, 0, bytes(6), serial, total, number, body)


def test_what_is_missing_is_asked_for_and_given_up_after_three_requests() -> None:
    assembler = Assembler()
    for number in (1, 3, 5):
        assert assembler.add(package(5, number, 99 + number), 0.0) is None
    assert assembler.overdue(4.9) == []
    (missing,) = assembler.overdue(5.0)
    assert (missing.first_serial, missing.indexes) == (100, [2, 4])
    assert assembler.overdue(9.0) == []
    # Sent again under new serials, one of them twice.
    assert assembler.add(package(5, 2, 500), 9.0) is None
    assert isinstance(assembler.add(package(5, 2, 500), 9.0), Missing)
    assert [len(assembler.overdue(at)) for at in (14.0, 19.0, 24.0)] == [1, 1, 0]
    assert assembler.size == 0
    assert assembler.add(package(5, 4, 501), 25.0) is None, "the set is gone"


def test_two_messages_are_not_mixed_when_packages_are_lost() -> None:
    assembler = Assembler()
    assert assembler.add(package(2, 1, 10, b"A1"), 0.0) is None
    assert assembler.add(package(2, 1, 12, b"B1"), 0.0) is None
    found = assembler.add(package(2, 2, 13, b"B2"), 0.0)
    assert isinstance(found, list)
    assert join(found).body == b"B1B2"
    assembler = Assembler()
    assert assembler.add(package(2, 2, 11, b"A2"), 0.0) is None
    assert assembler.add(package(2, 1, 12, b"B1"), 0.0) is None
    found = assembler.add(package(2, 2, 13, b"B2"), 0.0)
    assert isinstance(found, list)
    assert join(found).body == b"B1B2"


def test_open_sets_are_bounded() -> None:
    assembler = Assembler(Bounds(sets=3, size=5000))
    for serial in range(0, 40_000, 1000):
        assembler.add(package(9, 2, serial, bytes(1000)), serial / 1000)
        assert assembler.size <= 5000
    assert isinstance(assembler.add(package(300, 1, 0), 0.0), Malformed)
    assert isinstance(assembler.add(package(2, 3, 0), 0.0), Malformed)
    assert isinstance(assembler.add(package(2, 0, 0), 0.0), Malformed)


def test_an_overlong_run_is_bounded_and_named() -> None:
    framer = Framer()
    for _ in range(1000):
        assert framer.feed(b"\x7e" if _ == 0 else bytes(1000)) == []
    (cut,) = framer.feed(b"\x7e")
    assert len(cut) < 5000
    fault = read_frame(cut)
    assert isinstance(fault, Malformed)
    assert fault.reason == "overlong"


def judged(now: datetime = NOW, **fields: Any) -> Judged:
    (found,) = judge_message(0x0200, terminal.report(NOW, **fields), int(now.timestamp() * 1000))
    return found


def test_a_report_is_judged_by_itself() -> None:
    found = {
        "not_positioned": judged(status=0, alarm=1),
        "out_of_range": judged(lat=119.55, alarm=1),
        "null_island": judged(lon=0.0, lat=0.0, alarm=1),
        "time_in_future": judged(NOW - timedelta(minutes=6), alarm=1),
        "time_too_old": judged(NOW + timedelta(days=31), alarm=1),
    }
    for reason, each in found.items():
        assert each.rejected is not None
        assert (each.rejected.reason, each.fix, each.alarm) == (reason, None, 1)
        impossible = reason.startswith("time")
        assert (each.time_ms == NOW.timestamp() * 1000) is not impossible, "flags count when received"
    (no_time,) = judge_message(0x0200, terminal.report(NOW)[:22] + b"\xff" * 6, 7)
    assert no_time.rejected is not None
    assert (no_time.rejected.reason, no_time.time_ms) == ("time_invalid", 7)
    (short,) = judge_message(0x0200, b"short", 7)
    assert short.rejected is not None
    assert short.rejected.raw == b'{"jt808":"0x0200","body":"73686f7274"}'


def test_offset_coordinates_become_wgs_84_and_low_altitudes_negative() -> None:
    found = judged(status=0b100010, altitude_m=65_531)
    assert found.fix is not None
    assert found.time_ms == NOW.timestamp() * 1000
    assert found.fix.altitude_m == -5
    assert 0.004 < abs(122.07 - found.fix.lon) < 0.008  # GCJ-02 is about 500 m off there
    plain = judged(extra={0x01: b"\xff\xff\xff\xff"})
    assert plain.fix is not None
    assert (plain.fix.lon, plain.fix.lat, plain.fix.mileage_km) == (122.07, 41.12, None)


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    for cut in Framer().feed(b"\x7e" + data + b"\x7e"):
        frame = read_frame(cut)
        if isinstance(frame, Malformed):
            assert describe_fault(frame, cut)["error"] == frame.reason
        else:
            assert describe(frame)["msg_id"] == f"0x{frame.msg_id:04X}"


@given(st.sampled_from([1, 0x8100, 0x100, 0x102, 0x200, 0x201, 0x500, 0x704, 0x801]), bodies, st.booleans())
def test_no_body_raises(msg_id: int, body: bytes, is_2019: bool) -> None:
    frame = Frame(msg_id, 0x4000 if is_2019 else 0, 1, bytes(10 if is_2019 else 6), 1, 0, 0, body[:1023])
    assert describe(frame)["msg_id"] == f"0x{msg_id:04X}"
    assert all((each.fix is None) != (each.rejected is None) for each in judge_message(msg_id, frame.body, 0))
