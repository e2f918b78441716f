"""The process `fleet`: the vans of the demo tenants, driving through Panjin as real terminals.

Each van keeps what it has measured until a receipt comes, so a break of any part of the platform leaves no
hole. Its credentials come from `TELEMETRY_FLEET`: JSON [{"terminal_number", "username", "password",
"topic", "receipts_topic"}], as `POST /v1/terminal-batches` answers.
"""

import asyncio
import contextlib
import json
import math
import random
from collections import OrderedDict
from typing import Any

from services.shared.clock import utc_now
from services.shared.errors import Unavailable
from services.shared.logs import get_log
from services.shared.mqtt import Connection, Message, MqttError, Options, connect
from services.shared.process import run
from services.shared.schemas import format_instant
from services.telemetry.settings import FleetSettings

# The middle and the reach of the demo's streets, in degrees: 兴隆台 and 双台子.
CENTRE = (122.07, 41.14)
REACH = (0.12, 0.09)
SPEEDS_KMH = (15.0, 55.0)
BUFFER = 5000
RESEND_S = 20.0
ONLINE_WITHIN_S = 1.0
"""The vans come online within this time, not all in one moment; a refused one tries again after as long."""
DEGREES_PER_KM = 1 / 111.2

log = get_log(__name__)


class Van:
    """One van: where it is, where it is going, and what it has not been receipted for."""

    def __init__(self, credential: dict[str, Any], settings: FleetSettings) -> None:
        self._credential, self._settings = credential, settings
        self._random = random.Random(credential["terminal_number"])  # noqa: S311  a simulation
        self._at = self._somewhere()
        self._goal = self._somewhere()
        self._boot = int(utc_now().timestamp())
        self._seq, self._mileage_km = 0, self._random.uniform(5_000, 90_000)
        self._pending: OrderedDict[int, tuple[float, bytes]] = OrderedDict()
        self._connection: Connection | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the van is online."""
        return self._connection is not None and self._connection.is_open

    async def drive(self, stop: asyncio.Event) -> None:
        """Come online; move, measure and publish until ``stop``."""
        await self._come_online(stop)
        await _sleep(stop, self._random.uniform(0, self._settings.fleet_period_s))
        while not stop.is_set():
            self._measure()
            try:
                await self._publish()
            except (MqttError, OSError, TimeoutError) as error:
                log.info("van_offline", terminal=self._credential["terminal_number"], error=str(error))
            await _sleep(stop, self._settings.fleet_period_s)
        if self._connection is not None and not self._connection.closed.done():
            await self._connection.disconnect()

    async def _come_online(self, stop: asyncio.Event) -> None:
        await _sleep(stop, self._random.uniform(0, ONLINE_WITHIN_S))
        while not stop.is_set() and not self.is_connected:
            try:
                await self._open()
            except (MqttError, OSError, TimeoutError):
                await _sleep(stop, ONLINE_WITHIN_S)

    def _somewhere(self) -> tuple[float, float]:
        return (
            CENTRE[0] + self._random.uniform(-1, 1) * REACH[0],
            CENTRE[1] + self._random.uniform(-1, 1) * REACH[1],
        )

    def _measure(self) -> None:
        """Go on towards the goal for one period and note a fix."""
        speed = self._random.uniform(*SPEEDS_KMH)
        step_km = speed * self._settings.fleet_period_s / 3600
        narrow = math.cos(math.radians(self._at[1]))
        east, north = (self._goal[0] - self._at[0]) * narrow, self._goal[1] - self._at[1]
        left_km = math.hypot(east, north) / DEGREES_PER_KM
        if left_km < step_km:
            self._at, self._goal, speed = self._goal, self._somewhere(), 0.0
        else:
            share = step_km / left_km
            self._at = (self._at[0] + east / narrow * share, self._at[1] + north * share)
            self._mileage_km += step_km
        self._seq += 1
        fix = {
            "time": format_instant(utc_now()), "lon": round(self._at[0], 6), "lat": round(self._at[1], 6),
            "speed_kmh": round(speed, 1),
            "heading_deg": round(math.degrees(math.atan2(east, north)) % 360, 1),
            "mileage_km": round(self._mileage_km, 2), "boot": self._boot, "seq": self._seq,
        }  # fmt: skip
        self._pending[self._seq] = (-math.inf, json.dumps(fix).encode())
        while len(self._pending) > BUFFER:
            self._pending.popitem(last=False)

    async def _publish(self) -> None:
        """Publish what is new and what has waited too long for its receipt."""
        connection = await self._open()
        now = asyncio.get_running_loop().time()
        due = [seq for seq, (sent, _) in self._pending.items() if now - sent > RESEND_S][:200]
        for seq in due:
            payload = self._pending[seq][1]
            self._pending[seq] = (now, payload)
            await connection.deliver(self._credential["topic"], payload)

    async def _open(self) -> Connection:
        if self._connection is None or not self._connection.is_open:
            options = Options(
                host=self._settings.mqtt_host, port=self._settings.mqtt_port,
                client_id=self._credential["username"], username=self._credential["username"],
                password=self._credential["password"], clean_start=True, session_expiry_s=0, buffer_size=4096,
            )  # fmt: skip
            self._connection = await connect(options, self._read)
            await self._connection.subscribe(self._credential["receipts_topic"])
        return self._connection

    def _read(self, _: Connection, messages: list[Message]) -> None:
        for message in messages:
            receipt = json.loads(message.payload)
            for first, last in receipt["ranges"] if receipt["boot"] == self._boot else []:
                for seq in range(first, last + 1):
                    self._pending.pop(seq, None)


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def main() -> None:
    """Run the process."""
    settings = FleetSettings()
    vans: list[Van] = []

    async def work(stop: asyncio.Event) -> None:
        vans.extend(Van(credential, settings) for credential in json.loads(settings.fleet.get_secret_value()))
        await asyncio.gather(*(van.drive(stop) for van in vans))

    async def ready() -> None:
        offline = sum(not van.is_connected for van in vans)
        if offline or not vans:
            raise Unavailable(f"{offline} of {len(vans)} vans offline")

    run("fleet", settings, work, ready=ready)


if __name__ == "__main__":
    main()
