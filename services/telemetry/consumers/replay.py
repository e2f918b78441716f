"""The tool `make replay FILE=…`: recorded trajectories published as real terminals, every fix accounted for.

It moves all times by one whole number of weeks, so that the newest fix lies in the past week; takes a firm
for recordings into the programme; registers a vehicle and provisions a terminal for each vehicle of the
file; publishes every fix as that terminal with its own credential at QoS 1; sends again what no receipt came
for; and ends with a summary, the last line in JSON.
"""

import argparse
import asyncio
import contextlib
import gzip
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Any

from services.shared.clock import utc_now
from services.shared.mqtt import Connection, Message, MqttError, Options, connect
from services.telemetry.clients import Platform, PlatformError
from services.telemetry.consumers.arguments import add_platform, allow_sockets, credential_of
from services.telemetry.domain.conservation import Account
from services.telemetry.domain.fixes import AGE_MS
from services.telemetry.domain.recordings import RecordedFix, RecordingError, read_recording, weeks_to_now

MOST_SOCKETS = 10_000
WINDOW = 32
OPENING_AT_ONCE = 100
RESEND_S = 15.0
BOUND_BEFORE = timedelta(days=1)
ENTERPRISE = "轨迹回放 Replay"


@dataclass
class Summary:
    """What became of the recording."""

    vehicles: int = 0
    fixes: int = 0
    distinct: int = 0
    shifted_weeks: int = 0
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    not_receipted: int = 0
    seconds: float = 0.0


@dataclass
class Terminal:
    """One terminal: its credential, its payloads by sequence number, what is not receipted yet."""

    credential: dict[str, Any]
    payloads: list[bytes]
    waiting: set[int] = field(default_factory=set)
    connection: Connection | None = None
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.waiting = set(range(1, len(self.payloads) + 1))

    def read(self, _: Connection, messages: list[Message]) -> None:
        """Take receipts."""
        for message in messages:
            for first, last in json.loads(message.payload)["ranges"]:
                self.waiting.difference_update(range(first, last + 1))
        if not self.waiting:
            self.complete.set()

    async def open(self, host: str, port: int) -> Connection:
        """Give the open connection, made again when it was lost."""
        if self.connection is None or not self.connection.is_open:
            options = Options(
                host=host, port=port,
                client_id=self.credential["username"], username=self.credential["username"],
                password=self.credential["password"], clean_start=True, session_expiry_s=0, buffer_size=2048,
                keep_alive_s=60,
            )  # fmt: skip
            self.connection = await connect(options, self.read)
            await self.connection.subscribe(self.credential["receipts_topic"])
        return self.connection

    async def publish(self, host: str, port: int) -> None:
        """Publish every fix that is not receipted yet, a window at a time."""
        wanted = sorted(self.waiting)
        for start in range(0, len(wanted), WINDOW):
            connection = await self.open(host, port)
            chunk = wanted[start : start + WINDOW]
            topic = self.credential["topic"]
            await asyncio.gather(*(connection.deliver(topic, self.payloads[seq - 1]) for seq in chunk))


