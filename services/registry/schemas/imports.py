"""Imports and exports."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.registry.domain.imports import ImportStatus, Outcome
from services.shared.schemas import Instant, Out, Strict

EntityName = Literal["enterprises", "vehicles", "drivers", "facilities"]
ExportStatus = Literal["active", "suspended", "closed", "ended", "erased", "planned", "built", "operating"]
"""Of a firm, of an employment, of a facility."""
TableFormat = Literal["csv", "xlsx"]
Encoding = Literal["utf-8", "gb18030"]


class ApplicationCreate(Strict):
    """A wish to have an import applied."""

    skip_refused: Annotated[
        bool,
        Field(description="Leave out the rows in conflict or invalid; otherwise they refuse the whole file."),
    ] = False

    model_config = ConfigDict(json_schema_extra={"examples": [{"skip_refused": False}]})


class ImportTotals(Out):
    """Rows by what becomes of them."""

    created: int = Field(0, description="New on record.")
    updated: int = Field(0, description="On record and different.")
    unchanged: int = Field(0, description="On record as in the file.")
    conflict: int = Field(0, description="In the way of what is on record.")
    invalid: int = Field(0, description="Not to be understood or against a rule.")


class ImportReason(Out):
    """Why a file, or its application, was refused."""

    code: str = Field(description="Stable code.")
    message: str = Field(description="Chinese and English.")


class ImportOut(Out):
    """A file, how far it is, and what becomes of its rows."""

    id: UUID = Field(description="The import.")
    entity: EntityName = Field(description="What its rows are.")
    enterprise_id: UUID | None = Field(description="The firm it belongs to; null for an office's.")
    status: ImportStatus = Field(description="How far it is; the dry run ends at `checked`.")
    format: TableFormat = Field(description="What the file is.")
    size_bytes: int = Field(description="Its length.")
    columns: list[str] = Field(description="Fields it has a column for.")
    rows_total: int | None = Field(description="Rows; while it is checked, as many as it seems to have.")
    rows_done: int = Field(description="Rows checked, or applied, so far.")
    totals: ImportTotals = Field(description="Rows by outcome, as of the last check or the application.")
    reason: ImportReason | None = Field(description="Why it failed, or was not applied; null otherwise.")
    skip_refused: bool = Field(description="Whether refused rows are left out at application.")
    created_at: Instant = Field(description="When it came in.")
    expires_at: Instant = Field(description="When its bytes are destroyed unless it is applied before.")
    checked_at: Instant | None = Field(description="As of when its rows were last checked.")
    applied_at: Instant | None = Field(description="When it was applied.")
    ended_at: Instant | None = Field(description="When it ended; its bytes are gone since.")


class RowFault(Out):
    """One thing wrong with a row."""

    field: str = Field(description="The column, `row` for the row as a whole.")
    code: str = Field(description="Stable code.")
    message: str = Field(description="Chinese and English.")


class ImportRowOut(Out):
    """What becomes of one row."""

    row_number: int = Field(description="Its number in the file, the heading being 1.")
    outcome: Outcome = Field(description="What becomes of it.")
    key: str | None = Field(description="What it is about, where that is no personal value.")
    entity_id: UUID | None = Field(description="The entity, once there is one.")
    faults: list[RowFault] = Field(description="Why it is refused.")
