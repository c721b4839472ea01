"""The product's client against a tenant that enforces the documented limits, on a clock that runs faster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared_code.backup.budget import SliceBudget
from shared_code.backup.copier import ResourceCopier
from shared_code.backup.ports import Source
from shared_code.errors import ThrottledError
from shared_code.graph.client import GraphClient
from shared_code.graph.directory import TenantDirectory
from shared_code.graph.drives.source import DriveSource
from shared_code.graph.governor import Governor
from shared_code.graph.mailboxes.source import MailboxSource
from shared_code.graph.mailboxes.target import MailboxTarget
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.restore import RestoreRequest, RestoreState, Selection, TargetKind
from shared_code.model.run import ResourceOutcome, RunState
from shared_code.restore.restores import Restores
from shared_code.restore.results import RestoreBudget
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.backup_bench import TERMS
from tests.fakes.memory_damage import MemoryDamage
from tests.fakes.memory_pace import MemoryPace
from tests.fakes.restore_world import Crashes, MemoryJournal
from tests.fakes.scaled_clock import ScaledClock
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

SPEED = 20.0


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


def _options(clock: ScaledClock, shared: MemoryPace | None = None, *, governed: bool = True) -> dict[str, Any]:
    """What a client is handed so that its time is the tenant's."""
    governor = Governor(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep, shared=shared)
    return {"sleep": clock.sleep, "monotonic": clock.monotonic, "governor": governor if governed else None}


def _now() -> datetime:
    return datetime.now(UTC)


async def _back_up(client: GraphClient, resources: Sequence[Resource], vault: CustomerVault) -> list[ResourceOutcome]:
    """All resources at once, as a run does."""
    sources: dict[ResourceKind, Callable[[], Source]] = {
        ResourceKind.MAILBOX: lambda: MailboxSource(client),
        ResourceKind.DRIVE: lambda: DriveSource(client),
    }

    async def one(resource: Resource) -> ResourceOutcome:
        source = sources[resource.kind]()
        copier = ResourceCopier("acme", vault, source, MemoryDamage(), TERMS, SliceBudget(), _now, lambda: 0.0)
        while True:
            result = await copier.run_slice(resource, "run-1")
            if result.outcome:
                return result.outcome

    return await asyncio.gather(*(one(resource) for resource in resources))


def _vault(directory: Path) -> CustomerVault:
    return CustomerVault(MemoryBlobStore(_now), "acme", directory)


def _fill(tenant: SimulatedTenant) -> int:
    """Two mailboxes and three drives with more files than a minute's units; returns how many items there are."""
    control, tid = tenant.control, tenant.id
    control.generate(tid, users=2, messages_per_user=60, files_per_user=500, file_size_bytes=500)
    control.generate(tid, users=1, messages_per_user=0, files_per_user=500, file_size_bytes=500, prefix="more")
    control.change_settings(tid, limits=True, request_duration_s=0.4)
    control.run_clock(tid, SPEED)
    return 2 * 60 + 3 * 500


async def test_a_backup_of_mailboxes_and_drives_is_never_refused(tenant: SimulatedTenant, tmp_path: Path) -> None:
    items = _fill(tenant)
    clock = ScaledClock(SPEED)
    async with tenant.client(**_options(clock)) as client:
        resources = (await TenantDirectory(client).list_resources()).resources
        began_s = clock.monotonic()
        outcomes = await _back_up(client, resources, _vault(tmp_path))
        took_s = clock.monotonic() - began_s
    assert {outcome.state for outcome in outcomes} == {RunState.COMPLETE}
    assert sum(outcome.counts.stored for outcome in outcomes) >= items
    seen = tenant.control.limits(tenant.id)
    assert seen["refused"] == {}
    assert seen["counted"] > items
    assert seen["most_at_once"] == 4
    # More units than one minute allows: it took a second one, and not much more than the limit asks for.
    assert 60 < took_s < 240


async def test_without_a_governor_the_same_backup_is_refused(tenant: SimulatedTenant, tmp_path: Path) -> None:
    _fill(tenant)
    clock = ScaledClock(SPEED)
    async with tenant.client(**_options(clock, governed=False)) as client:
        resources = (await TenantDirectory(client).list_resources()).resources
        with suppress(ThrottledError):
            await _back_up(client, resources, _vault(tmp_path))
    assert sum(tenant.control.limits(tenant.id)["refused"].values()) > 20


