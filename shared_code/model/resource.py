"""Who is protected and what: customers and their resources."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared_code.errors import InvalidIdError

CONTAINER_PREFIX = "vault-"
MOST_NAME_CHARACTERS = 200

_CUSTOMER_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,48}[a-z0-9])")
_TENANT_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_RESOURCE_ID = re.compile(r"(?:mailbox|drive|site|team)\.[A-Za-z0-9!_,-]{1,200}")


class ResourceKind(StrEnum):
    """What is protected as one unit and has its own snapshots."""

    MAILBOX = "mailbox"
    DRIVE = "drive"
    SITE = "site"
    TEAM = "team"


def is_display_name(value: str) -> bool:
    """Whether a customer can have this name: 1 to 200 printable characters."""
    return 0 < len(value) <= MOST_NAME_CHARACTERS and value.isprintable()


def check_customer_id(value: str) -> str:
    """Return ``value`` when it can name a container and a ledger partition, else raise InvalidIdError."""
    if not _CUSTOMER_ID.fullmatch(value) or "--" in value:
        raise InvalidIdError("A customer id is 3 to 50 lower-case letters, digits and single hyphens.")
    return value


def check_tenant_id(value: str) -> str:
    """Return ``value`` when it is a lower-case GUID, else raise InvalidIdError."""
    if not _TENANT_ID.fullmatch(value):
        raise InvalidIdError("A tenant id is a GUID in lower case.")
    return value


def check_resource_id(value: str) -> str:
    """Return ``value`` when it has the form ``kind.source-id``, else raise InvalidIdError."""
    if not _RESOURCE_ID.fullmatch(value):
        raise InvalidIdError("A resource id has the form kind.source-id, as the list of resources shows it.")
    return value


@dataclass(frozen=True, slots=True)
class Customer:
    """A contract holder of the provider: one Entra tenant, one vault container."""

    id: str
    display_name: str
    tenant_id: str

    def __post_init__(self) -> None:
        check_customer_id(self.id)
        check_tenant_id(self.tenant_id)

    @property
    def container_name(self) -> str:
        """Name of the customer's vault container."""
        return f"{CONTAINER_PREFIX}{self.id}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One protected unit of a tenant, keyed by an id that survives renames.

    ``source_id`` is Graph's id of it (user id of a mailbox, drive id of a drive, the two GUIDs of a site with a comma
    between them, group id of a team). ``attributes`` holds what the workload needs besides (``mailbox_id``: the id in
    the import/export API; ``purpose``: ``userPurpose``; ``user_id``: the owner of a drive; ``hostname``: a site's).
    """

    kind: ResourceKind
    source_id: str
    display_name: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """``kind.source-id``: names blobs and ledger rows."""
        return check_resource_id(f"{self.kind}.{self.source_id}")

    def to_json(self) -> dict[str, object]:
        """JSON form, as it stands in snapshots and in payloads."""
        return {
            "kind": str(self.kind),
            "sourceId": self.source_id,
            "displayName": self.display_name,
            "attributes": dict(self.attributes),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Resource:
        """Inverse of to_json. Raises InvalidIdError or ValueError for anything else."""
        attributes = value.get("attributes") or {}
        if not isinstance(attributes, Mapping):
            raise InvalidIdError("The attributes of a resource are an object.")
        resource = cls(
            kind=ResourceKind(str(value["kind"])),
            source_id=str(value["sourceId"]),
            display_name=str(value["displayName"]),
            attributes={str(key): str(entry) for key, entry in attributes.items()},
        )
        check_resource_id(resource.id)
        return resource
