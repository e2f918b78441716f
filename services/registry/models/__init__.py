"""Tables of the registry (schema `registry`), a module a subject."""

from services.registry.models.areas import Area, AreaVersion
from services.registry.models.assessments import Assessment, AssessmentAppeal
from services.registry.models.base import FEED, KERNEL, PERSONAL, SCHEMA_REVISION, Base
from services.registry.models.certificates import Certificate
from services.registry.models.complaints import Complaint, ComplaintEvent
from services.registry.models.documents import Document
from services.registry.models.enterprises import Enterprise, EnterpriseApplication, EnterpriseStanding
from services.registry.models.operating_statements import OperatingStatement
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
    "Assessment",
    "AssessmentAppeal",
    "Base",
    "Certificate",
    "Client",
    "Complaint",
    "ComplaintEvent",
    "Document",
    "Enterprise",
    "EnterpriseApplication",
    "EnterpriseStanding",
    "OperatingStatement",
    "StaffAccount",
    "Vehicle",
    "Verification",
]
