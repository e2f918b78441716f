"""The tool `make simulate N=…`: many terminals with what goes wrong in the field, every fix accounted for.

It provisions terminals for a demo tenant through the public API, lets them drive and meet tunnels, restarts,
wrong clocks and coordinate systems, waits until each fix is receipted, and compares terminal by terminal
with the platform's own accounts. The last line is JSON; the status is 0 only when nothing is lost or twice.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from services.shared.clock import utc_now
from services.telemetry.clients import Platform, PlatformError
from services.telemetry.consumers.arguments import add_platform, allow_sockets, credential_of
from services.telemetry.consumers.device import Credential, Device
from services.telemetry.consumers.simulation import Plan, Probe, Simulation, settle
from services.telemetry.domain import mishaps
from services.telemetry.domain.conservation import Account, Balance, Tally, balance, quantile

MOST_TERMINALS: Final = 10_000
ENTERPRISE: Final = "终端模拟 Simulation"
PERIOD_S: Final = 10.0
ACCOUNTING_TRIES: Final = 30
PROGRESS_S: Final = 5.0


class SimulationError(Exception):
    """The run cannot be made as asked."""


@dataclass
class Report:
    """What became of a run; times in milliseconds."""

    terminals: int
    faults: list[str]
    recorded: int
    sent: int
    receipted: int
    not_receipted: int
    overwritten: int
    received: int
    stored: int
    duplicate: int
    quarantined: int
    lost: int
    twice: int
    connections: int
    positions_per_s: float
    puback_ms: dict[str, float | None]
    receipt_ms: dict[str, float | None]
    visible_ms: dict[str, float | None]
    seconds: float


class Run:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._stop = asyncio.Event()
        self._simulation: Simulation | None = None
        self._probe: Probe | None = None
        self._seconds = 0.0

    async def run(self) -> tuple[Report, Balance]:
        """Provision, drive, settle, compare.

        Raises:
            PlatformError: the platform refused; in the production profile it refuses the demo tenant.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        async with Platform(self._options.url, *credential_of(self._options)) as platform:
            await self._provision(platform)
            await self._drive()
            found = await self._compare(platform)
            return self._report(found), found

    @property
    def _parts(self) -> tuple[Simulation, Probe]:
        assert self._simulation is not None and self._probe is not None  # noqa: S101, PT018  provisioned before
        return self._simulation, self._probe

    @property
    def _devices(self) -> list[Device]:
        simulation, probe = self._parts
        return [*(terminal.device for terminal in simulation.terminals), probe.device]

    async def _provision(self, platform: Platform) -> None:
        options = self._options
        enterprise_id = await platform.found_enterprise(ENTERPRISE)
        run = f"SIM-{int(time.time()):x}"
        wanted: list[dict[str, Any]] = [
            {"terminal_number": f"{run}-{number:05}"} for number in range(options.terminals + 1)
        ]
        if options.vehicles:
            _say(f"registering {options.vehicles} vehicles")
            since = utc_now() - timedelta(days=1)
            vehicles = await platform.register_vehicles(enterprise_id, options.vehicles, since)
            for item, vehicle_id in zip(wanted, vehicles, strict=False):
                item |= {"vehicle_id": vehicle_id, "fitted_at": since.isoformat()}
        began = time.monotonic()
        answers = await platform.provision(enterprise_id, wanted)
        _say(f"{len(wanted)} terminals active at the broker in {time.monotonic() - began:.1f} s")
        plan = Plan(
            period_s=options.terminals / options.rate if options.rate else PERIOD_S,
            seconds=options.minutes * 60, settle_s=options.settle, faults=options.faults, seed=options.seed,
        )  # fmt: skip
        host, port = options.mqtt_host, options.mqtt_port
        *devices, last = (Device(Credential.of(answer), host, port) for answer in answers)
        self._simulation = Simulation(devices, plan)

        async def newest(lon: float, lat: float) -> str | None:
            try:
                return await platform.newest_time(lon, lat)
            except PlatformError:
                return None  # asked again at once: the API may be starting anew

        self._probe = Probe(last, newest)

    async def _drive(self) -> None:
        simulation, probe = self._parts
        progress = asyncio.create_task(self._show_progress())
        ended = asyncio.Event()
        looking = asyncio.create_task(probe.run(ended))
        try:
            await simulation.open_all()
            _say(f"{simulation.connected} terminals online")
            began = time.monotonic()
            await simulation.drive(self._stop)
            self._seconds = time.monotonic() - began
            ended.set()
            await looking
            await asyncio.gather(simulation.settle(), settle(probe.device, self._options.settle))
        finally:
            progress.cancel()
            ended.set()
            await simulation.close()
            await probe.device.close()

    async def _show_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_S)
            tally = _tally(self._devices)
            online = sum(device.is_connected for device in self._devices)
            _say(f"online {online}, measured {tally.recorded}, receipted {tally.receipted}")

    async def _compare(self, platform: Platform) -> Balance:
        """Read the accounts until they hold all that is receipted, or do not change any more."""
        devices = {device.credential.terminal_number: device for device in self._devices}
        accounts: dict[str, Account] = {}
        for _ in range(ACCOUNTING_TRIES):
            accounts = await platform.accounts(devices)
            if all(
                accounts[number].stored >= _tally([device]).receipted for number, device in devices.items()
            ):
                break
            await asyncio.sleep(1)
        return balance((_tally([device]), accounts[number]) for number, device in devices.items())

    def _report(self, found: Balance) -> Report:
        devices, (_, probe) = self._devices, self._parts
        ledgers = [device.ledger for device in devices]
        return Report(
            terminals=len(devices), faults=sorted(self._options.faults), **found.tally._asdict(),
            not_receipted=found.not_receipted, **found.account._asdict(), lost=found.lost, twice=found.twice,
            connections=sum(ledger.connections for ledger in ledgers),
            positions_per_s=round(found.tally.recorded / max(self._seconds, 0.001), 1),
            puback_ms=_times([ms for ledger in ledgers for ms in ledger.puback_ms]),
            receipt_ms=_times([ms for ledger in ledgers for ms in ledger.receipt_ms]),
            visible_ms=_times(list(probe.visible_ms)), seconds=round(self._seconds, 1),
        )  # fmt: skip


