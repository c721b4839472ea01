"""What one listing of a tenant found: what can be protected, what cannot, and what could not be seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.run import NotCovered


class NotCoveredCause(StrEnum):
    """Every cause for which a run says that something is not covered. ``docs/coverage.md`` names each of them."""

    NO_MAILBOX_YET = "licensed, but it has no mailbox yet"
    NO_DRIVE_YET = "licensed, but it has no OneDrive yet"
    ODD_ID = "its id has a form that the service does not know; tell support"
    ACCESS_REFUSED = "Microsoft 365 refuses access to this one alone; look for a lock or a block on it"
    ARCHIVED_SITE = "it is archived; reactivate it to have it backed up"
    ARCHIVE = "archive mailboxes cannot be read through Microsoft Graph v1.0"
    ARCHIVES_UNTOLD = (
        "archive mailboxes cannot be read, and whether there are any is not known: grant Reports.Read.All to have them "
        "named"
    )


@dataclass(frozen=True, slots=True)
class Unseen:
    """Resources that may be there and could not be seen: all of ``kind``, or those of one ``owner`` (user id) alone.
    None of them may be taken for gone. ``reason`` says what to do."""

    kind: ResourceKind
    reason: str
    owner: str = ""

    def hides(self, resource: Resource) -> bool:
        """Whether ``resource`` may be there although the census does not name it."""
        if resource.kind is not self.kind:
            return False
        return not self.owner or self.owner == resource.attributes.get("user_id", resource.source_id)


@dataclass(frozen=True, slots=True)
class Census:
    """One listing of a tenant, or several put together. ``deleted_accounts``: user id -> when the account was moved to
    the tenant's deleted items, from which it can be restored for 30 days."""

    resources: tuple[Resource, ...] = ()
    not_covered: tuple[NotCovered, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    deleted_accounts: tuple[tuple[str, datetime], ...] = ()
    present: tuple[str, ...] = ()
    """Ids of resources that are there and not covered: nobody departs by losing their cover."""

    @classmethod
    def joined(cls, parts: Iterable[Census]) -> Census:
        """Several listings as one, in an order that does not depend on theirs."""
        resources: dict[str, Resource] = {}
        not_covered: set[NotCovered] = set()
        unseen: set[Unseen] = set()
        deleted: dict[str, datetime] = {}
        present: set[str] = set()
        for part in parts:
            resources.update((resource.id, resource) for resource in part.resources)
            not_covered.update(part.not_covered)
            unseen.update(part.unseen)
            deleted.update(part.deleted_accounts)
            present.update(part.present)
        return cls(
            tuple(resources[key] for key in sorted(resources)),
            tuple(sorted(not_covered, key=lambda entry: (entry.what, entry.cause))),
            tuple(sorted(unseen, key=lambda entry: (entry.kind, entry.owner, entry.reason))),
            tuple(sorted(deleted.items())),
            tuple(sorted(present)),
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger's index says of a resource that was in a run before. ``snapshot_at``: when its newest restore
    point was committed, None while it has none. ``departed_since``: when a run first missed it."""

    resource: Resource
    seq: int = 0
    snapshot_at: datetime | None = None
    departed_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Comings:
    """How a census differs from what earlier runs knew. ``departed`` have restore points; ``suspicious`` says, for
    each kind of which nothing at all is listed any more, what to look at."""

    new: tuple[Resource, ...] = ()
    departed: tuple[Known, ...] = ()
    suspicious: tuple[str, ...] = ()


def compare_census(census: Census, known: Iterable[Known]) -> Comings:
    """Who came and who left. Pure. The first run of all knows nobody, and so nobody is new to it. A listing that failed
    or is empty proves nobody gone: what it would have named stays as it was."""
    before = {entry.resource.id: entry for entry in known}
    listed = {resource.id for resource in census.resources} | set(census.present)
    kinds = {resource.kind for resource in census.resources}
    missing = [
        entry
        for key, entry in sorted(before.items())
        if key not in listed and not any(unseen.hides(entry.resource) for unseen in census.unseen)
    ]
    # A kind whose members had all been reported before it became empty has told so already.
    emptied = {entry.resource.kind for entry in missing if entry.departed_since is None} - kinds
    departed = [
        entry for entry in missing if entry.seq and (entry.resource.kind in kinds or entry.departed_since is not None)
    ]
    return Comings(
        tuple(resource for resource in census.resources if resource.id not in before) if before else (),
        tuple(departed),
        tuple(
            f"The tenant lists no {kind} any more, and had some: check what the app is consented to. "
            "Nobody is taken for departed."
            for kind in sorted(emptied)
        ),
    )
