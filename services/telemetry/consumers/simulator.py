"""The process `fleet`: the vans of the demo tenants, driving through Panjin as real terminals.

Its credentials come from `TELEMETRY_FLEET`: JSON [{"terminal_number", "username", "password", "topic",
"receipts_topic"}], as `POST /v1/terminal-batches` answers.
"""

import asyncio
import json
import math

from services.shared.errors import Unavailable
from services.shared.process import run
from services.telemetry.consumers.device import Credential, Device
from services.telemetry.consumers.simulation import Plan, Simulation
from services.telemetry.settings import FleetSettings


def main() -> None:
    """Run the process."""
    settings = FleetSettings()
    fleet: list[Simulation] = []

    async def work(stop: asyncio.Event) -> None:
        credentials = [Credential.of(item) for item in json.loads(settings.fleet.get_secret_value())]
        devices = [Device(item, settings.mqtt_host, settings.mqtt_port) for item in credentials]
        fleet.append(Simulation(devices, Plan(period_s=settings.fleet_period_s, seconds=math.inf)))
        opening = asyncio.create_task(fleet[0].open_all())
        await fleet[0].drive(stop)
        opening.cancel()
        await fleet[0].close()

    async def ready() -> None:
        if not fleet or fleet[0].connected < len(fleet[0].terminals):
            raise Unavailable("vans offline")

    run("fleet", settings, work, ready=ready)


if __name__ == "__main__":
    main()
