"""Tables as people exchange them: CSV and XLSX, read with suspicion and written without harm."""

from services.registry.domain.sheets.columns import CellRefused, Column, Kind
from services.registry.domain.sheets.reading import SheetFormat, format_of, open_sheet
from services.registry.domain.sheets.refusals import SheetRefused

__all__ = [
    "CellRefused",
    "Column",
    "Kind",
    "SheetFormat",
    "SheetRefused",
    "format_of",
    "open_sheet",
]
