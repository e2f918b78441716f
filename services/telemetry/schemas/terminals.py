"""Terminals, their credentials and bindings over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

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
Kind = Literal["mqtt", "jt808", "owntracks", "bridge"]
ProtocolVersion = Literal[2011, 2013, 2019]
DeviceId = Annotated[
    str,
    Field(
        pattern=r"^[\x21-\x7e]{1,30}$",
        description="设备铭牌上的终端ID / JT/T 808: the terminal id printed on the device. With it the device"
        " may register and be given its authentication code; without it only the code given here works.",
        examples=["PJ00001"],
    ),
]


class TerminalCreate(Strict):
    """A terminal to provision, fitted to a vehicle when one is named."""

    terminal_number: TerminalNumber
    kind: Kind = Field(
        default="mqtt",
        description="接入方式 / How it connects: own JSON over MQTT; JT/T 808 over TCP, its number being the"
        " phone's digits without leading zeros; OwnTracks; or a bridge that passes on what the terminals of"
        " its firm report.",
    )
    device_id: DeviceId | None = None
    protocol_version: ProtocolVersion | None = Field(
        default=None, description="JT/T 808: what the device speaks where its messages say it wrongly."
    )
    enterprise_id: Uuid | None = Field(
        default=None, description="Owner; required of a bureau, an enterprise's own otherwise."
    )
    vehicle_id: Uuid | None = Field(
        default=None, description="Vehicle it is fitted to, as its primary terminal."
    )
    fitted_at: Instant | None = Field(
        default=None,
        description="安装时间，至多31天前 / Start of the binding to `vehicle_id`; default now, at most"
        " 31 days ago.",
    )

    @field_validator("fitted_at")
    @classmethod
    def _to_a_vehicle(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        if value is not None and info.data.get("vehicle_id", ...) is None:
            raise PydanticCustomError("vehicle_missing", "须同时填写车辆 / needs a vehicle_id")
        return value


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
    password: str = Field(
        description="一次性显示 / Shown once; only a verifier is kept. With JT/T 808 the 鉴权码."
    )
    topic: str | None = Field(description="Where it publishes its positions, QoS 1; null with JT/T 808.")
    receipts_topic: str | None = Field(description="Where it reads receipts; null with JT/T 808.")


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
    kind: Kind
    device_id: str | None
    protocol_version: ProtocolVersion | None
    status: Literal["pending", "active", "revoked"] = Field(
        description="`pending` until the broker has loaded the credential."
    )
    topic: str | None
    registrable_until: Instant | None = Field(
        description="Until then a JT/T 808 device that shows its `device_id` is given an authentication code."
    )
    registered_at: Instant | None
    created_at: Instant
    bindings: list[BindingOut]
