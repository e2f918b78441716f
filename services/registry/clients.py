"""HTTP out: the LOGINK API gateway, which knows the vehicles and firms of the national platform.

The gateway's answers are not published. They are read by a working definition ([DEF], to be agreed with the
authority): `{"code": …, "message": …, "data": …}`, where `code` 0, 200 or 100000 is success, `data.exist`
tells of a vehicle, and `data` lists the firms found. Whatever cannot be read so is no answer: it never
confirms.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from services.registry.domain.logink import signed_headers
from services.registry.settings import RegistryApiSettings

VEHICLE_PATH: Final = "/credit/vehicleQuery/checkVehicleExist"
ENTERPRISE_PATH: Final = "/credit/enterpriseQuery/logink"

_DEADLINE_S: Final = 10.0
_TIMEOUT: Final = httpx.Timeout(5.0, connect=3.0)
_MOST_BYTES: Final = 256 * 1024
_SUCCESS: Final = frozenset({"0", "200", "100000"})
_OK: Final = 200


class AuthorityFault(Exception):
    """The authority did not answer, or not in a form that can be read.

    Args:
        reason: Short, without any value of the question or the answer.
        reference: The authority's id of the request.
    """

    def __init__(self, reason: str, reference: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.reference = reference


class _Read(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Answer(_Read):
    code: str | int
    data: Any = None


class _Existence(_Read):
    exist: bool


class Firm(_Read):
    """A firm the authority has on record."""

    enterpriseName: str  # noqa: N815 - the gateway's own word
    unifiedSocialCreditIdentifier: str | None = None  # noqa: N815 - the same


class _Firms(_Read):
    data: list[Firm]


class Logink:
    """Asks the gateway; each request is signed and carries a nonce of its own.

    Args:
        url: Scheme and host of the gateway.
        key: Of the application.
        secret: Of the application.
        transport: For tests; default: the network.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        url: str,
        key: str,
        secret: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._key = key
        self._secret = secret
        self._transport = transport
        self._clock = clock

    async def vehicle_exists(self, plate_number: str, plate_type: str) -> tuple[bool, str]:
        """Tell whether the platform knows a vehicle, with the gateway's id of the request.

        Args:
            plate_number: In canonical form.
            plate_type: The gateway's own: "1" blue, "2" yellow.

        Raises:
            AuthorityFault: No answer, or none that can be read.
        """
        question = {"vehicleNumber": plate_number, "licensePlateTypeCode": plate_type}
        data, reference = await self._ask(VEHICLE_PATH, question)
        try:
            return _Existence.model_validate(data).exist, reference
        except ValidationError as error:
            raise AuthorityFault("answer-form", reference) from error

    async def find_firms(self, name: str, province_code: str) -> tuple[list[Firm], str]:
        """Return the firms of this name, with the gateway's id of the request.

        Raises:
            AuthorityFault: No answer, or none that can be read.
        """
        question = {"enterpriseName": name, "provinceCode": province_code}
        data, reference = await self._ask(ENTERPRISE_PATH, question)
        try:
            return _Firms.model_validate({"data": data or []}).data, reference
        except ValidationError as error:
            raise AuthorityFault("answer-form", reference) from error

    async def _ask(self, path: str, question: dict[str, str]) -> tuple[Any, str]:
        body = json.dumps(question, ensure_ascii=False, separators=(",", ":")).encode()
        headers = signed_headers(self._key, self._secret, path, body, int(self._clock() * 1000), str(uuid4()))
        try:
            # The deadline is for the whole answer: httpx's own counts from byte to byte.
            async with asyncio.timeout(_DEADLINE_S):
                return await self._post(path, body, headers)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise AuthorityFault("no-answer") from error

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[Any, str]:
        client = httpx.AsyncClient(
            base_url=self._url,
            transport=self._transport,
            timeout=_TIMEOUT,
            headers={"Accept-Encoding": "identity"},  # nothing is unpacked that was not counted
            follow_redirects=False,
            trust_env=False,
        )
        async with client, client.stream("POST", path, content=body, headers=headers) as response:
            reference = response.headers.get("X-Ca-Request-Id", "")[:64]
            if response.status_code != _OK:
                raise AuthorityFault(f"status-{response.status_code}", reference)
            content = b""
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > _MOST_BYTES:
                    raise AuthorityFault("answer-size", reference)
        return _data(content, reference), reference


def _data(content: bytes, reference: str) -> Any:
    try:
        answer = _Answer.model_validate_json(content)
    except ValidationError as error:
        raise AuthorityFault("answer-form", reference) from error
    if str(answer.code) not in _SUCCESS:
        raise AuthorityFault("refused", reference)
    return answer.data


def open_logink(settings: RegistryApiSettings) -> Logink | None:
    """Return the client when credentials are set; None is an authority that is not asked."""
    if settings.logink_key is None or settings.logink_secret is None:
        return None
    key, secret = settings.logink_key.get_secret_value(), settings.logink_secret.get_secret_value()
    return Logink(settings.logink_url, key, secret)
