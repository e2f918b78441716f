"""Clients and the token endpoint."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.registry.domain.scopes import may_read_personal_data
from services.shared.auth import Role
from services.shared.schemas import Identifier, Instant, Name, Out, Strict, shown_once

ClientScope = Literal["personal_data"]


def check_scopes(scopes: list[str], role: str | None) -> list[str]:
    """Return scopes that the role may have, each once.

    Raises:
        PydanticCustomError: The role is none that reads personal data.
    """
    if "personal_data" in scopes and role is not None and not may_read_personal_data(role):
        raise PydanticCustomError(
            "scope_role", "该角色不得查阅个人信息 / this role may not read personal data"
        )
    return list(dict.fromkeys(scopes))


class ClientCreate(Strict):
    """A new OAuth2 client of an office, a partner system or a firm."""

    name: Annotated[Name, Field(description="What the client is.", examples=["公安交管接口"])]
    role: Annotated[
        Literal[
            "enterprise",
            "transport_bureau",
            "commerce_bureau",
            "postal_bureau",
            "police",
            "province",
            "public",
        ],
        Field(description="Role its tokens carry.", examples=["police"]),
    ]
    enterprise_id: Annotated[
        Identifier | None,
        Field(validate_default=True, description="The firm; with role `enterprise` and only then."),
    ] = None

    @field_validator("enterprise_id")
    @classmethod
    def _firm_with_role(cls, firm: UUID | None, info: ValidationInfo) -> UUID | None:
        if "role" in info.data and (info.data["role"] == Role.enterprise) != (firm is not None):
            raise PydanticCustomError(
                "enterprise_id_role",
                "角色enterprise须且仅须给出企业 / goes with role enterprise and only with it",
            )
        return firm

    scopes: Annotated[
        list[ClientScope],
        Field(
            default_factory=list,
            max_length=8,
            description="Further rights its tokens may carry; `personal_data` reads values in the clear.",
        ),
    ]

    @field_validator("scopes")
    @classmethod
    def _scopes_with_role(cls, scopes: list[str], info: ValidationInfo) -> list[str]:
        return check_scopes(scopes, info.data.get("role"))


class ClientScopes(Strict):
    """The further rights of a client, all of them."""

    scopes: Annotated[
        list[ClientScope], Field(max_length=8, description="Empty: none.", examples=[["personal_data"]])
    ]


class ClientOut(Out):
    """A client, without its secret."""

    client_id: UUID = Field(validation_alias="id", description="Also its user name at `/oauth/token`.")
    name: str = Field(description="What the client is.")
    role: Role = Field(description="Role its tokens carry.")
    enterprise_id: UUID | None = Field(description="The firm, with role enterprise.")
    scopes: list[str] = Field(description="Further rights its tokens may carry.")
    status: Literal["active", "disabled"] = Field(description="A disabled client gets no token.")
    version: int = Field(description="One more with every change.")
    created_at: Instant = Field(description="When it was made.")
    updated_at: Instant = Field(description="When it last changed.")


class ClientSecretOut(Out):
    """A client's credentials; the secret is shown this once and stored only as a hash."""

    model_config = ConfigDict(json_schema_extra=shown_once("client_secret"))
    client_id: UUID = Field(description="User name at `/oauth/token`.")
    client_secret: str = Field(description="256 random bits; keep it, it cannot be shown again.")


class TokenOut(Out):
    """RFC 6749 section 5.1."""

    access_token: str = Field(description="Bearer token, a signed JWT.")
    token_type: Literal["Bearer"] = Field(default="Bearer", description="How it is presented.")
    expires_in: int = Field(description="Seconds.")
    scope: str = Field(default="", description="Scopes granted, separated by spaces.")


class TokenErrorOut(Out):
    """RFC 6749 section 5.2."""

    error: Literal["invalid_request", "invalid_client", "unsupported_grant_type", "invalid_scope"] = Field(
        description="Code of RFC 6749 section 5.2."
    )
    error_description: str = Field(description="For the developer.")
