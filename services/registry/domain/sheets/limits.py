"""How large a file, a table and a cell may be."""

from typing import Final

MAX_BYTES: Final = 32 * 1024 * 1024
"""Of a file as uploaded."""
MAX_ROWS: Final = 200_000
"""Rows with something in them."""
MAX_LINES: Final = 1_048_576
"""Rows looked at, empty ones too: as many as a spreadsheet program can hold."""
MAX_COLUMNS: Final = 128
MAX_CELL: Final = 32_767
"""Characters of a cell, as many as a spreadsheet program can hold."""
