"""The principal: who asks, in which role, for which enterprise."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from services.shared.db import DbScope


class Role(StrEnum):
    """For whom a caller acts.

    `enterprise`: a firm, about its own. `transport_bureau`, `commerce_bureau`, `postal_bureau`: the
    supervising offices, about every firm. `police`: the traffic police. `province`: the provincial platform.
    `public`: applications of the public. `service`: a part of this platform.
    """

    enterprise = "enterprise"
    transport_bureau = "transport_bureau"
    commerce_bureau = "commerce_bureau"
    postal_bureau = "postal_bureau"
    police = "police"
    province = "province"
    public = "public"
    service = "service"


BUREAUS = (Role.transport_bureau, Role.commerce_bureau, Role.postal_bureau)
"""The supervising offices, which see every enterprise."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller.

    Attributes:
        subject: Client id, staff account id, or `svc:<name>`.
        role: What kind of party it acts for.
        enterprise_id: The firm it acts for; only with role `enterprise`.
        client_id: The OAuth client, None for a person signed in.
        name: The person's name; None for a client, which therefore cannot decide.
        scopes: Further rights (`admin`).
    """

    subject: str
    role: Role
    enterprise_id: UUID | None = None
    client_id: str | None = None
    name: str | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_official(self) -> bool:
        """A named person of an office, whose decisions count."""
        return self.name is not None and self.role not in {Role.enterprise, Role.public, Role.service}

    @property
    def is_bureau(self) -> bool:
        """One of the supervising offices."""
        return self.role in BUREAUS

    @property
    def db_scope(self) -> DbScope:
        """The transaction-local settings row-level security reads."""
        enterprise = str(self.enterprise_id) if self.enterprise_id else ""
        return DbScope(self.role.value, enterprise, self.subject)

    @property
    def shared_db_scope(self) -> DbScope:
        """The same without the subject: offices of one kind share statements about what all of them see."""
        return DbScope(self.role.value, self.db_scope.enterprise_id)