async def test_a_restore_keeps_to_the_four_places_of_its_mailbox(tenant: SimulatedTenant, tmp_path: Path) -> None:
    control, tid = tenant.control, tenant.id
    for number in range(50):
        control.add_message(
            tid, tenant.user, b"Subject: %d\r\n\r\nBody\r\n" % number, folder=["Inbox", f"{number % 3}"]
        )
    control.change_settings(tid, limits=True, request_duration_s=0.4)
    control.run_clock(tid, SPEED)
    vault = _vault(tmp_path)
    async with tenant.client(**_options(ScaledClock(SPEED))) as client:
        await _back_up(client, [tenant.mailbox], vault)
    # Another instance, which knows nothing of the backup.
    async with tenant.client(**_options(ScaledClock(SPEED))) as client:
        budget = RestoreBudget(seconds=300, size_bytes=1 << 30, items=1000)
        targets = {ResourceKind.MAILBOX: MailboxTarget(client)}
        restores = Restores(
            vault, targets, MemoryJournal(Crashes()), budget, _now, asyncio.Semaphore(2), asyncio.Semaphore(2)
        )
        request = RestoreRequest(
            "restore-1", "acme", tenant.mailbox.id, 1, Selection(everything=True), TargetKind.FOLDER, "Restored"
        )
        await restores.start(request)
        position, done = "", False
        while not done:
            result = await restores.restore_slice(request, position)
            position, done = result.position, result.done
        closed = await restores.close(request)
    assert closed.state is RestoreState.COMPLETE
    assert closed.counts.restored == 50
    seen = control.limits(tid)
    assert (seen["refused"], seen["most_at_once"]) == ({}, 4)


async def test_a_refusal_inside_a_batch_is_obeyed_and_shared(tenant: SimulatedTenant) -> None:
    control, tid = tenant.control, tenant.id
    control.run_clock(tid, SPEED)
    clock = ScaledClock(SPEED)
    shared = MemoryPace(clock.now)
    control.add_fault(match={"operation": "drive.get"}, action={"status": 429, "retry_after_s": 20}, skip=2, times=1)
    async with tenant.client(**_options(clock, shared)) as client:
        drive = client.graph.drives.by_drive_id(tenant.drive_id)
        inbox = client.graph.users.by_user_id(tenant.user_id).mail_folders.by_mail_folder_id("inbox")
        infos = [drive.to_get_request_information() for _ in range(4)]
        began_s = clock.monotonic()
        answers = await client.batch([*infos, inbox.to_get_request_information()])
        took_s = clock.monotonic() - began_s
    assert [answer.status for answer in answers] == [200] * 5
    assert set(shared.pauses) == {"files"}
    assert took_s >= 20
    # Only the refused one was asked again.
    assert control.log_summary()["drive.get"] == {"200": 4, "429": 1}
    assert control.log_summary()["mailFolders.get"] == {"200": 1}


async def test_a_pause_of_one_instance_stops_the_other(tenant: SimulatedTenant) -> None:
    control, tid = tenant.control, tenant.id
    control.run_clock(tid, SPEED)
    clock = ScaledClock(SPEED)
    shared = MemoryPace(clock.now)
    info = {"match": {"operation": "drive.get"}, "action": {"status": 429, "retry_after_s": 30}, "times": 1}
    async with (
        tenant.client(**_options(clock, shared)) as one,
        tenant.client(**_options(clock, shared)) as other,
    ):

        async def ask(client: GraphClient) -> None:
            drive = client.graph.drives.by_drive_id(tenant.drive_id)
            await client.get_json(drive.to_get_request_information())

        await ask(one)
        await ask(other)
        control.add_fault(**info)
        refused = asyncio.create_task(ask(one))
        while "files" not in shared.pauses:
            await asyncio.sleep(0.01)
        paused_until = shared.pauses["files"]
        # Within seconds the other knows, although nobody ever refused it anything.
        await clock.sleep(3.1)
        await ask(other)
        assert clock.now() >= paused_until
        await refused
    statuses = control.log_summary()["drive.get"]
    assert statuses == {"200": 4, "429": 1}


async def test_instances_that_do_not_know_each_other_stop_at_their_share_by_the_hints(
    tenant: SimulatedTenant,
) -> None:
    control, tid = tenant.control, tenant.id
    control.change_settings(tid, limits=True)
    control.run_clock(tid, SPEED)
    clock = ScaledClock(SPEED)

    async def spend(client: GraphClient, times: int) -> None:
        drive = client.graph.drives.by_drive_id(tenant.drive_id)
        for _ in range(times // 20):
            await client.batch([drive.to_get_request_information() for _ in range(20)])

    async with (
        tenant.client(**_options(clock)) as one,
        tenant.client(**_options(clock)) as two,
        tenant.client(**_options(clock)) as three,
    ):
        await asyncio.gather(*(spend(client, 700) for client in (one, two, three)))
    seen = control.limits(tid)
    assert seen["counted"] >= 2100
    assert sum(seen["refused"].values()) < 0.02 * 2100
