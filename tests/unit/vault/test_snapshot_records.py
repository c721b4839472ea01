from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shared_code.errors import (
    BlobExistsError,
    BlobNotFoundError,
    IntegrityError,
    InvalidIdError,
    SnapshotNotFoundError,
    UnsupportedFormatError,
)
from shared_code.model.item import Change, ChunkRef, ItemKind
from shared_code.model.lease import CheckpointMark
from shared_code.model.outcome import Counts, ItemFailure, ItemSkip, SkipCause
from shared_code.model.progress import FeedState, Furthest, PartialFile, PendingChange, Progress
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.snapshot import MOST_SEQ, Newest, SegmentKind, SegmentRef, Snapshot
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.records import decode_record, encode_record
from tests.unit.vault.conftest import DRIVE, NOW, World

CHANGE = Change("i", ItemKind.FILE, name="a\ud800\x00'\"", time=NOW, properties={"k": [1, None, "😀"]})
SEGMENT = SegmentRef("drive.d1/catalog/x.parquet", "v1", SegmentKind.BASE, 3, 99, "0" * 64)
SNAPSHOT = Snapshot(
    customer_id="acme",
    resource=DRIVE,
    seq=1,
    run_id="r1",
    started_at=NOW,
    committed_at=NOW,
    segments=(SEGMENT,),
    cursors={"root": "https://graph/delta?token=a'b"},
    counts=Counts(stored=3),
    checkpoint=CheckpointMark(NOW, 90, 127),
    failures=(ItemFailure("root", CHANGE, "text", 2),),
    skips=(ItemSkip("root", "s", "name", SkipCause.MALWARE),),
)
PROGRESS = Progress(
    customer_id="acme",
    resource=DRIVE,
    seq=1,
    slice_number=1,
    run_id="r1",
    started_at=NOW,
    inherited=(),
    segments=(SEGMENT,),
    feeds={"root": FeedState("c")},
    counts=Counts(stored=1),
    checkpoint=CheckpointMark(NOW, 90, 127),
    checkpointing=CheckpointMark(NOW, 400, 437),
    merged=True,
    repaired=(("root", "i"),),
    times_begun_anew=2,
    pending=(PendingChange("root", CHANGE, 1),),
    partial=PartialFile(PendingChange("root", CHANGE), 5, (ChunkRef("p", "v", 1, 2, 3, "0"),), "state"),
    failures=(),
    skips=(),
)


async def test_a_snapshot_comes_back_as_it_was_committed(world: World) -> None:
    assert (await world.vault.newest(DRIVE)).snapshot is None
    for seq in (1, 2, 10, 3):
        await world.vault.commit_snapshot(replace(SNAPSHOT, seq=seq))
    assert await world.vault.snapshots(DRIVE.id) == (1, 2, 3, 10)
    assert await world.vault.snapshot(DRIVE.id, 2) == replace(SNAPSHOT, seq=2)
    assert (await world.vault.newest(DRIVE)).snapshot == replace(SNAPSHOT, seq=10)


async def test_a_number_is_committed_once(world: World) -> None:
    await world.vault.commit_snapshot(SNAPSHOT)
    with pytest.raises(BlobExistsError):
        await world.vault.commit_snapshot(replace(SNAPSHOT, run_id="r2"))
    assert (await world.vault.newest(DRIVE)).snapshot == SNAPSHOT
    await world.vault.commit_progress(PROGRESS)
    with pytest.raises(BlobExistsError):
        await world.vault.commit_progress(PROGRESS)


async def test_the_newest_progress_towards_a_snapshot_is_found(world: World) -> None:
    assert (await world.vault.furthest(DRIVE, 1)).progress is None
    for seq, number in ((1, 1), (1, 2), (1, 10), (2, 1), (11, 99)):
        await world.vault.commit_progress(replace(PROGRESS, seq=seq, slice_number=number))
    assert (await world.vault.furthest(DRIVE, 1)).progress == replace(PROGRESS, seq=1, slice_number=10)
    assert (await world.vault.furthest(DRIVE, 2)).progress == replace(PROGRESS, seq=2, slice_number=1)
    assert (await world.vault.furthest(DRIVE, 3)).progress is None


async def test_resources_do_not_see_each_other(world: World) -> None:
    await world.vault.commit_snapshot(SNAPSHOT)
    other = Resource(ResourceKind.DRIVE, "d", "A name that begins alike")
    assert (await world.vault.newest(other)).snapshot is None
    assert await world.vault.snapshots(other.id) == ()
    with pytest.raises(SnapshotNotFoundError):
        await world.vault.snapshot(other.id, 1)


