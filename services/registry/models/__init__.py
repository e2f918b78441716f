"""Tables of the registry (schema `registry`), a module a subject."""

from services.registry.models.access import AccessEntry, Erasure
from services.registry.models.areas import Area, AreaVersion
from services.registry.models.assessments import Assessment, AssessmentAppeal
from services.registry.models.base import FEED, KERNEL, PERSONAL, SCHEMA_REVISION, Base
from services.registry.models.certificates import Certificate
from services.registry.models.complaints import Complaint, ComplaintEvent
from services.registry.models.documents import Document
from services.registry.models.drivers import Driver
from services.registry.models.enterprises import Enterprise, EnterpriseApplication, EnterpriseStanding
from services.registry.models.facilities import Facility, FacilityStep
from services.registry.models.operating_statements import OperatingStatement
from services.registry.models.principals import Client, StaffAccount
from services.registry.models.tricycles import Tricycle
from services.registry.models.units import Bay, Charger, UnitEnding
from services.registry.models.vehicles import Vehicle
from services.registry.models.verifications import Verification

__all__ = [
    "FEED",
    "KERNEL",
    "PERSONAL",
    "SCHEMA_REVISION",
    "AccessEntry",
    "Area",
    "AreaVersion",
    "Assessment",
    "AssessmentAppeal",
    "Base",
    "Bay",
    "Certificate",
    "Charger",
    "Client",
    "Complaint",
    "ComplaintEvent",
    "Document",
    "Driver",
    "Enterprise",
    "EnterpriseApplication",
    "EnterpriseStanding",
    "Erasure",
    "Facility",
    "FacilityStep",
    "OperatingStatement",
    "StaffAccount",
    "Tricycle",
    "UnitEnding",
    "Vehicle",
    "Verification",
]
