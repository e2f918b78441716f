"""Who may call what: the guards of the permits routes."""

from typing import Annotated

from fastapi import Depends

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS

Reader = Annotated[
    Principal, Depends(require(Role.enterprise, *BUREAUS, Role.police, Role.province, Role.public))
]
"""Rules and permit types are no secret; a token only says who reads them."""
Party = Annotated[Principal, Depends(require(Role.enterprise, *BUREAUS, Role.police))]
"""An enterprise sees its own, offices see all."""
Applicant = Annotated[Principal, Depends(require(Role.enterprise))]
RuleMaker = Annotated[Principal, Depends(require(Role.police, Role.transport_bureau, official=True))]
PoliceOfficial = Annotated[Principal, Depends(require(Role.police, official=True))]
"""The police's decision is authoritative (`domain.md` §4.1)."""
