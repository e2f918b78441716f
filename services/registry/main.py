"""The registry's HTTP API."""

from fastapi import FastAPI

from services.registry.api import (
    applications,
    areas,
    clients,
    documents,
    enterprises,
    exports,
    import_templates,
    imports,
    staff,
    tokens,
    vehicles,
)
from services.registry.api.limits import parse_networks
from services.registry.domain.buckets import Buckets
from services.registry.domain.media import MAX_BYTES
from services.registry.domain.sheets.limits import MAX_BYTES as MAX_FILE_BYTES
from services.registry.domain.slots import Slots
from services.registry.models import FEED, SCHEMA_REVISION
from services.registry.operations.passwords import Passwords
from services.registry.operations.personal import open_vault
from services.registry.settings import RegistryApiSettings
from services.shared.app import BODY_LIMIT, create_service_app
from services.shared.auth import AccessTokenIssuer
from services.shared.changes import feed_router
from services.shared.logs import configure_logs

DOCUMENT_BODY = MAX_BYTES + 1
"""A body one byte too long is still read, so that the refusal can say why."""

BODY_LIMITS = {
    "/v1/documents": DOCUMENT_BODY,
    "/v1/enterprise-applications/": DOCUMENT_BODY,
    "/v1/imports/": BODY_LIMIT,
    "/v1/imports": MAX_FILE_BYTES + 1,
}
"""By the beginning of the path, the first that fits."""

_DESCRIPTION = """城市货运公共信息平台——登记服务：接入主体、企业、车辆、区域。

The city's book of record: who may carry what, with which vehicle. Access tokens come from
`POST /oauth/token`; a firm starts with `POST /v1/enterprise-applications`."""


def create_app(settings: RegistryApiSettings) -> FastAPI:
    """Return the app; it is the one service that verifies tokens with keys it holds itself."""
    issuer = AccessTokenIssuer(settings.signing_key.get_secret_value())

    async def own_keys() -> dict[str, object]:
        return issuer.jwks()

    resources = (
        *(tokens, clients, staff, applications, enterprises, vehicles, areas, documents),
        *(imports, import_templates, exports),
    )
    app = create_service_app(
        settings,
        name="registry",
        title="登记服务 / Registry",
        description=_DESCRIPTION,
        revision=SCHEMA_REVISION,
        routers=[*(resource.router for resource in resources), feed_router(FEED)],
        fetch_jwks=own_keys,
        body_limits=BODY_LIMITS,
    )
    app.state.vault = open_vault(settings)
    app.state.issuer = issuer
    app.state.passwords = Passwords()
    app.state.edge_networks = parse_networks(settings.edge_networks)
    app.state.buckets = {
        "public": Buckets(settings.public_per_minute),
        "sign_in": Buckets(settings.sign_in_per_minute),
    }
    app.state.upload_slots = Slots(in_all=8, each=2)
    app.state.export_slots = Slots(in_all=6, each=2)
    return app


def app_from_env() -> FastAPI:
    """Return the app with settings of the environment, for `uvicorn --factory`."""
    configure_logs("registry-api")
    return create_app(RegistryApiSettings())
