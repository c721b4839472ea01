"""One resource that is edited at random day by day and backed up after each: what a fresh full listing of the source
says, by plain requests of its own, against what the newest snapshot holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Protocol

from local.tenant.control.connection import ControlError
from local.tenant.plain_client import PlainClient
from shared_code.backup.budget import SliceBudget
from shared_code.backup.copier import ResourceCopier
from shared_code.backup.ports import Source
from shared_code.errors import SourceUnavailableError
from shared_code.graph.client import GraphClient
from shared_code.model.item import Change, Form, ItemVersion
from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import Resource
from shared_code.model.restore import Selection
from shared_code.model.snapshot import Snapshot
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.leases import LeasedStore
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.memory_damage import MemoryDamage
from tests.fakes.simulated_tenant import SECRET, SimulatedTenant

# A checkpoint every few days, so that some come in a test.
TERMS = LeaseTerms(retention_days=90, checkpoint_days=5, margin_days=7)
_MOST_SLICES = 400


@dataclass(frozen=True, slots=True)
class Facts:
    """What is compared of an item. None: the source's listing does not tell, or there is none."""

    parent_id: str
    name: str | None = None
    etag: str | None = None
    size_bytes: int | None = None
    content: object = None


class Workload(Protocol):
    """One kind of resource, in a tenant of the simulator: the entry that a workload has in the differential test."""

    @property
    def resource(self) -> Resource: ...

    def source(self, client: GraphClient) -> Source:
        """The product's source."""
        ...

    def edit(self, random: Random) -> None:
        """One edit, as people make it. Raises ControlError for one that cannot be."""
        ...

    def truth(self, client: PlainClient) -> dict[str, Facts]:
        """Everything there is now, by item id, listed anew."""
        ...

    def content(self, change: Change, data: bytes | None) -> object:
        """What is compared of an item as it is stored, as ``truth`` tells it. ``data`` None: it has no content."""
        ...


class Differential:
    """A workload with its vault. ``now`` is the vault's clock."""

    def __init__(
        self, tenant: SimulatedTenant, workload: Workload, temp_dir: Path, random: Random, now: Callable[[], datetime]
    ) -> None:
        self.workload = workload
        self._tenant = tenant
        self._random = random
        self._now = now
        store = LeasedStore(MemoryBlobStore(now), TERMS, now)
        self._vault = CustomerVault(store, "acme", temp_dir)

    def edit(self, times: int) -> None:
        """Some edits; those that cannot be made are left out."""
        for _ in range(times):
            try:
                self.workload.edit(self._random)
            except ControlError:
                continue

    async def back_up(self, client: GraphClient, run_id: str) -> Snapshot:
        """One whole run, in slices of any size."""
        budget = SliceBudget(items=self._random.choice([5, 40, 20_000]))
        copier = ResourceCopier(
            "acme",
            self._vault,
            self.workload.source(client),
            MemoryDamage(),
            TERMS,
            budget,
            self._now,
            lambda: 0.0,
        )
        for _ in range(_MOST_SLICES):
            try:
                result = await copier.run_slice(self.workload.resource, run_id)
            except SourceUnavailableError:  # a run tries it again in its next round
                continue
            if result.outcome:
                return await self._vault.snapshot(self.workload.resource.id, result.outcome.seq)
        raise AssertionError("the run does not end")

    async def differences(self, snapshot: Snapshot) -> list[str]:
        """What the snapshot holds otherwise than the source, leaving out what its outcome list names."""
        plain = PlainClient(self._tenant.simulator.url, self._tenant.id, SECRET)
        try:
            truth = self.workload.truth(plain)
        finally:
            plain.close()
        named = {failure.change.item_id for failure in snapshot.failures} | {skip.item_id for skip in snapshot.skips}
        return _differences(truth, await self._stored(snapshot, truth), named)

    async def _stored(self, snapshot: Snapshot, truth: Mapping[str, Facts]) -> dict[str, Facts]:
        """What the snapshot holds, of each item those facts that the truth has."""
        reader = await self._vault.open_reader(snapshot.segments)
        stored: dict[str, Facts] = {}
        try:
            versions = list(await reader.selected_folders(Selection(everything=True)))
            after = ""
            while page := await reader.selected(Selection(everything=True), after, 200):
                versions += page
                after = page[-1].change.item_id
            for version in versions:
                assert version.change.item_id not in stored, "an item lives twice"
                stored[version.change.item_id] = await self._facts(version, truth.get(version.change.item_id))
        finally:
            await reader.aclose()
        return stored

    async def _facts(self, version: ItemVersion, told: Facts | None) -> Facts:
        change, native = version.change, version.representation(Form.NATIVE)
        data = b"".join([part async for part in self._vault.read(native)]) if native else None
        return Facts(
            change.parent_id,
            change.name if told is None or told.name is not None else None,
            change.etag if told is None or told.etag is not None else None,
            change.size_bytes if told is None or told.size_bytes is not None else None,
            self.workload.content(change, data),
        )


def digest(data: bytes | None) -> str | None:
    """The content of what is bytes and nothing else."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def _differences(truth: Mapping[str, Facts], stored: Mapping[str, Facts], named: set[str]) -> list[str]:
    lost = [f"{item_id} is not stored: {truth[item_id]}" for item_id in sorted(truth.keys() - stored.keys() - named)]
    ghosts = [f"{item_id} lives on: {stored[item_id]}" for item_id in sorted(stored.keys() - truth.keys())]
    other = [
        f"{item_id} is {truth[item_id]} and stored as {stored[item_id]}"
        for item_id in sorted((truth.keys() & stored.keys()) - named)
        if truth[item_id] != stored[item_id]
    ]
    return lost + ghosts + other
