"""Staff accounts and their sign-in."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from services.registry.schemas.clients import check_scopes
from services.registry.schemas.entities import EntityOut
from services.shared.auth import Role
from services.shared.schemas import Name, Strict, Text, shown_once

Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,63}$", examples=["wang.li"])]


class StaffAccountCreate(Strict):
    """A new account of a named official."""

    username: Annotated[Username, Field(description="Signs in with it; letters, digits and . _ -")]
    display_name: Annotated[Name, Field(description="The person's name as it stands on decisions.")]
    role: Annotated[
        Literal["transport_bureau", "commerce_bureau", "postal_bureau", "police", "province"],
        Field(description="The office.", examples=["transport_bureau"]),
    ]
    scopes: Annotated[
        list[Literal["admin", "personal_data"]],
        Field(
            default_factory=list,
            max_length=8,
            description="Further rights: `admin` manages accounts, `personal_data` unmasks values.",
        ),
    ]

    @field_validator("scopes")
    @classmethod
    def _scopes_with_role(cls, scopes: list[str], info: ValidationInfo) -> list[str]:
        return check_scopes(scopes, info.data.get("role"))


class StaffAccountOut(EntityOut):
    """A staff account."""

    username: str = Field(description="Signs in with it.")
    display_name: str = Field(description="As it stands on decisions.")
    role: Role = Field(description="The office.")
    scopes: list[str] = Field(description="Further rights.")
    status: Literal["active", "disabled"] = Field(description="A disabled account cannot sign in.")


class StaffAccountCreated(StaffAccountOut):
    """A new staff account with its first password, shown this once."""

    model_config = ConfigDict(json_schema_extra=shown_once("password"))
    password: str = Field(description="Shown this once; stored only as argon2id.")


class StaffSessionCreate(Strict):
    """A sign-in."""

    username: Annotated[
        Text, Field(min_length=1, max_length=64, description="User name.", examples=["admin"])
    ]
    password: Annotated[Text, Field(min_length=1, max_length=200, description="Never logged.")]
