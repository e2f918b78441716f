"""Tables of the registry (schema `registry`), a module a subject."""

from services.registry.models.areas import Area, AreaVersion
from services.registry.models.base import FEED, KERNEL, PERSONAL, SCHEMA_REVISION, Base
from services.registry.models.certificates import Certificate
from services.registry.models.documents import Document
from services.registry.models.enterprises import Enterprise, EnterpriseApplication, EnterpriseStanding
from services.registry.models.imports import Import, ImportPiece, ImportRow
from services.registry.models.principals import Client, StaffAccount
from services.registry.models.vehicles import Vehicle
from services.registry.models.verifications import Verification

__all__ = [
    "FEED",
    "KERNEL",
    "PERSONAL",
    "SCHEMA_REVISION",
    "Area",
    "AreaVersion",
    "Base",
    "Certificate",
    "Client",
    "Document",
    "Enterprise",
    "EnterpriseApplication",
    "EnterpriseStanding",
    "Import",
    "ImportPiece",
    "ImportRow",
    "StaffAccount",
    "Vehicle",
    "Verification",
]
