"""One drive of the simulated tenant, its vault, and a clock that a test sets."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared_code.backup.budget import SliceBudget
from shared_code.backup.copier import ResourceCopier
from shared_code.errors import SourceError
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.source import DriveSource
from shared_code.graph.drives.target import DriveTarget
from shared_code.model.item import Change, Form, ItemKind, ItemVersion
from shared_code.model.resource import ResourceKind
from shared_code.model.restore import Restore, RestoreRequest, Selection, TargetKind
from shared_code.model.run import ResourceOutcome
from shared_code.model.snapshot import Snapshot
from shared_code.restore.browsing import Browsing
from shared_code.restore.restores import Restores
from shared_code.restore.results import RestoreBudget
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.backup_bench import TERMS
from tests.fakes.memory_damage import MemoryDamage
from tests.fakes.restore_world import Crashes, MemoryJournal
from tests.fakes.simulated_tenant import SimulatedTenant

START = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
EVERYTHING = Selection(everything=True)
CONTENT = ("drive.download", "drive.content", "drive.versionContent")


@dataclass
class DriveWorld:
    """One drive, its vault, and a clock."""

    tenant: SimulatedTenant
    client: GraphClient
    vault: CustomerVault
    versions: int = 0
    now: datetime = START
    runs: int = 0
    restores: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    def edit(self, op: str, *args: Any, **fields: Any) -> Any:
        return getattr(self.tenant.control, op)(self.tenant.id, self.tenant.user, *args, **fields)

    async def back_up(self) -> ResourceOutcome:
        """A run; ``asked`` counts its requests by operation afterwards."""
        self.runs += 1
        return await self._run()

    async def back_up_until_done(self) -> ResourceOutcome:
        """A run that is tried again, as the rounds of a run do, as long as the source is out of reach."""
        self.runs += 1
        for _ in range(50):
            try:
                return await self._run()
            except SourceError as error:
                assert error.retryable, error
        raise AssertionError("the run does not end")

    async def _run(self) -> ResourceOutcome:
        since = self.tenant.control.log_position()
        source = DriveSource(self.client, earlier_versions=self.versions, now=lambda: self.now)
        while True:
            copier = ResourceCopier(
                "acme", self.vault, source, MemoryDamage(), TERMS, SliceBudget(), lambda: self.now, time.monotonic
            )
            outcome = (await copier.run_slice(self.tenant.drive, f"r{self.runs}")).outcome
            if outcome:
                log = self.tenant.control.log(since)
                self.asked = Counter(entry["operation"] for entry in log)
                return outcome

    async def all_changes(self) -> list[Change]:
        """What the source says now, listed from the start, but for the drive's root."""
        source = DriveSource(self.client, earlier_versions=self.versions)
        changes: dict[str, Change] = {}
        cursor, finished = None, False
        while not finished:
            page = (await source.poll(self.tenant.drive, {"items": cursor}))["items"]
            changes |= {change.item_id: change for change in page.changes if not change.deleted}
            cursor, finished = page.cursor, page.finished

        return [change for change in changes.values() if not change.properties.get("root")]

    async def listed(self) -> dict[str, str]:
        """Etags by path, earlier versions below their file, of what the source says now."""
        changes = {change.item_id: change for change in await self.all_changes()}

        def path(change: Change) -> str:
            parent = changes.get(change.parent_id)
            return f"{path(parent) if parent else ''}/{change.name}"

        return {path(each): each.etag for each in changes.values()}

    async def restore(self, seq: int, selection: Selection = EVERYTHING, into: str = "", **more: Any) -> Restore:
        budget = RestoreBudget(seconds=300, size_bytes=1 << 30, items=1_000)
        targets: Any = {ResourceKind.DRIVE: DriveTarget(self.client)}
        gates = asyncio.Semaphore(2), asyncio.Semaphore(2)
        restores = Restores(self.vault, targets, MemoryJournal(Crashes()), budget, lambda: self.now, *gates)
        target = TargetKind.FOLDER if into else TargetKind.ORIGINAL
        resource = self.tenant.drive.id
        request = RestoreRequest("restore-acme-1", "acme", resource, seq, selection, target, into, **more)
        await restores.start(request)
        position, done = "", False
        while not done:
            result = await restores.restore_slice(request, position)
            position, done = result.position, result.done
        return await restores.close(request)

    async def children(self, seq: int, parent_id: str = "") -> dict[str, ItemVersion]:
        found: dict[str, ItemVersion] = {}
        token = ""
        while True:
            view = await Browsing(self.vault, asyncio.Semaphore(2)).folder(
                self.tenant.drive.id, seq, parent_id, 1_000, token
            )
            found |= {version.change.name: version for version in view.children}
            token = view.next_token
            if not token:
                return found

    async def bytes_of(self, version: ItemVersion) -> bytes:
        stored = version.representation(Form.NATIVE)
        assert stored is not None
        return b"".join([part async for part in self.vault.read(stored)])

    def details(self, *paths: str) -> dict[str, Any]:
        found = self.edit("file_details")
        return {path: found.get(path) for path in paths} if paths else found

    @property
    def content_requests(self) -> int:
        return sum(self.asked[name] for name in CONTENT)

    async def snapshot(self, seq: int) -> Snapshot:
        return await self.vault.snapshot(self.tenant.drive.id, seq)

    async def everything(self, seq: int, parent_id: str = "", above: str = "") -> dict[str, ItemVersion]:
        """All that a snapshot holds, by path, earlier versions below their file."""
        found: dict[str, ItemVersion] = {}
        for name, version in (await self.children(seq, parent_id)).items():
            found[f"{above}/{name}"] = version
            if version.change.kind.is_folder or (self.versions and version.change.kind is ItemKind.FILE):
                found |= await self.everything(seq, version.change.item_id, f"{above}/{name}")
        return found


@asynccontextmanager
async def drive_world(tenant: SimulatedTenant, temp_dir: Path) -> AsyncIterator[DriveWorld]:
    """The body of a fixture."""
    store = MemoryBlobStore(lambda: START)
    await store.create_container()
    async with tenant.client() as client:
        yield DriveWorld(tenant, client, CustomerVault(store, "acme", temp_dir))
