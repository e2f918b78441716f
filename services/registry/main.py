"""The registry's HTTP API."""

from fastapi import FastAPI

from services.registry.api import (
    applications,
    area_imports,
    areas,
    assessments,
    bays,
    certificates,
    chargers,
    clients,
    code_lists,
    complaints,
    documents,
    drivers,
    enterprises,
    erasures,
    facilities,
    facility_counts,
    identifiers,
    operating_statements,
    personal_readings,
    search,
    staff,
    tokens,
    tricycles,
    vehicles,
    verifications,
)
from services.registry.api.limits import parse_networks
from services.registry.clients import open_logink
from services.registry.domain.buckets import Buckets
from services.registry.domain.codes.book import code_book
from services.registry.domain.identifiers import IdentifierDesk
from services.registry.domain.media import MAX_BYTES
from services.registry.models import FEED, SCHEMA_REVISION
from services.registry.operations.city_profile import (
    read_divisions,
    read_supervision,
    read_tricycle_checklists,
)
from services.registry.operations.passwords import Passwords
from services.registry.operations.personal import open_vault
from services.registry.queries.lookups import VehicleDesk
from services.registry.settings import RegistryApiSettings
from services.shared.app import create_service_app
from services.shared.audit import AccessLog
from services.shared.auth import AccessTokenIssuer
from services.shared.changes import feed_router
from services.shared.logs import configure_logs

DOCUMENT_BODY = MAX_BYTES + 1
"""A body one byte too long is still read, so that the refusal can say why."""
AREA_FILE = 8 * 1024 * 1024
"""Largest GeoJSON file of areas."""
BODY_LIMITS = {
    "/v1/documents": DOCUMENT_BODY,
    "/v1/enterprise-applications/": DOCUMENT_BODY,
    "/v1/area-imports": AREA_FILE,
}

_DESCRIPTION = """城市货运公共信息平台——登记服务：接入主体、企业、车辆、驾驶员、快递三轮车、区域、设施。

The city's book of record: who may carry what, with which vehicle, from which place. Access tokens come from
`POST /oauth/token`; a firm starts with `POST /v1/enterprise-applications`."""


RESOURCES = (
    vehicles,
    search,
    tokens,
    clients,
    staff,
    applications,
    enterprises,
    areas,
    area_imports,
    facilities,
    facility_counts,
    bays,
    chargers,
    documents,
    certificates,
    verifications,
    identifiers,
    code_lists,
    drivers,
    tricycles,
    personal_readings,
    erasures,
    operating_statements,
    assessments,
    complaints,
)
"""In the order in which a request is compared with them: what is asked most comes first."""


def create_app(settings: RegistryApiSettings) -> FastAPI:
    """Return the app; it is the one service that verifies tokens with keys it holds itself."""
    issuer = AccessTokenIssuer(settings.signing_key.get_secret_value())

    async def own_keys() -> dict[str, object]:
        return issuer.jwks()

    app = create_service_app(
        settings,
        name="registry",
        title="登记服务 / Registry",
        description=_DESCRIPTION,
        revision=SCHEMA_REVISION,
        routers=[*(resource.router for resource in RESOURCES), feed_router(FEED)],
        fetch_jwks=own_keys,
        body_limits=BODY_LIMITS,
    )
    app.state.vault = open_vault(settings)
    app.state.access_log = AccessLog(app.state.database, "registry")
    app.state.checklists = read_tricycle_checklists(settings.city_profile)
    app.state.supervision = read_supervision(settings.city_profile)
    app.state.issuer = issuer
    app.state.passwords = Passwords()
    divisions = read_divisions(settings.city_profile)
    app.state.identifiers = IdentifierDesk(divisions)
    app.state.code_book = code_book(divisions)
    app.state.authority = open_logink(settings)
    app.state.vehicle_desk = VehicleDesk(app.state.database)
    app.state.edge_networks = parse_networks(settings.edge_networks)
    app.state.buckets = {
        "public": Buckets(settings.public_per_minute),
        "sign_in": Buckets(settings.sign_in_per_minute),
        "complaints": Buckets(settings.complaints_per_minute),
    }
    return app


def app_from_env() -> FastAPI:
    """Return the app with settings of the environment, for `uvicorn --factory`."""
    configure_logs("registry-api")
    return create_app(RegistryApiSettings())
