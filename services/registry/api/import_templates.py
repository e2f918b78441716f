"""`/v1/import-templates`: empty tables that explain themselves."""

from typing import Annotated

from fastapi import Path, Query, Response

from services.registry.api.downloads import file_responses, media_type, whole_attachment
from services.registry.api.guards import Party
from services.registry.operations.imports.exporting import MEDIA_TYPES
from services.registry.operations.imports.templates import template_of
from services.registry.schemas.imports import Encoding, EntityName, TableFormat
from services.shared.routes import Router

router = Router(prefix="/v1/import-templates", tags=["imports"])


@router.get(
    "/{entity}",
    summary="下载导入模板 / Download a template",
    response_class=Response,
    responses=file_responses(*MEDIA_TYPES.values()),
)
async def download_template(
    _who: Party,
    entity: Annotated[EntityName, Path(description="What the rows are.")],
    kind: Annotated[TableFormat, Query(alias="format", description="CSV or XLSX.")] = "xlsx",
    encoding: Annotated[Encoding, Query(description="Of a CSV.")] = "utf-8",
) -> Response:
    """Return a table with its heading and what may stand in each column."""
    content = template_of(entity, kind, encoding)
    return whole_attachment(content, media_type(kind, encoding), f"{entity}.{kind}")
