"""Quarantine and its releases over HTTP."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.shared.schemas import Instant, Out, Strict
from services.telemetry.schemas.terminals import TerminalNumber

Reason = Literal[
    "malformed_json", "not_an_object", "too_many_positions", "missing_field", "unknown_field", "wrong_type",
    "not_finite", "out_of_range", "unknown_crs", "time_invalid", "time_in_future", "time_too_old", "too_old",
    "null_island", "not_positioned", "report_too_short", "batch_too_short", "batch_cut_off", "unknown_format",
    "wrong_terminal", "not_a_bridge", "answer_invalid", "undecodable", "unknown_terminal",
    "refused_by_database",
]  # fmt: skip
"""Every reason there is: the table of docs/terminals.md."""


class QuarantinedOut(Out):
    """A fix or message that was wrong by itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 117,
                    "terminal_number": "LD-000123",
                    "enterprise_id": "0198c2f0-5b1e-7c3a-9d2e-3f4a5b6c7d8e",
                    "reason": "unknown_field",
                    "detail": "'plate'",
                    "raw": '{"time": 1760000000, "lon": 122.07, "lat": 41.12, "plate": "x"}',
                    "times": 2,
                    "days": {"2026-05-01": 2},
                    "first_received_at": "2026-05-01T00:30:00.000Z",
                    "last_received_at": "2026-05-01T00:31:00.000Z",
                }
            ]
        }
    )
    id: int = Field(description="Grows with the first reception.")
    terminal_number: str = Field(description="Who sent it.")
    enterprise_id: UUID | None = Field(description="Whose terminal; null of an unknown one.")
    reason: str = Field(description="Why it is here (docs/terminals.md).")
    detail: str = Field(description="Where and what.")
    raw: str = Field(description="As it came; bytes that are no UTF-8 are escaped.")
    times: int = Field(description="How often it came.")
    days: dict[date, int] = Field(description="How often by day of reception, in the city's zone.")
    first_received_at: Instant = Field(description="When it came first.")
    last_received_at: Instant = Field(description="When it came last.")


class ReleaseCriteria(Strict):
    """Which rows of quarantine: all given conditions hold, and at least one is given."""

    terminal_number: TerminalNumber | None = Field(default=None, description="Of this terminal.")
    reasons: list[Reason] | None = Field(
        default=None, min_length=1, max_length=50, description="With one of these reasons."
    )
    received_from: Instant | None = Field(default=None, description="Received from then on.")
    received_to: Instant | None = Field(default=None, description="Received before.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set or all(value is None for _, value in self):
            raise PydanticCustomError("criteria_missing", "须给出条件 / at least one condition")
        return self


class QuarantineReleaseCreate(Strict):
    """What is to be judged again, its cause being mended: named rows, or all that meet conditions."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"filter": {"terminal_number": "LD-000123", "reasons": ["unknown_terminal"]}}]
        }
    )
    ids: list[Annotated[int, Field(ge=1, lt=2**63)]] | None = Field(
        default=None, min_length=1, max_length=1000, description="These rows; all must be the caller's."
    )
    filter: ReleaseCriteria | None = Field(default=None, description="All rows that meet these conditions.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.ids is None) is (self.filter is None):
            raise PydanticCustomError("one_way", "ids 与 filter 须且仅须其一 / either `ids` or `filter`")
        return self


class QuarantineReleaseOut(Out):
    """A release and how far it has come; counts of rows, and of the positions they gave."""

    id: UUID = Field(description="The release.")
    enterprise_id: UUID | None = Field(description="Whose rows; null: of every firm.")
    status: Literal["pending", "running", "done"] = Field(description="How far it is.")
    examined: int = Field(description="Rows judged again.")
    released: int = Field(description="Rows that have left quarantine.")
    still_quarantined: int = Field(description="Rows that stay, with the reason of now.")
    stored: int = Field(description="Positions stored.")
    duplicate: int = Field(description="Positions that were known already, or came again.")
    requested_by: str = Field(description="Client or staff account.")
    requested_by_name: str | None = Field(description="The official's name; null for a client.")
    created_at: Instant = Field(description="When it was asked for.")
    finished_at: Instant | None = Field(description="When it was done.")
