"""Who may call what, named once."""

from typing import Annotated

from fastapi import Depends

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS

Administrator = Annotated[Principal, Depends(require(Role.transport_bureau, scope="admin", official=True))]
"""A named official of the transport bureau with the scope `admin`."""

Official = Annotated[Principal, Depends(require(Role.transport_bureau, official=True))]
"""A named official of the transport bureau: its decisions count."""

Reviewer = Annotated[Principal, Depends(require(*BUREAUS, official=True))]
"""A named official of one of the supervising offices."""

Bureau = Annotated[Principal, Depends(require(*BUREAUS))]
"""One of the supervising offices."""

Party = Annotated[Principal, Depends(require(Role.enterprise, *BUREAUS))]
"""A firm, about its own, or one of the offices."""

Registrar = Annotated[Principal, Depends(require(Role.enterprise, Role.transport_bureau))]
"""A firm, about its own, or the transport bureau."""

Anyone = Annotated[
    Principal,
    Depends(require(Role.enterprise, *BUREAUS, Role.police, Role.province, Role.public, Role.service)),
]
"""Every party with a token."""

PersonalReader = Annotated[Principal, Depends(require(Role.enterprise, *BUREAUS, scope="personal_data"))]
"""A firm, about its own people, or one of the offices, with the scope `personal_data`."""

TricycleKeeper = Annotated[
    Principal, Depends(require(Role.enterprise, Role.transport_bureau, Role.postal_bureau))
]
"""A firm, about its own, or one of the offices that look after express tricycles."""

TricycleOfficial = Annotated[
    Principal, Depends(require(Role.transport_bureau, Role.postal_bureau, official=True))
]
"""A named official of the transport or the postal bureau."""

Firm = Annotated[Principal, Depends(require(Role.enterprise))]
"""A firm, for itself alone."""

Service = Annotated[Principal, Depends(require(Role.service))]
"""A service of the platform, on an internal route."""