@pytest.mark.parametrize("resource_id", ["../drive.d1", "drive.d1/snapshots", "", "drive.", "drive.a/../b", "x.y"])
async def test_a_hostile_resource_id_reads_nothing(world: World, resource_id: str) -> None:
    with pytest.raises(InvalidIdError):
        await world.vault.snapshots(resource_id)
    with pytest.raises(InvalidIdError):
        await world.vault.snapshot(resource_id, 1)
    assert not world.store.operations


async def test_a_missing_snapshot_is_said_to_be_missing(world: World) -> None:
    await world.vault.commit_snapshot(SNAPSHOT)
    with pytest.raises(SnapshotNotFoundError, match="snapshot 2"):
        await world.vault.snapshot(DRIVE.id, 2)


async def test_strange_names_beside_the_records_are_passed_over(world: World) -> None:
    await world.vault.commit_snapshot(SNAPSHOT)
    await world.vault.commit_progress(PROGRESS)
    for name in ("00000009.json.tmp", "9.json", "99999999x.json", "sub/00000009.json.x"):
        await world.store.create(f"drive.d1/snapshots/{name}", b"{}")
    await world.store.create("drive.d1/progress/00000001-x.json", b"{}")
    assert await world.vault.snapshots(DRIVE.id) == (1,)
    assert (await world.vault.furthest(DRIVE, 1)).progress == PROGRESS


def test_any_flipped_bit_in_a_record_is_found() -> None:
    data = encode_record(SNAPSHOT.to_json())
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        try:
            found = Snapshot.from_json(decode_record("a record", bytes(damaged)))
        except IntegrityError:
            continue
        assert found == SNAPSHOT, "some bits change the writing of an escape and not what it says"


async def test_a_damaged_record_in_the_vault_is_found(world: World) -> None:
    data = encode_record(SNAPSHOT.to_json())
    await world.store.create("drive.d1/snapshots/00000001.json", data[:50] + bytes([data[50] ^ 1]) + data[51:])
    with pytest.raises(IntegrityError):
        await world.vault.snapshot(DRIVE.id, 1)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"3", b"{}", b"\xff", b"[" * 100_000])
async def test_a_record_that_is_none_is_damage(world: World, data: bytes) -> None:
    await world.store.create("drive.d1/snapshots/00000001.json", data)
    with pytest.raises(IntegrityError):
        await world.vault.snapshot(DRIVE.id, 1)
    assert await world.vault.newest(DRIVE) == Newest(None, 2, (1,))


@pytest.mark.parametrize("number", [3, 99_999_999, 100_000_000, MOST_SEQ])
@pytest.mark.parametrize("data", [b"{}", encode_record({"format": 1}), encode_record({"format": 1, "resource": 3})])
async def test_a_damaged_or_planted_record_does_not_hide_the_one_before_it(
    world: World, number: int, data: bytes
) -> None:
    await world.vault.commit_snapshot(SNAPSHOT)
    await world.vault.commit_snapshot(replace(SNAPSHOT, seq=2))
    await world.store.create(f"drive.d1/snapshots/{number:08d}.json", data)
    newest = await world.vault.newest(DRIVE)
    assert newest == Newest(replace(SNAPSHOT, seq=2), 4 if number == 3 else 3, (number,))
    await world.vault.commit_snapshot(replace(SNAPSHOT, seq=newest.next_seq))
    assert (await world.vault.newest(DRIVE)).snapshot == replace(SNAPSHOT, seq=newest.next_seq)


@pytest.mark.parametrize("number", [2, 99_999, 100_000, MOST_SEQ])
async def test_a_damaged_progress_record_does_not_hide_the_one_before_it(world: World, number: int) -> None:
    await world.vault.commit_progress(replace(PROGRESS, seq=1, slice_number=1))
    await world.store.create(f"drive.d1/progress/00000001-{number:05d}.json", b"{}")
    following = 3 if number == 2 else 2
    assert await world.vault.furthest(DRIVE, 1) == Furthest(replace(PROGRESS, seq=1, slice_number=1), following)
    await world.vault.commit_progress(replace(PROGRESS, seq=1, slice_number=following))
    assert (await world.vault.furthest(DRIVE, 1)).next_slice == following + 1