def _tally(devices: Sequence[Device]) -> Tally:
    ledgers = [device.ledger for device in devices]
    return Tally(*(sum(getattr(ledger, name) for ledger in ledgers) for name in Tally._fields))


def _times(values: list[float]) -> dict[str, float | None]:
    values.sort()
    found = {"p50": quantile(values, 0.5), "p99": quantile(values, 0.99), "max": quantile(values, 1.0)}
    return {name: None if value is None else round(value, 1) for name, value in found.items()}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _faults(text: str) -> list[str]:
    named = {"all": list(mishaps.KINDS), "none": []}
    kinds = named.get(text, [word for word in text.split(",") if word])
    unknown = set(kinds) - set(mishaps.KINDS)
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}; known: {', '.join(mishaps.KINDS)}")
    return kinds


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description="Simulate terminals in the field.")
    parser.add_argument("terminals", type=int, nargs="?", default=100, help="how many; at most 10,000")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--rate", type=float, help="positions a second of all; default: each one every 10 s")
    parser.add_argument(
        "--faults", type=_faults, default="all", help=f"all, none, or some of {','.join(mishaps.KINDS)}"
    )
    parser.add_argument("--vehicles", type=int, default=0, help="how many are fitted to vehicles")
    parser.add_argument(
        "--settle", type=float, default=60.0, help="seconds that missing receipts are waited for"
    )
    parser.add_argument("--seed", type=int, default=1)
    add_platform(parser)
    options = parser.parse_args(arguments)
    if not 1 <= options.terminals <= MOST_TERMINALS or not 0 <= options.vehicles <= options.terminals:
        parser.error(f"1 to {MOST_TERMINALS} terminals, and no more vehicles than terminals")
    return options


def main(arguments: list[str]) -> int:
    """Run the tool; 0 when every fix measured is receipted and stored exactly once."""
    try:
        options = _options(arguments)
        if allow_sockets(options.terminals) < options.terminals:
            raise SimulationError("not enough open files allowed for so many terminals: ulimit -n")  # noqa: TRY301
        report, found = asyncio.run(Run(options).run())
    except (SimulationError, PlatformError, OSError, KeyError) as error:
        _say(f"simulate: {error}")
        return 1
    print(json.dumps(asdict(report)))
    return 0 if found.is_conserved else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
