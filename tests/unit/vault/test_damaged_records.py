"""Bytes of one snapshot's record are damaged: every other restore point is there as before."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared_code.errors import SnapshotUnreadableError
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.lease import CheckpointMark
from shared_code.model.outcome import Counts
from shared_code.model.snapshot import SegmentKind, Snapshot
from shared_code.restore.browsing import Browsing
from shared_code.vault.blob_names import snapshot_name
from shared_code.vault.records import encode_record
from tests.unit.vault.conftest import DRIVE, NOW, World


async def _commit(world: World, seq: int) -> None:
    change = Change(f"i{seq}", ItemKind.FILE, name=f"{seq}.txt", properties={})
    segment = await world.write([("root", change, {Form.NATIVE: b"%d" % seq})], seq, SegmentKind.BASE)
    at = NOW + timedelta(days=seq)
    snapshot = Snapshot("acme", DRIVE, seq, "r", at, at, (segment,), {}, Counts(), CheckpointMark(NOW, 90, 127))
    await world.vault.commit_snapshot(snapshot)


def _damaged(data: bytes, how: str) -> bytes:
    return {
        "another text": b'{"hello": 1}',
        "no object": b"[]",
        "empty": b"",
        "cut off": data[: len(data) // 2],
        "one bit": data.replace(b'"acme"', b'"acmd"'),
        "a later format": encode_record({"format": 99}),
    }[how]


@pytest.mark.parametrize("how", ["another text", "no object", "empty", "cut off", "one bit", "a later format"])
@pytest.mark.parametrize("damaged", [1, 2, 3])
async def test_one_damaged_record_leaves_the_others(world: World, damaged: int, how: str) -> None:
    for seq in (1, 2, 3):
        await _commit(world, seq)
    name = snapshot_name(DRIVE.id, damaged)
    broken = _damaged(await world.store.read(name), how)
    world.store.lose(name)
    world.store.overwrite(name, broken)

    browsing = Browsing(world.vault, asyncio.Semaphore(1))
    points = await browsing.snapshots(DRIVE.id)
    states = {point.seq: point.to_json(NOW)["state"] for point in points}
    assert states == {**dict.fromkeys((3, 2, 1), "complete"), damaged: "damaged"}
    assert list(states) == [3, 2, 1]
    whole = [seq for seq in (1, 2, 3) if seq != damaged]
    for seq in whole:
        view = await browsing.folder(DRIVE.id, seq, "", 10)
        assert [child.change.name for child in view.children] == [f"{seq}.txt"]
        by_time = await browsing.resolve(DRIVE.id, at=NOW + timedelta(days=seq))
        assert by_time == await browsing.resolve(DRIVE.id, seq=seq)
    assert (await browsing.resolve(DRIVE.id)).seq == whole[-1]
    with pytest.raises(SnapshotUnreadableError, match=f"Snapshot {damaged} cannot be used: .* these can be used: "):
        await browsing.folder(DRIVE.id, damaged, "", 10)
    assert world.leftovers() == []


async def test_the_promise_is_that_of_the_newest_that_can_be_read(world: World) -> None:
    for seq in (1, 2, 3):
        await _commit(world, seq)
    longer = replace(await world.vault.snapshot(DRIVE.id, 2), checkpoint=CheckpointMark(NOW, 400, 437))
    for seq, data in ((2, encode_record(longer.to_json())), (3, b"")):
        world.store.lose(snapshot_name(DRIVE.id, seq))
        world.store.overwrite(snapshot_name(DRIVE.id, seq), data)
    view = await Browsing(world.vault, asyncio.Semaphore(1)).folder(DRIVE.id, 1, "", 10)
    assert view.snapshot.promised_until == NOW + timedelta(days=401)
