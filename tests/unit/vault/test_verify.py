"""Verification of a snapshot's structure: segments, records, leases, many packs; what it reads, and what it raises."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from shared_code.errors import VaultUnavailableError
from shared_code.model.check_report import DamageKind, VerifyReport, damaged_items, items_of
from shared_code.model.lease import LeaseTerms
from shared_code.vault import named_chunks
from shared_code.vault.blob_names import progress_name, snapshot_name
from shared_code.vault.memory_blob import Moment
from shared_code.vault.verify import SnapshotVerifier
from tests.fakes.backup_bench import NOW, RESOURCE, SMALL, Bench
from tests.fakes.scripted_source import ROOT_FEED
from tests.fakes.vault_checks import blob_names, damages, flip, found, only_version, verified

DAY = timedelta(days=1)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_what_is_read_grows_with_packs_and_not_with_their_size(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named_chunks, "_ROWS_AT_ONCE", 3)
    for number in range(10):
        bench.source.put(f"large{number}", Random(1000 + number).randbytes(700_000))
    await bench.days(9)
    read_bytes = 0
    whole = bench.store.read

    async def read(name: str, *, version_id: str = "", offset: int = 0, length: int | None = None) -> bytes:
        nonlocal read_bytes
        data = await whole(name, version_id=version_id, offset=offset, length=length)
        read_bytes += len(data) if "/packs/" in name else 0
        return data

    monkeypatch.setattr(bench.store, "read", read)
    bench.store.operations.clear()
    report = await verified(bench, tmp_path, 9)
    assert (report.ok, report.packs, report.chunks, report.segments) == (True, 9, 19, 9)
    assert bench.store.operations["read"] == 1 + 9 + 3 * 9, "the record, the segments, and three ranges of each pack"
    assert read_bytes < 20_000
    assert "create" not in bench.store.operations


async def test_a_chunk_that_items_share_is_named_with_all_of_them(bench: Bench, tmp_path: Path) -> None:
    data = Random(1).randbytes(2000)
    names = ["a", "b", "\ufffdc\x00\ud800"]
    for name in names:
        bench.source.put(name, data)
    bench.source.put_folder("inbox", opens_feed="items:\x00'")
    bench.source.put("in another feed", b"text", feed="items:\x00'", hashed=False)
    await bench.run("d0")
    for pack in blob_names(bench.store, "/packs/"):
        bench.store.lose(pack)
    report = await verified(bench, tmp_path, 1)
    expected = {*((ROOT_FEED, name) for name in names), ("items:\x00'", "in another feed")}
    assert found(report) == {DamageKind.MISSING_PACK: expected}
    assert items_of(report) == sorted(expected)
    assert [item.what for item in damaged_items(report, NOW)] == ["missing_pack"] * 4
    assert VerifyReport.from_json(json.loads(json.dumps(report.to_json()))) == report


async def test_an_item_that_changed_since_is_not_named(bench: Bench, tmp_path: Path) -> None:
    bench.source.put("changed", Random(1).randbytes(2000))
    bench.source.put("deleted", Random(2).randbytes(2000))
    bench.source.put("same", Random(3).randbytes(2000))
    await bench.run("d0")
    bench.source.put("changed", Random(4).randbytes(2000))
    bench.source.remove("deleted")
    bench.now = NOW + DAY
    await bench.run("d1")
    bench.store.lose(blob_names(bench.store, "/packs/")[0])
    assert items_of(await verified(bench, tmp_path, 2)) == [(ROOT_FEED, "same")]
    assert [item_id for _, item_id in items_of(await verified(bench, tmp_path, 1))] == ["changed", "deleted", "same"]


async def test_a_damaged_segment_is_named_and_the_others_are_verified(bench: Bench, tmp_path: Path) -> None:
    await bench.days(3)
    second = blob_names(bench.store, "/catalog/")[1]
    flip(only_version(bench.store, second), 300)
    bench.store.lose(blob_names(bench.store, "/packs/")[2])
    report = await verified(bench, tmp_path, 3)
    assert found(report) == {DamageKind.DAMAGED_SEGMENT: set(), DamageKind.MISSING_PACK: {(ROOT_FEED, "i3")}}
    assert any(damage.kind is DamageKind.DAMAGED_SEGMENT and damage.blob == second for damage in report.damages)
    assert (await verified(bench, tmp_path, 1)).ok
    assert list(tmp_path.iterdir()) == []


async def test_missing_and_cut_off_segments(bench: Bench, tmp_path: Path) -> None:
    await bench.days(3)
    first, second, _ = blob_names(bench.store, "/catalog/")
    bench.store.lose(first)
    version = only_version(bench.store, second)
    version.data = version.data[:-1]
    version.info = replace(version.info, size_bytes=len(version.data))
    report = await verified(bench, tmp_path, 3)
    assert {(damage.kind, damage.blob) for damage in report.damages} == {
        (DamageKind.MISSING_SEGMENT, first),
        (DamageKind.DAMAGED_SEGMENT, second),
    }
    assert (report.segments, report.packs) == (3, 1)


async def test_a_record_that_was_written_over(bench: Bench, tmp_path: Path) -> None:
    await bench.days(2)
    name = snapshot_name(RESOURCE.id, 2)
    bench.store.overwrite(name, only_version(bench.store, snapshot_name(RESOURCE.id, 1)).data)
    report = await verified(bench, tmp_path, 2)
    assert found(report) == {DamageKind.OVERWRITTEN_RECORD: set()}
    assert report.packs == 2, "the first version is the record"
    assert items_of(report) == []
    assert (await verified(bench, tmp_path, 1)).ok


async def test_a_progress_record_that_was_written_over(bench: Bench, tmp_path: Path) -> None:
    for number in range(5):
        bench.source.put(f"i{number}", Random(number).randbytes(500))
    await bench.run("d0", SMALL)
    bench.store.overwrite(progress_name(RESOURCE.id, 1, 1), b"{}")
    [damage] = (await verified(bench, tmp_path, 1)).damages
    assert (damage.kind, damage.blob) == (DamageKind.OVERWRITTEN_RECORD, progress_name(RESOURCE.id, 1, 1))


def _flipped(data: bytes) -> bytes:
    return data[:50] + bytes([data[50] ^ 1]) + data[51:]


def _of_nothing(data: bytes) -> bytes:
    """It hashes to what it says, and says nothing."""
    record = {"format": 1, "customer_id": "acme", "resource": {"kind": "drive"}}
    body = json.dumps(record, separators=(",", ":"), sort_keys=True).encode()
    return json.dumps({**record, "sha256": hashlib.sha256(body).hexdigest()}).encode()


@pytest.mark.parametrize("damage", [_flipped, _of_nothing, lambda data: b"", lambda data: b"[[[[" * 100_000])
async def test_a_damaged_record(bench: Bench, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    await bench.days(1)
    version = only_version(bench.store, snapshot_name(RESOURCE.id, 1))
    version.data = damage(version.data)
    assert found(await verified(bench, tmp_path, 1)) == {DamageKind.DAMAGED_RECORD: set()}


async def test_a_missing_record(bench: Bench, tmp_path: Path) -> None:
    await bench.days(2)
    bench.store.lose(snapshot_name(RESOURCE.id, 1))
    assert found(await verified(bench, tmp_path, 1)) == {DamageKind.MISSING_RECORD: set()}
    assert found(await verified(bench, tmp_path, 9)) == {DamageKind.MISSING_RECORD: set()}


@pytest.mark.parametrize("part", ["/packs/", "/catalog/", "/snapshots/"])
async def test_leases_reach_to_the_end_of_the_retention(bench: Bench, tmp_path: Path, part: str) -> None:
    await bench.days(1)
    needed = bench.now + timedelta(days=bench.terms.retention_days)
    [name] = blob_names(bench.store, part)
    version = only_version(bench.store, name)
    version.info = replace(version.info, leased_until=needed)
    assert (await verified(bench, tmp_path, 1)).ok
    version.info = replace(version.info, leased_until=needed - timedelta(seconds=1))
    report = await verified(bench, tmp_path, 1)
    assert [(damage.kind, damage.blob) for damage in report.damages] == [(DamageKind.SHORT_LEASE, name)]
    assert [item.item_id for damage in damages(report) for item in damage.items] == (["i1"] if "packs" in part else [])
    assert items_of(report) == [], "a lease is renewed, not fetched"
    version.info = replace(version.info, leased_until=None)
    assert found(await verified(bench, tmp_path, 1)).keys() == {DamageKind.SHORT_LEASE}


async def test_every_snapshot_of_months_keeps_the_lease_theorem(bench: Bench, tmp_path: Path) -> None:
    at: dict[int, datetime] = {}
    for seq, day in enumerate([0, 1, 29, 30, 33, 69, 70, 90, 127], start=1):
        bench.now = NOW + DAY * day
        bench.source.put(f"i{day}", Random(day).randbytes(2000))
        await bench.run(f"d{day}")
        at[seq] = bench.now
    for seq in at:
        report = await verified(bench, tmp_path, seq)
        assert report.ok, (seq, report.damages)
    longer = LeaseTerms(400, 30, 7)
    check = SnapshotVerifier(bench.store, "acme", tmp_path)
    assert {d.kind for d in (await check.verify(RESOURCE.id, 9, longer.retention_days)).damages} == {
        DamageKind.SHORT_LEASE
    }


async def test_only_a_store_that_does_not_answer_raises(bench: Bench, tmp_path: Path) -> None:
    await bench.days(2)

    class Outage:
        def __init__(self, at: int) -> None:
            self.left = at

        def __call__(self, operation: str, name: str, moment: Moment) -> None:
            self.left -= moment is Moment.BEFORE
            if self.left == 0:
                raise VaultUnavailableError("no answer")

    bench.store.hook = counting = Outage(-1)
    await verified(bench, tmp_path, 2)
    for at in range(1, -counting.left):
        bench.store.hook = Outage(at)
        with pytest.raises(VaultUnavailableError):
            await verified(bench, tmp_path, 2)
        assert list(tmp_path.iterdir()) == []


async def test_what_was_never_backed_up(bench: Bench, tmp_path: Path) -> None:
    assert found(await verified(bench, tmp_path, 1)) == {DamageKind.MISSING_RECORD: set()}
