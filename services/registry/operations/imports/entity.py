"""What an entity says of itself to be imported: its columns, how rows are planned, how they are written.

The engine reads files, checks rows by the entity's schema, finds doubles, keeps outcomes and applies a file
in one transaction; everything that is the entity's own stands in one module of its own and its `Entity`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import Outcome
from services.registry.domain.sheets import Column
from services.registry.models import Import
from services.registry.operations.imports.export_kinds import StreamExport, TableExport
from services.registry.operations.imports.form import Form
from services.shared.auth import Principal, Role
from services.shared.errors import FieldError, ServiceError
from services.shared.personal import Vault


@dataclass(frozen=True, slots=True)
class Run:
    """On whose behalf a file is worked on, and as of when.

    Attributes:
        import_id: The import.
        enterprise_id: The firm it belongs to; None for an office's.
        columns: Fields that the file has a column for; the others of an entity stay as they are.
        now: The instant all its rows are of.
        final: Whether this is the application, in whose transaction what is read stays true.
        who: Who has it applied.
        vault: For personal values.
    """

    import_id: UUID
    enterprise_id: UUID | None
    columns: frozenset[str]
    now: datetime
    final: bool
    who: Principal
    vault: Vault


@dataclass(slots=True)
class Row:
    """A row that the schema takes."""

    number: int
    values: Mapping[str, Any]
    """JSON values by column, None where the cell is empty."""
    given: Any
    """The schema's model of them."""


@dataclass(frozen=True, slots=True)
class About:
    """What a row is about: no two rows of a file may be about the same at one instant."""

    key: str
    label: str | None = None
    """Shown with the outcome; None where it is a personal value."""
    begin: datetime | None = None
    end: datetime | None = None


@dataclass(slots=True)
class Step:
    """What becomes of one row, and what is written for it."""

    number: int
    outcome: Outcome
    key: str | None = None
    entity_id: UUID | None = None
    faults: Sequence[FieldError] = ()
    entity: Any = field(default=None, repr=False)
    """A mapped object of no session; its `version` is still the one before."""
    beside: Any = field(default=None, repr=False)
    """What else `write` must know of it."""


Plan = Callable[[AsyncSession, Run, Sequence[Row]], Awaitable[list[Step]]]
Write = Callable[[AsyncSession, Run, Sequence[Step]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Entity:
    """How one entity is imported.

    Attributes:
        name: Its collection.
        title: Chinese and English.
        form: Takes one row, as the API's request body.
        columns: All a file can have; those of the form and further ones that `plan` reads.
        about: What a row of a run is about.
        plan: Compares rows with what is on record: a step each, in any order. Under `final` the steps have
            what is to be written, and what they rest on is locked or checked again by `write`.
        write: Writes the steps that create or update, with their states; turns one that lost its place
            meanwhile into a conflict.
        table: Of the rows that `entity_id` names.
        export: How it is exported.
        roles: Who may import it: a firm for itself, offices for those in their charge.
        example: A whole row that would be taken, by column, shown in the template.
        only_officials: Whether an office's client, without a named person, may not.
    """

    name: str
    title: tuple[str, str]
    form: Form
    columns: tuple[Column, ...]
    about: Callable[[Row, Run], About]
    plan: Plan
    write: Write
    table: Table
    export: TableExport | StreamExport
    roles: frozenset[Role]
    example: Mapping[str, str]
    only_officials: bool = False


def importer_of(found: Import) -> Principal:
    """Return on whose word an import is worked on: who has it applied, until then who handed it in."""
    by, name = found.created_by, found.created_by_name
    if found.applied_by is not None:
        by, name = found.applied_by, found.applied_by_name
    return Principal(by, Role(found.role), enterprise_id=found.enterprise_id, name=name)


def refused(row: Row, outcome: Outcome, *faults: FieldError, key: str | None = None) -> Step:
    """Return the step of a row that is not taken."""
    return Step(row.number, outcome, key=key, faults=faults)


def fault_of(error: type[ServiceError], name: str) -> FieldError:
    """Return what the API would refuse with, as a fault of a column."""
    return FieldError(name, error.slug, f"{error.title_zh} / {error.title_en}")
