"""`/openapi.json` and `/docs`: the merged description and a page that reads it, without a foreign host."""

from importlib import resources

from fastapi import Request, Response

from services.shared.errors import NotFound
from services.shared.routes import Router

router = Router(include_in_schema=False)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>城市货运信息平台接口 / City freight platform API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, docExpansion: "none", filter: true,
  persistAuthorization: false, displayOperationId: false, validatorUrl: null
});
"""
_TYPES = {"js": "text/javascript", "css": "text/css", "png": "image/png"}


def load_assets() -> dict[str, bytes]:
    """Return the files of the page by name."""
    package = resources.files("fastapi_swagger.resources")
    names = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
    return {"start.js": _START.encode(), **{name: (package / name).read_bytes() for name in names}}


@router.get("/openapi.json")
async def merged_description(request: Request) -> Response:
    """Return the OpenAPI document of the whole platform."""
    return Response(request.app.state.description, media_type="application/json")


@router.get("/docs")
async def docs_page() -> Response:
    """Return the page."""
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return Response(_PAGE, media_type="text/html; charset=utf-8", headers=headers)


@router.get("/docs/assets/{name}")
async def docs_asset(request: Request, name: str) -> Response:
    """Return one file of the page.

    Raises:
        NotFound: There is no such file.
    """
    assets: dict[str, bytes] = request.app.state.docs_assets
    if name not in assets:
        raise NotFound
    kind = _TYPES[name.rpartition(".")[2]]
    return Response(assets[name], media_type=kind, headers={"Cache-Control": "public, max-age=86400"})
