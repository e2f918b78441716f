"""The two ways an entity is exported: by one statement that PostgreSQL streams, or page by page."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select

from services.registry.queries.exports import ExportFilter
from services.shared.auth import Principal
from services.shared.db import Database
from services.shared.personal import Vault


@dataclass(frozen=True, slots=True)
class TableExport:
    """By one statement; the rows pass through without being looked at.

    Attributes:
        filters: What it can be narrowed to.
        rows: Selects those that a caller may see.
        values: What each column shows, by its name.
    """

    filters: frozenset[str]
    rows: Callable[[Principal, ExportFilter], Select[Any]]
    values: Mapping[str, ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for an export of what, when, and what it is read from."""

    database: Database
    vault: Vault
    who: Principal
    only: ExportFilter
    now: datetime


Pages = AsyncGenerator[Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class StreamExport:
    """Page by page, where what is shown is made here: masked values.

    Attributes:
        filters: What it can be narrowed to.
        pages: Yields rows that the caller may see, each with its values by column.
    """

    filters: frozenset[str]
    pages: Callable[[Asked], Pages]
