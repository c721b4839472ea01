"""The catalog of a restore point is damaged: whoever looks or asks for a restore is told which others can be used."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from shared_code.errors import SnapshotUnreadableError, VaultUnavailableError
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.lease import CheckpointMark
from shared_code.model.outcome import Counts
from shared_code.model.resource import ResourceKind
from shared_code.model.restore import RestoreRequest, Selection
from shared_code.model.snapshot import SegmentKind, SegmentRef, Snapshot
from shared_code.restore.browsing import Browsing
from shared_code.restore.restores import Restores
from shared_code.restore.results import RestoreBudget
from tests.fakes.restore_world import Crashes, MemoryJournal, MemoryTarget
from tests.unit.vault.conftest import DRIVE, NOW, World


async def _three_days(world: World) -> list[SegmentRef]:
    """Three restore points; the second needs the base of the first and a delta, the third a base of its own."""
    segments = [
        await world.write(
            [("root", Change(f"i{seq}", ItemKind.FILE, name=f"{seq}.txt", properties={}), {Form.NATIVE: b"%d" % seq})],
            seq,
            SegmentKind.DELTA if seq == 2 else SegmentKind.BASE,
        )
        for seq in (1, 2, 3)
    ]
    first, second, third = segments
    for seq, needed in ((1, (first,)), (2, (first, second)), (3, (third,))):
        at = NOW + timedelta(days=seq)
        await world.vault.commit_snapshot(
            Snapshot("acme", DRIVE, seq, "r", at, at, needed, {}, Counts(), CheckpointMark(NOW, 90, 127))
        )
    return segments


def _damage(world: World, segment: SegmentRef, how: str) -> None:
    world.store.lose(segment.name)
    if how != "gone":
        world.store.overwrite(segment.name, b"garbage" * 1000 if how == "overwritten" else b"")


@pytest.mark.parametrize("how", ["overwritten", "gone", "empty"])
@pytest.mark.parametrize(
    ("damaged", "unreadable", "usable"), [(0, (1, 2), "3"), (1, (2,), "1, 3"), (2, (3,), "1 to 2")]
)
async def test_a_damaged_segment_is_named_with_what_can_be_used(
    tmp_path: Path, how: str, damaged: int, unreadable: tuple[int, ...], usable: str
) -> None:
    world = World(tmp_path)
    segments = await _three_days(world)
    _damage(world, segments[damaged], how)
    journal, gates = MemoryJournal(Crashes()), (asyncio.Semaphore(1), asyncio.Semaphore(1))
    budget = RestoreBudget(seconds=300, size_bytes=1 << 30, items=10)
    targets = {ResourceKind.DRIVE: MemoryTarget(Crashes())}
    restores = Restores(world.vault, targets, journal, budget, lambda: NOW, *gates)
    for seq in (1, 2, 3):
        request = RestoreRequest(f"restore-acme-{seq}", "acme", DRIVE.id, seq, Selection(everything=True))
        if seq not in unreadable:
            assert (await restores.folder(DRIVE.id, seq, "", 10)).children
            await restores.start(request)
            continue
        told = rf"^Snapshot {seq} cannot be used: .*Of this resource these can be used: {usable}\.$"
        with pytest.raises(SnapshotUnreadableError, match=told):
            await restores.folder(DRIVE.id, seq, "", 10)
        with pytest.raises(SnapshotUnreadableError, match=told):
            await restores.start(request)
    assert sorted(journal.records) == [f"restore-acme-{seq}" for seq in (1, 2, 3) if seq not in unreadable]
    assert not any(gate.locked() for gate in gates)
    assert world.leftovers() == []


async def test_a_store_that_does_not_answer_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    await _three_days(world)

    async def fails(*place: object, **more: object) -> bytes:
        raise VaultUnavailableError("The store did not answer.")

    browsing = Browsing(world.vault, asyncio.Semaphore(1))
    snapshot = await browsing.resolve(DRIVE.id, seq=2)
    monkeypatch.setattr(world.store, "read", fails)
    with pytest.raises(VaultUnavailableError):
        async with browsing.reader(snapshot) as reader:
            await reader.item("i1")
