"""Terminals, their credentials and bindings over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.shared.schemas import Instant, Out, Strict, shown_once

TerminalNumber = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_-]{1,32}$",
        description="终端编号，即 MQTT 用户名与客户端标识 / Number, also MQTT user name and client id.",
        examples=["LD-000123"],
    ),
]
Uuid = Annotated[UUID, Field(strict=False)]


class TerminalCreate(Strict):
    """A terminal to provision, fitted to a vehicle when one is named."""

    terminal_number: TerminalNumber
    enterprise_id: Uuid | None = Field(
        default=None, description="Owner; required of a bureau, an enterprise's own otherwise."
    )
    vehicle_id: Uuid | None = Field(
        default=None, description="Vehicle it is fitted to, as its primary terminal."
    )
    fitted_at: Instant | None = Field(default=None, description="Start of the binding; default now.")


class TerminalBatchCreate(Strict):
    """Up to 20,000 terminals provisioned in one transaction: all or none."""

    enterprise_id: Uuid | None = Field(default=None, description="Owner of all that name none.")
    terminals: list[TerminalCreate] = Field(min_length=1, max_length=20_000)


class CredentialOut(Out):
    """How the terminal signs in; the password is shown this once."""

    model_config = ConfigDict(json_schema_extra=shown_once("password"))
    id: UUID
    terminal_number: str
    username: str
    password: str = Field(description="一次性显示 / Shown once; only a verifier is kept.")
    topic: str = Field(description="Where it publishes its positions, QoS 1.")
    receipts_topic: str = Field(description="Where it reads receipts.")


class TerminalBatchOut(Out):
    """Credentials in the order of the request."""

    items: list[CredentialOut]


class BindingCreate(Strict):
    """Fit a terminal to a vehicle."""

    vehicle_id: Uuid
    valid_from: Instant | None = Field(default=None, description="Default now.")
    valid_to: Instant | None = Field(default=None, description="Open when absent.")
    primary: bool = Field(
        default=True, description="Positions of the primary terminal count for conclusions."
    )


class BindingEnd(Strict):
    """End a binding."""

    valid_to: Instant | None = Field(default=None, description="Default now.")


class BindingOut(Out):
    """A binding over a half-open interval."""

    id: UUID
    vehicle_id: UUID
    valid_from: Instant
    valid_to: Instant | None
    is_primary: bool


class TerminalOut(Out):
    """A terminal as its owner and the bureaus see it."""

    id: UUID
    terminal_number: str
    enterprise_id: UUID
    kind: Literal["mqtt"]
    status: Literal["pending", "active", "revoked"] = Field(
        description="`pending` until the broker has loaded the credential."
    )
    topic: str
    created_at: Instant
    bindings: list[BindingOut]
