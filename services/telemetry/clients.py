"""The platform's public API as an integrator's tool uses it (the replay); nothing internal."""

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx

from services.shared.schemas import format_instant
from services.shared.standards.uscc import organisation_check_character, uscc_check_character
from services.telemetry.domain.conservation import Account

TIMEOUT = httpx.Timeout(60.0)
RENEW_S = 300.0
AT_ONCE = 8
PAGE = 200


AROUND = 1e-3
"""Degrees."""


class PlatformError(Exception):
    """The platform refused; the message is its own."""


class Platform:
    """One signed-in official at the public address."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT)
        self._credential = {"username": username, "password": password}
        self._token, self._renew_at = "", 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Call with a valid token; give the JSON answer.

        Raises:
            PlatformError: the answer is no success, or none came.
        """
        try:
            now = asyncio.get_running_loop().time()
            if now >= self._renew_at:
                answer = await self._http.post("/v1/staff-sessions", json=self._credential)
                self._token = _content(answer)["access_token"]
                self._renew_at = now + RENEW_S
            headers = {"Authorization": f"Bearer {self._token}"}
            return _content(await self._http.request(method, path, headers=headers, **options))
        except httpx.HTTPError as error:
            raise PlatformError(f"{method} {path}: {type(error).__name__} {error}") from error

    async def found_enterprise(self, name: str) -> str:
        """Give the id of the firm of this name, admitted now as a demo tenant if there is none."""
        cursor: str | None = None
        while True:
            params = {"limit": PAGE, **({"cursor": cursor} if cursor else {})}
            page = await self.ask("GET", "/v1/enterprises", params=params)
            for firm in page["items"]:
                if firm["name"] == name and firm["status"] == "active":
                    return str(firm["id"])
            cursor = page["next_cursor"]
            if cursor is None:
                break
        body = {"name": name, "uscc": _new_uscc(), "kind": "carrier"}
        application = await self.ask("POST", "/v1/enterprise-applications", json=body)
        path = f"/v1/enterprise-applications/{application['id']}/approval"
        return str((await self.ask("POST", path, json={"demo": True}))["enterprise_id"])

    async def register_vehicles(self, enterprise_id: str, count: int, valid_from: datetime) -> list[str]:
        """Register vans with plates not used yet; give their ids."""
        body = {
            "enterprise_id": enterprise_id, "plate_color": 2, "powertrain": "ICE", "payload_kg": 1490,
            "valid_from": format_instant(valid_from),
        }  # fmt: skip
        gate = asyncio.Semaphore(AT_ONCE)

        async def register() -> str:
            async with gate:
                while True:
                    plate = "辽L" + "".join(
                        secrets.choice("ABCDEFGHJKLMNPQRTUWXY0123456789") for _ in range(4)
                    )
                    plate += secrets.choice("0123456789")
                    try:
                        return str(
                            (await self.ask("POST", "/v1/vehicles", json={**body, "plate_number": plate}))[
                                "id"
                            ]
                        )
                    except PlatformError as error:
                        if not str(error).startswith("409"):
                            raise

        return await asyncio.gather(*(register() for _ in range(count)))

    async def provision(
        self, enterprise_id: str, terminals: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Provision terminals in one batch; vehicles just registered may still be on their way."""
        body = {"enterprise_id": enterprise_id, "terminals": list(terminals)}
        for attempt in range(40):
            try:
                answer = await self.ask("POST", "/v1/terminal-batches", json=body)
            except PlatformError as error:
                if attempt == 39 or not str(error).startswith(("404", "422", "503")):  # noqa: PLR2004  the last
                    raise
                await asyncio.sleep(0.25)
            else:
                return list(answer["items"])
        raise AssertionError  # the loop returns or raises

    async def accounts(self, numbers: Iterable[str]) -> dict[str, Account]:
        """Give the accounts of these terminals, over all days; of one that has none, noughts."""
        found, cursor = dict.fromkeys(numbers, Account()), None
        while True:
            params = {"limit": PAGE, **({"cursor": cursor} if cursor else {})}
            page = await self.ask("GET", "/v1/ingest-accounting", params=params)
            for row in page["items"]:
                if row["terminal_number"] in found:
                    more = Account(*(row[name] for name in Account._fields))
                    found[row["terminal_number"]] = found[row["terminal_number"]].plus(more)
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    async def newest_time(self, lon: float, lat: float) -> str | None:
        """Give the time of the latest position that is within a hundred metres or so of a place, if any."""
        box = ",".join(f"{edge:.6f}" for edge in (lon - AROUND, lat - AROUND, lon + AROUND, lat + AROUND))
        params = {"bbox": box, "purpose": "模拟测时 simulation"}
        answer = await self.ask("GET", "/v1/latest-positions", params=params)
        times = [feature["properties"]["time"] for feature in answer["features"]]
        return max(times, default=None)


def _content(answer: httpx.Response) -> dict[str, Any]:
    if not answer.is_success:
        raise PlatformError(
            f"{answer.status_code} {answer.request.method} {answer.request.url.path}: {answer.text[:500]}"
        )
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


def _new_uscc() -> str:
    """Give a well-formed code of a Panjin organisation that nobody has (GB 32100-2015)."""
    digits = "".join(secrets.choice("0123456789") for _ in range(8))
    body = "91211100" + digits + organisation_check_character(digits)
    return body + uscc_check_character(body)