@pytest.mark.parametrize(
    "name",
    [
        "snapshots/000000009.json",
        "snapshots/x/snapshots/00000009.json",
        "snapshots/99999999999.json",
        "snapshots/00000000.json",
        "progress/00000002-000001.json",
        "progress/00000002-99999999999.json",
        "progress/00000002-00000.json",
    ],
)
async def test_a_name_that_the_service_does_not_give_is_no_record(world: World, name: str) -> None:
    await world.vault.commit_snapshot(SNAPSHOT)
    await world.store.create(f"drive.d1/{name}", b"")
    assert await world.vault.newest(DRIVE) == Newest(SNAPSHOT, 2)
    assert await world.vault.furthest(DRIVE, 2) == Furthest(None, 1)


@pytest.mark.parametrize("days", [10**12, "x", None, 1.5, True])
async def test_a_record_whose_days_are_none_is_damage(world: World, days: Any) -> None:
    await world.vault.commit_snapshot(SNAPSHOT)
    record = replace(SNAPSHOT, seq=2).to_json()
    record["checkpoint"]["lease_days"] = days
    await world.store.create("drive.d1/snapshots/00000002.json", encode_record(record))
    assert await world.vault.newest(DRIVE) == Newest(SNAPSHOT, 3, (2,))


@pytest.mark.parametrize("depth", [900, 940, 946, 960, 2_000])
async def test_a_record_of_any_depth_is_damage(world: World, depth: int) -> None:
    await world.vault.commit_snapshot(SNAPSHOT)
    await world.store.create(
        "drive.d1/snapshots/00000002.json", b'{"sha256":"0","x":' + b"[" * depth + b"]" * depth + b"}"
    )
    assert await world.vault.newest(DRIVE) == Newest(SNAPSHOT, 3, (2,))


async def test_a_record_that_expires_while_it_is_looked_for_is_passed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.vault.commit_snapshot(SNAPSHOT)
    await world.vault.commit_snapshot(replace(SNAPSHOT, seq=2))
    read = world.store.read

    async def expired(name: str, **options: Any) -> bytes:
        if name.endswith("2.json"):
            raise BlobNotFoundError("It has expired.")
        return await read(name, **options)

    monkeypatch.setattr(world.store, "read", expired)
    assert await world.vault.newest(DRIVE) == Newest(SNAPSHOT, 3)


async def test_what_a_newer_release_names_is_no_damage(world: World) -> None:
    record = SNAPSHOT.to_json()
    record["skips"] = [{"feed": "root", "item_id": "i", "name": "n", "cause": "of_a_later_release"}]
    await world.store.create("drive.d1/snapshots/00000001.json", encode_record(record))
    with pytest.raises(UnsupportedFormatError, match="of_a_later_release"):
        await world.vault.newest(DRIVE)


async def test_a_record_of_the_greatest_number_is_said_to_be_in_the_way(world: World) -> None:
    await world.vault.commit_snapshot(replace(SNAPSHOT, seq=MOST_SEQ))
    with pytest.raises(IntegrityError, match="used up"):
        await world.vault.newest(DRIVE)


async def test_a_record_of_a_later_format_is_named_so(world: World) -> None:
    await world.store.create("drive.d1/snapshots/00000001.json", encode_record({**SNAPSHOT.to_json(), "format": 2}))
    with pytest.raises(UnsupportedFormatError):
        await world.vault.newest(DRIVE)
    body = {key: value for key, value in SNAPSHOT.to_json().items() if key != "format"}
    await world.store.create("drive.d2/snapshots/00000001.json", encode_record(body))
    with pytest.raises(IntegrityError, match="no format"):
        await world.vault.snapshot("drive.d2", 1)


async def test_a_record_in_the_wrong_place_is_refused(world: World) -> None:
    await world.vault.commit_snapshot(SNAPSHOT)
    data = await world.store.read("drive.d1/snapshots/00000001.json")
    await world.store.create("drive.d1/snapshots/00000005.json", data)
    assert await world.vault.newest(DRIVE) == Newest(SNAPSHOT, 2, (5,))
    await world.store.create("drive.d2/snapshots/00000001.json", data)
    with pytest.raises(IntegrityError):
        await world.vault.snapshot("drive.d2", 1)
    stranger = CustomerVault(world.store, "other", world.temp_dir)
    with pytest.raises(IntegrityError):
        await stranger.snapshot(DRIVE.id, 1)
    with pytest.raises(IntegrityError):
        await stranger.commit_snapshot(replace(SNAPSHOT, seq=7))
    assert await world.vault.snapshots(DRIVE.id) == (1, 5)


async def test_records_are_plain_json_that_other_tools_read(world: World) -> None:
    await world.vault.commit_snapshot(SNAPSHOT)
    data = await world.store.read("drive.d1/snapshots/00000001.json")
    assert data.isascii()
    assert json.loads(data)["segments"][0]["name"] == SEGMENT.name
