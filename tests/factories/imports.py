"""Makes files to import, hands them in, and works on them as the importer does."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from openpyxl import Workbook

from services.registry.models import PERSONAL
from services.registry.operations.imports.working import work_on_import
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.personal import KeyRing, Vault
from tests.factories import registry as make

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Json = dict[str, Any]
VEHICLE = (
    *("plate_number", "plate_color", "powertrain", "energy_code", "vehicle_type", "curb_mass_kg"),
    *("gross_mass_kg", "payload_kg", "volume_m3", "length_m", "width_m", "height_m", "refrigeration"),
)


def vehicle_row(**values: Any) -> Json:
    """A row like the body of `make.vehicle_body`."""
    return make.vehicle_body(**values)


def csv_of(rows: Iterable[Json], columns: Sequence[str] = VEHICLE, encoding: str = "utf-8") -> bytes:
    """A CSV with the fields' own names as its heading."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([row.get(name, "") for name in columns] for row in rows)
    return text.getvalue().encode(encoding)


def xlsx_of(rows: Iterable[Json], columns: Sequence[str] = VEHICLE) -> bytes:
    """The same as XLSX, written by another hand than the service's."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append(list(columns))
    for row in rows:
        sheet.append([row.get(name) for name in columns])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@dataclass(frozen=True)
class Desk:
    """Hands files in through the API and does the importer's work at once."""

    api: httpx.AsyncClient
    database: Database
    vault: Vault
    now: Callable[[], datetime] = utc_now

    async def hand_in(
        self, content: bytes, headers: Json, entity: str = "vehicles", media_type: str = CSV
    ) -> Json:
        """Hand a file in."""
        answer = await self.api.post(
            "/v1/imports",
            params={"entity": entity},
            content=content,
            headers={**headers, "Content-Type": media_type},
        )
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        assert found["status"] == "checking"
        return found

    async def work(self, import_id: str, headers: Json) -> Json:
        """Do what its status asks for; how it is then."""
        await work_on_import(self.database, self.vault, UUID(import_id), self.now())
        return await self.read(import_id, headers)

    async def read(self, import_id: str, headers: Json) -> Json:
        """Return how it is."""
        answer = await self.api.get(f"/v1/imports/{import_id}", headers=headers)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def check(self, content: bytes, headers: Json, **kinds: str) -> Json:
        """Hand a file in and check it."""
        return await self.work((await self.hand_in(content, headers, **kinds))["id"], headers)

    async def apply(self, import_id: str, headers: Json, *, skip_refused: bool = False) -> Json:
        """Have a checked file applied."""
        answer = await self.api.post(
            f"/v1/imports/{import_id}/application", json={"skip_refused": skip_refused}, headers=headers
        )
        assert answer.status_code == 202, answer.text
        return await self.work(import_id, headers)

    async def rows(self, import_id: str, headers: Json, **query: Any) -> list[Json]:
        """All rows, page by page."""
        found: list[Json] = []
        cursor = None
        while True:
            params = {"limit": 200, **query, **({"cursor": cursor} if cursor else {})}
            page = (
                await self.api.get(f"/v1/imports/{import_id}/rows", params=params, headers=headers)
            ).json()
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found


def desk(api: httpx.AsyncClient, worker_url: str) -> Desk:
    """A desk on this database."""
    ring = KeyRing.from_json(make.PERSONAL_KEYS)
    return Desk(api, Database(worker_url, pool_size=4), Vault("registry", PERSONAL, ring))