class Replay:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._terminals: list[Terminal] = []
        self.summary = Summary()

    async def run(self) -> Summary:
        """Replay the file; give the account."""
        began = time.monotonic()
        tracks = self._read()
        async with Platform(self._options.url, *credential_of(self._options)) as platform:
            await self._provision(platform, tracks)
            await self._publish_all()
            await self._account(platform)
        for terminal in self._terminals:
            if terminal.connection is not None:
                terminal.connection.abort()
        self.summary.seconds = round(time.monotonic() - began, 1)
        return self.summary

    def _read(self) -> dict[str, list[RecordedFix]]:
        path: Path = self._options.file
        if not path.is_file():
            raise RecordingError(f"{path} is no file: FILE=… names a csv or csv.gz")
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
            fixes = list(read_recording(lines))
        if not fixes:
            raise RecordingError("the file has no fix")
        tracks: dict[str, list[RecordedFix]] = {}
        shift = weeks_to_now(max(fix.time for fix in fixes), utc_now())
        for fix in fixes:
            tracks.setdefault(fix.vehicle, []).append(fix._replace(time=fix.time + shift))
        if self._options.every > 1:
            tracks = {name: tracks[name] for name in sorted(tracks)[:: self._options.every]}
        if len(tracks) > MOST_SOCKETS:
            raise RecordingError(f"{len(tracks)} vehicles; at most {MOST_SOCKETS}")
        self.summary.vehicles, self.summary.shifted_weeks = len(tracks), shift.days // 7
        self.summary.fixes = sum(map(len, tracks.values()))
        self.summary.distinct = sum(len(set(track)) for track in tracks.values())
        weeks = self.summary.shifted_weeks
        _say(f"{self.summary.fixes} fixes of {len(tracks)} vehicles, moved by {weeks} weeks")
        return tracks

    async def _provision(self, platform: Platform, tracks: dict[str, list[RecordedFix]]) -> None:
        enterprise_id = self._options.enterprise_id or await platform.found_enterprise(ENTERPRISE)
        first = min(fix.time for track in tracks.values() for fix in track)
        # What is older goes to quarantine anyway, and no terminal may be fitted much earlier.
        since = max(first - BOUND_BEFORE, utc_now() - timedelta(milliseconds=AGE_MS))
        run = f"R{int(time.time()):x}"
        if self._options.vehicles is None:
            _say("registering vehicles")
            ids = await platform.register_vehicles(enterprise_id, len(tracks), since)
            vehicles = dict(zip(tracks, ids, strict=True))
        else:
            vehicles = json.loads(self._options.vehicles.read_text(encoding="utf-8"))
        wanted = [
            {
                "terminal_number": f"{run}-{index}",
                "vehicle_id": vehicles[name],
                "fitted_at": since.isoformat(),
            }
            for index, name in enumerate(tracks)
        ]
        _say(f"provisioning {len(wanted)} terminals")
        credentials = await platform.provision(enterprise_id, wanted)
        boot = int(time.time())
        for credential, track in zip(credentials, tracks.values(), strict=True):
            self._terminals.append(
                Terminal(credential, [_payload(fix, boot, n) for n, fix in enumerate(track, 1)])
            )

    async def _publish_all(self) -> None:
        """Publish, then send again what stays without a receipt, until all is receipted or time is up."""
        host, port = self._options.mqtt_host, self._options.mqtt_port
        gate = asyncio.Semaphore(OPENING_AT_ONCE)

        async def serve(terminal: Terminal) -> None:
            try:
                async with gate:
                    await terminal.open(host, port)
                await terminal.publish(host, port)
            except (MqttError, OSError, TimeoutError):
                return  # the next round tries again

        deadline = time.monotonic() + self._options.timeout
        progress = asyncio.create_task(self._show_progress())
        try:
            while (behind := [t for t in self._terminals if t.waiting]) and time.monotonic() < deadline:
                await asyncio.gather(*map(serve, behind))
                await self._settle(min(deadline, time.monotonic() + RESEND_S))
        finally:
            progress.cancel()

    async def _settle(self, until: float) -> None:
        """Wait for receipts while any are missing."""
        for terminal in self._terminals:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(terminal.complete.wait(), max(0.0, until - time.monotonic()))

    async def _show_progress(self) -> None:
        while True:
            await asyncio.sleep(2)
            missing = sum(len(terminal.waiting) for terminal in self._terminals)
            _say(f"receipted {self.summary.fixes - missing} of {self.summary.fixes}")

    async def _account(self, platform: Platform) -> None:
        """Read the accounting once it holds everything sent."""
        self.summary.not_receipted = sum(len(terminal.waiting) for terminal in self._terminals)
        numbers = [terminal.credential["terminal_number"] for terminal in self._terminals]
        total = Account()
        for _ in range(30):
            total = reduce(Account.plus, (await platform.accounts(numbers)).values(), Account())
            if total.received >= self.summary.fixes:
                break
            await asyncio.sleep(1)
        for name, value in total._asdict().items():
            setattr(self.summary, name, value)


def _payload(fix: RecordedFix, boot: int, seq: int) -> bytes:
    body = {"time": fix.time.isoformat(), "lon": fix.lon, "lat": fix.lat, "boot": boot, "seq": seq}
    return json.dumps(body).encode()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make replay", description="Publish a csv(.gz) of positions as real terminals."
    )
    parser.add_argument("file", type=Path, help="csv or csv.gz: vehicle_id, iso_time_utc, lon, lat")
    add_platform(parser)
    parser.add_argument("--enterprise-id", help="owner; default: a demo tenant for recordings")
    parser.add_argument("--vehicles", type=Path, help="JSON {file's vehicle id: registered vehicle id}")
    parser.add_argument("--every", type=int, default=1, help="take each n-th vehicle only")
    parser.add_argument(
        "--timeout", type=float, default=600.0, help="seconds until missing receipts are given up"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the tool; 0 when every fix was receipted and the account closes."""
    try:
        options = _options(arguments)
        allow_sockets(MOST_SOCKETS)
        summary = asyncio.run(Replay(options).run())
    except (RecordingError, PlatformError, OSError, KeyError) as error:
        _say(f"replay: {error}")
        return 1
    print(json.dumps(asdict(summary)))
    closes = summary.received == summary.stored + summary.duplicate + summary.quarantined
    return 0 if summary.not_receipted == 0 and closes and summary.received >= summary.fixes else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
