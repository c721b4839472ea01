"""One resource between a scripted source and a vault in memory, with what it takes to back it up."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from shared_code.backup.budget import SliceBudget
from shared_code.backup.copier import ResourceCopier, SliceResult
from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.run import ResourceOutcome
from shared_code.model.snapshot import Snapshot
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.leases import LeasedStore
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.memory_damage import MemoryDamage
from tests.fakes.restored import contents_of
from tests.fakes.scripted_source import ROOT_FEED, ScriptedSource

RESOURCE = Resource(ResourceKind.DRIVE, "d1", "A drive")
NOW = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
SMALL = SliceBudget(items=2)
WHOLE = SliceBudget()
TERMS = LeaseTerms(retention_days=90, checkpoint_days=30, margin_days=7)


class Bench:
    """A source, a store, and what it takes to run backups between them."""

    def __init__(self, temp_dir: Path, source: ScriptedSource | None = None) -> None:
        self.temp_dir = temp_dir
        self.source = source or ScriptedSource()
        self.now = NOW
        self.damage = MemoryDamage()
        self.store = MemoryBlobStore(lambda: self.now)
        self.slices = 0
        self.agree(TERMS)

    def agree(self, terms: LeaseTerms) -> None:
        """From now on these terms hold."""
        self.terms = terms
        self.vault = CustomerVault(LeasedStore(self.store, terms, lambda: self.now), "acme", self.temp_dir)

    def copied(self) -> Bench:
        """A second bench in the state that this one is in; what is done to one leaves the other alone."""
        twin = Bench(self.temp_dir, deepcopy(self.source))
        twin.now = self.now
        twin.damage = deepcopy(self.damage)
        twin.store = MemoryBlobStore(lambda: twin.now)
        twin.store.take_over(self.store)
        twin.agree(self.terms)
        return twin

    def copier(self, budget: SliceBudget = WHOLE) -> ResourceCopier:
        return ResourceCopier(
            "acme", self.vault, self.source, self.damage, self.terms, budget, lambda: self.now, lambda: 0.0
        )

    async def run_slice(self, run_id: str, budget: SliceBudget = WHOLE) -> SliceResult:
        self.slices += 1
        return await self.copier(budget).run_slice(RESOURCE, run_id)

    async def run(self, run_id: str, budget: SliceBudget = WHOLE) -> ResourceOutcome:
        for _ in range(500):
            result = await self.run_slice(run_id, budget)
            if result.outcome:
                return result.outcome
        raise AssertionError("the run does not end")

    async def days(self, count: int) -> None:
        """A new file and a run on each of so many days."""
        for day in range(1, count + 1):
            self.now = NOW + timedelta(days=day)
            self.source.put(f"i{day}", Random(day).randbytes(2000))
            await self.run(f"d{day}")

    async def restored(self, seq: int) -> dict[str, dict[str, bytes]]:
        return await contents_of(self.vault, RESOURCE.id, seq)

    async def snapshot(self, seq: int) -> Snapshot:
        return await self.vault.snapshot(RESOURCE.id, seq)

    def expected(self, *feeds: str) -> dict[str, dict[str, bytes]]:
        return {
            item_id: {str(form): data for form, data in self.source.contents[item_id].items()}
            for feed in feeds or (ROOT_FEED,)
            for item_id, change in self.source.living(feed).items()
            if not change.kind.is_folder
        }


def fill(bench: Bench, count: int = 8) -> None:
    """A folder of small files, and an empty file beside it."""
    bench.source.put_folder("f1")
    for number in range(count):
        bench.source.put(f"i{number}", f"content {number}".encode() * 50, parent_id="f1")
    bench.source.put("empty", b"", hashed=False)
