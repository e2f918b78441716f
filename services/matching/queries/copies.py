"""Reading the copies of others' facts into the fleet: everything, or what came after a position."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.matching.domain.restrictions import Grant
from services.matching.domain.vehicles import ANYONE, Vehicle
from services.matching.queries.jobs import OWN_RIGHTS
from services.shared.db import Database
from services.shared.events.permits import PermitState, RestrictionRuleState
from services.shared.events.registry import VehicleState
from services.shared.rules.conditions import VehicleFacts
from services.shared.rules.records import Rule
from services.shared.rules.standing import Course

_FIRMS = "SELECT id, status, standings FROM matching.enterprises WHERE pos > $1"
_CURSORS = "SELECT source, feed_id, pos, copy_version FROM matching.follow_cursors"


@dataclass(frozen=True, slots=True)
class CopyCursor:
    """How far one source has been copied."""

    feed_id: UUID
    copy_version: int
    pos: int

    def continues(self, before: "CopyCursor | None") -> bool:
        """Tell whether only what came after `before` must be read."""
        return before is not None and (self.feed_id, self.copy_version) == (
            before.feed_id,
            before.copy_version,
        )


@dataclass(frozen=True, slots=True)
class RegistryChanges:
    """Firms and the courses of their standings; vehicles, None where one is gone."""

    enterprises: list[tuple[UUID, Course]]
    vehicles: list[tuple[UUID, Vehicle | None]]


@dataclass(frozen=True, slots=True)
class PermitsChanges:
    """Rules and grants, None where one is gone."""

    rules: list[tuple[UUID, Rule | None]]
    grants: list[tuple[UUID, Grant | None]]


async def find_cursors(database: Database) -> dict[str, CopyCursor]:
    """Return how far each source has been copied."""
    async with database.acquire(OWN_RIGHTS, readonly=True) as connection:
        rows = await connection.fetch(_CURSORS)
    return {row["source"]: CopyCursor(row["feed_id"], row["copy_version"], row["pos"]) for row in rows}


async def find_registry_changes(database: Database, after: int) -> RegistryChanges:
    """Return firms and vehicles that changed after a position of the registry's feed; 0 is all."""
    async with database.acquire(OWN_RIGHTS, readonly=True) as connection:
        firms = await connection.fetch(_FIRMS, after)
        rows = await connection.fetch(_states("vehicles"), after)
    return RegistryChanges(
        [(row["id"], _course(row)) for row in firms],
        _parsed(rows, lambda text: _vehicle(VehicleState.model_validate_json(text))),
    )


async def find_permits_changes(database: Database, after: int) -> PermitsChanges:
    """Return rules and permits that changed after a position of the permits' feed; 0 is all."""
    async with database.acquire(OWN_RIGHTS, readonly=True) as connection:
        rules = await connection.fetch(_states("restriction_rules"), after)
        permits = await connection.fetch(_states("permits"), after)
    return PermitsChanges(
        _parsed(rules, lambda text: RestrictionRuleState.model_validate_json(text).to_rule()),
        _parsed(permits, lambda text: PermitState.model_validate_json(text).to_grant()),
    )


def _states(table: str) -> str:
    return f"SELECT id, deleted, state::text AS state FROM matching.{table} WHERE pos > $1"  # noqa: S608 - one of three constants


def _parsed(rows: Iterable[Any], parse: Callable[[str], Any]) -> list[tuple[UUID, Any]]:
    return [(row["id"], None if row["deleted"] else parse(row["state"])) for row in rows]


def _course(row: Any) -> Course:
    """Return a firm's course; where none has arrived yet, its status holds always."""
    return Course.load(row["standings"]) or Course.always(active=row["status"] == "active")


def _vehicle(state: VehicleState) -> Vehicle:
    return Vehicle(
        id=state.id,
        enterprise_id=state.enterprise_id,
        plate_number=state.plate_number,
        plate_color=state.plate_color,
        valid_from=state.valid_from,
        valid_to=state.valid_to,
        payload_kg=state.payload_kg,
        volume_m3=state.volume_m3,
        refrigeration=state.refrigeration,
        energy_code=state.energy_code,
        facts=VehicleFacts(
            id=ANYONE,
            plate_color=state.plate_color,
            vehicle_type=state.vehicle_type,
            powertrain=state.powertrain,
            gross_mass_kg=state.gross_mass_kg,
            payload_kg=state.payload_kg,
            length_m=state.length_m,
            width_m=state.width_m,
            height_m=state.height_m,
            refrigeration=state.refrigeration,
            emission_stage=state.emission_stage,
        ),
        papers=state.to_course(),
    )
