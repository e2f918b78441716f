"""The entities that can be imported and exported, by name."""

from typing import Final

from services.registry.operations.imports.drivers import DRIVERS
from services.registry.operations.imports.enterprises import ENTERPRISES
from services.registry.operations.imports.entity import Entity
from services.registry.operations.imports.facilities import FACILITIES
from services.registry.operations.imports.vehicles import VEHICLES

ENTITIES: Final[dict[str, Entity]] = {
    entity.name: entity for entity in (ENTERPRISES, VEHICLES, DRIVERS, FACILITIES)
}
