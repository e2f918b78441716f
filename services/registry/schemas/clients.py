"""Clients and the token endpoint."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.shared.auth import Role
from services.shared.schemas import Identifier, Instant, Name, Out, Strict


class ClientCreate(Strict):
    """A new OAuth2 client of an office, a partner system or a firm."""

    name: Annotated[Name, Field(description="What the client is.", examples=["公安交管接口"])]
    role: Annotated[
        Literal[
            Role.enterprise,
            Role.transport_bureau,
            Role.commerce_bureau,
            Role.postal_bureau,
            Role.police,
            Role.province,
            Role.public,
        ],
        Field(strict=False, description="Role its tokens carry.", examples=["police"]),
    ]
    enterprise_id: Annotated[
        Identifier | None, Field(description="The firm; with role `enterprise` and only then.")
    ] = None

    @model_validator(mode="after")
    def _firm_with_role(self) -> Self:
        if (self.role is Role.enterprise) != (self.enterprise_id is not None):
            raise PydanticCustomError(
                "enterprise_id_role",
                "角色enterprise须且仅须给出企业 / enterprise_id goes with role enterprise and only with it",
            )
        return self


class ClientOut(Out):
    """A client, without its secret."""

    client_id: UUID = Field(validation_alias="id", description="Also its user name at `/oauth/token`.")
    name: str
    role: Role
    enterprise_id: UUID | None
    status: Literal["active", "disabled"]
    version: int
    created_at: Instant
    updated_at: Instant


class ClientSecretOut(Out):
    """A client's credentials; the secret is shown this once and stored only as a hash."""

    client_id: UUID
    client_secret: str = Field(description="256 random bits; keep it, it cannot be shown again.")


class TokenOut(Out):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a token type, not a token
    expires_in: int = Field(description="Seconds.")
    scope: str = ""


class TokenErrorOut(Out):
    """RFC 6749 section 5.2."""

    error: Literal["invalid_request", "invalid_client", "unsupported_grant_type", "invalid_scope"]
    error_description: str
