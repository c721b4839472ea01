"""A customer's tenant, store and copier in one, for tests of runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared_code.backup.copier import SliceResult
from shared_code.errors import NotImmutableError
from shared_code.model.agreement import Agreement
from shared_code.model.census import Census, Unseen
from shared_code.model.lease import LeaseTerms
from shared_code.model.outcome import Counts
from shared_code.model.protection import ProtectionSettings
from shared_code.model.resource import Customer, Resource, ResourceKind
from shared_code.model.run import NotCovered, ResourceOutcome, RunState

AGREED = Agreement(LeaseTerms(retention_days=90, checkpoint_days=30, margin_days=7), ProtectionSettings())
CUSTOMER = Customer("acme", "Acme", "11111111-1111-1111-1111-111111111111")


def resource(number: int) -> Resource:
    """Drive of that number."""
    return Resource(ResourceKind.DRIVE, f"d{number}", f"Drive {number}")


@dataclass
class Office:
    """Directory, container and copier in one; ``script`` says what each slice of a resource does, in turn: an error to
    raise, "more", or the state in which the resource ends. What is not scripted is complete at once."""

    resources: list[Resource] = field(default_factory=list)
    script: dict[str, list[object]] = field(default_factory=dict)
    immutable: bool = True
    unseen: tuple[Unseen, ...] = ()
    deleted: tuple[tuple[str, datetime], ...] = ()
    now: datetime = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
    listed: int = 0
    looked_at: bool = False
    agreed: Agreement = AGREED

    async def list_resources(self) -> Census:
        self.listed += 1
        return Census(tuple(self.resources), (NotCovered("someone", "archive mailbox"),), self.unseen, self.deleted)

    async def prepare(self) -> bool:
        if not self.immutable:
            raise NotImmutableError("no WORM here\nTraceback: of the inside")
        self.looked_at = True
        return True

    async def agreement(self) -> Agreement:
        return self.agreed

    async def keep_record(self) -> None:
        assert self.looked_at, "nothing is written to a store that was not looked at"

    async def run_slice(self, resource: Resource, run_id: str) -> SliceResult:
        step = self.script[resource.id].pop(0) if self.script.get(resource.id) else RunState.COMPLETE
        if isinstance(step, Exception):
            raise step
        if step == "more":
            return SliceResult()
        assert isinstance(step, RunState)
        return SliceResult(
            ResourceOutcome(
                resource.id,
                "drive",
                resource.display_name,
                step,
                1,
                Counts(stored=2, read_bytes=10),
                committed_at=self.now,
            )
        )
