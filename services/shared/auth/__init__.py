"""Who is asking: principals, access tokens, and the guards every route declares."""

from services.shared.auth.guards import Guard, require
from services.shared.auth.principal import Principal, Role
from services.shared.auth.tokens import AccessTokenIssuer, ServiceAuth
from services.shared.auth.verifier import TokenVerifier

__all__ = [
    "AccessTokenIssuer",
    "Guard",
    "Principal",
    "Role",
    "ServiceAuth",
    "TokenVerifier",
    "require",
]
