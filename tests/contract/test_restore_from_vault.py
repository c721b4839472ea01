"""From the tenant into the vault and back: source, vault, use case and targets together, in slices of a few
items."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared_code.backup.budget import SliceBudget as BackupBudget
from shared_code.backup.copier import ResourceCopier
from shared_code.backup.ports import Source
from shared_code.errors import InvalidSelectionError
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.source import DriveSource
from shared_code.graph.drives.target import DriveTarget
from shared_code.graph.mailboxes.source import MailboxSource
from shared_code.graph.mailboxes.target import MailboxTarget
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.restore import Restore, RestoreRequest, RestoreState, Selection, TargetKind
from shared_code.restore.restores import Restores
from shared_code.restore.results import RestoreBudget
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.backup_bench import TERMS
from tests.fakes.memory_damage import MemoryDamage
from tests.fakes.restore_world import Crashes, MemoryJournal
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    for tenant in simulated_tenants():
        control, tid, user = tenant.control, tenant.id, tenant.user
        for number in range(12):
            mime = f"Subject: Message {number % 5}\r\n\r\nBody {number % 5}\r\n".encode()
            control.add_message(tid, user, mime, folder=["Inbox", "A / B", "C"], received="2026-11-02T08:00:00Z")
            control.put_file(tid, user, ["Docs", f"Folder {number % 3}", f"{number}.txt"], b"%d" % number)
        control.put_file(tid, user, "top.txt", b"at the top")
        control.add_event(tid, user, {"subject": "Stand-up"})
        yield tenant


class _Service:
    """One customer's vault with a backup of mailbox and drive in it, and its restores."""

    def __init__(self, client: GraphClient, temp_dir: Path) -> None:
        store = MemoryBlobStore(_now)
        self.store = store
        self.vault = CustomerVault(store, "acme", temp_dir)
        self.sources: dict[ResourceKind, Source] = {
            ResourceKind.MAILBOX: MailboxSource(client),
            ResourceKind.DRIVE: DriveSource(client),
        }
        self.journal = MemoryJournal(Crashes())
        targets: dict[ResourceKind, Any] = {
            ResourceKind.MAILBOX: MailboxTarget(client),
            ResourceKind.DRIVE: DriveTarget(client),
        }
        budget = RestoreBudget(seconds=300, size_bytes=1 << 30, items=4)
        self.restores = Restores(
            self.vault, targets, self.journal, budget, _now, asyncio.Semaphore(2), asyncio.Semaphore(2)
        )

    async def back_up(self, resource: Resource, run_id: str = "run-1") -> None:
        budget = BackupBudget(1 << 28, 300, 10_000)
        source = self.sources[resource.kind]
        copier = ResourceCopier("acme", self.vault, source, MemoryDamage(), TERMS, budget, _now, time.monotonic)
        while not (await copier.run_slice(resource, run_id)).done:
            pass

    async def restore(self, resource: Resource, selection: Selection, into: str = "", replay: bool = True) -> Restore:
        self.journal = MemoryJournal(Crashes())
        self.restores._journal = self.journal  # a journal of one restore
        target = TargetKind.FOLDER if into else TargetKind.ORIGINAL
        request = RestoreRequest("restore-acme-1", "acme", resource.id, 1, selection, target, into)
        await self.restores.start(request)
        position, done = "", False
        while not done:
            result = await self.restores.restore_slice(request, position)
            if replay:
                await self.restores.restore_slice(request, position)
            position, done = result.position, result.done
        return await self.restores.close(request)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared_code.restore.slice.BATCH_ITEMS", 3)


def _truth(tenant: SimulatedTenant, kind: str) -> list[dict[str, Any]]:
    records = list(tenant.control.oracle(tenant.id, tenant.user, kind))
    if kind == "drive":
        records = [
            {k: v for k, v in record.items() if record["record"] == "file" or k not in ("created", "modified")}
            for record in records
        ]
    return records


async def test_mailbox_and_drive_come_back_from_the_vault(tenant: SimulatedTenant, tmp_path: Path) -> None:
    control, tid, user = tenant.control, tenant.id, tenant.user
    async with tenant.client() as client:
        service = _Service(client, tmp_path)
        await service.store.create_container()
        await service.back_up(tenant.mailbox)
        await service.back_up(tenant.drive)
        before = [_truth(tenant, "mailbox"), _truth(tenant, "drive")]
        control.delete_folder(tid, user, ["Inbox", "A / B"])
        for item in control.items(tid, user, "calendar"):
            control.delete_item(tid, user, item["item"])
        control.delete_file(tid, user, "Docs")
        control.delete_file(tid, user, "top.txt")
        assert [_truth(tenant, "mailbox"), _truth(tenant, "drive")] != before
        for resource, settings in ((tenant.mailbox, 1), (tenant.drive, 0)):
            restore = await service.restore(resource, Selection(everything=True))
            counts = restore.counts
            assert (restore.state, counts.planned, counts.restored) == (RestoreState.COMPLETE, 13 + settings, 13)
            assert counts.existing == settings  # those of a mailbox, which nobody changed
            assert restore.problems == ()
        assert [_truth(tenant, "mailbox"), _truth(tenant, "drive")] == before
        for resource, settings in ((tenant.mailbox, 1), (tenant.drive, 0)):
            again = await service.restore(resource, Selection(everything=True), replay=False)
            assert (again.counts.existing, again.counts.restored) == (13 + settings, 0)
        assert [_truth(tenant, "mailbox"), _truth(tenant, "drive")] == before


async def test_chosen_things_go_below_a_named_folder(tenant: SimulatedTenant, tmp_path: Path) -> None:
    async with tenant.client() as client:
        service = _Service(client, tmp_path)
        await service.store.create_container()
        await service.back_up(tenant.drive)
        view = await service.restores.folder(tenant.drive.id, 1, "", 100)
        folders = {}
        for _ in range(4):  # down to Docs/Folder 1
            for entry in view.children:
                folders[entry.change.name] = entry.change.item_id
            wanted = next((name for name in ("Folder 1", "Docs", "root") if name in folders), "")
            view = await service.restores.folder(tenant.drive.id, 1, folders[wanted], 100)
        assert sorted(entry.change.name for entry in view.children) == ["1.txt", "10.txt", "4.txt", "7.txt"]
        assert [entry.change.name for entry in view.path][-2:] == ["Docs", "Folder 1"]
        restore = await service.restore(tenant.drive, Selection(folder_ids=(folders["Folder 1"],)), "Back")
        assert restore.counts.restored == 4
        paths = {entry["path"] for entry in tenant.control.files(tenant.id, tenant.user)}
        assert {path for path in paths if path.startswith("/Back")} == {
            "/Back",
            "/Back/Docs",
            "/Back/Docs/Folder 1",
            *(f"/Back/Docs/Folder 1/{number}.txt" for number in (1, 4, 7, 10)),
        }
        with pytest.raises(InvalidSelectionError):
            await service.restore(tenant.drive, Selection(item_ids=("01UNKNOWN",)))
