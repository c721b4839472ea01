"""Checkpoints: merged, repacked, leased anew, whatever is cut or lost on the way."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from shared_code.backup.budget import SliceBudget
from shared_code.backup.checkpoint import weak_packs
from shared_code.model.lease import LeaseTerms, StoredBlob
from shared_code.model.snapshot import SegmentKind
from tests.fakes.backup_bench import NOW, RESOURCE, TERMS, Bench

DAY = timedelta(days=1)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def _daily(bench: Bench, days: int, first: int = 1) -> None:
    for day in range(first, first + days):
        bench.now = NOW + DAY * day
        bench.source.put(f"day{day}", Random(day).randbytes(3000))
        await bench.run(f"d{day}")


def _leases(bench: Bench, part: str) -> list[datetime]:
    found = [v.info.leased_until for name, b in bench.store.blobs.items() for v in b.versions.values() if part in name]
    return [lease for lease in found if lease]


async def test_everything_is_born_with_its_lease(bench: Bench) -> None:
    bench.source.put("a", b"a" * 1000)
    await bench.run("d0")
    assert {v.info.leased_until for b in bench.store.blobs.values() for v in b.versions.values()} == {TERMS.until(NOW)}


async def test_a_checkpoint_merges_and_leases_anew(bench: Bench) -> None:
    for number in range(20):
        bench.source.put(f"i{number}", Random(number).randbytes(5000))
    await bench.run("d0")
    await _daily(bench, 29)
    before = await bench.snapshot(30)
    assert len(before.segments) == 30
    assert before.checkpoint.at == NOW
    await _daily(bench, 1, first=30)
    after = await bench.snapshot(31)
    assert [segment.kind for segment in after.segments] == [SegmentKind.BASE]
    assert after.checkpoint.at == bench.now
    assert await bench.restored(31) == bench.expected()
    assert max(_leases(bench, "/packs/")) == TERMS.until(bench.now)
    catalog = await bench.vault.open_catalog(after.segments)
    live = await catalog.live_packs()
    await catalog.aclose()
    leases = {(blob.name, blob.version_id): blob.leased_until async for blob in bench.vault.stored(RESOURCE)}
    assert {leases[key] for key in live} == {TERMS.until(bench.now)}
    assert len(live) == 2, "the packs of 30 days became one, beside today's"


async def test_packs_that_are_mostly_dead_are_rewritten(bench: Bench) -> None:
    for number in range(10):
        bench.source.put(f"i{number}", Random(number).randbytes(600_000))
    await bench.run("d0")
    for number in range(8):
        bench.source.remove(f"i{number}")
    bench.now = NOW + 31 * DAY
    outcome = await bench.run("d31")
    assert outcome.counts.read_bytes == 0, "what is in the vault is moved, not fetched"
    catalog = await bench.vault.open_catalog((await bench.snapshot(2)).segments)
    assert sum((await catalog.live_packs()).values()) < 1_300_000
    await catalog.aclose()
    assert await bench.restored(2) == bench.expected()
    assert len(await bench.restored(1)) == 10


@pytest.mark.parametrize("items", [1, 3])
async def test_a_checkpoint_of_many_slices_is_the_same(bench: Bench, items: int) -> None:
    for number in range(10):
        bench.source.put(f"i{number}", Random(number).randbytes(300_000))
        await bench.run(f"before{number}")
    bench.now = NOW + 31 * DAY
    await bench.run("d31", SliceBudget(items=items))
    snapshot = await bench.snapshot(11)
    assert [segment.kind for segment in snapshot.segments] == [SegmentKind.BASE]
    assert await bench.restored(11) == bench.expected()


async def test_a_raised_retention_leases_everything_anew(bench: Bench) -> None:
    bench.source.put("old", b"old" * 1000)
    await bench.run("d0")
    bench.source.remove("old")
    bench.source.put("new", b"new" * 1000)
    await _daily(bench, 1)
    longer = LeaseTerms(400, 30, 7)
    bench.agree(longer)
    bench.now = NOW + 2 * DAY
    await bench.run("d2")
    assert (await bench.snapshot(3)).checkpoint.retention_days == 400
    assert min(_leases(bench, "")) >= longer.until(bench.now)


async def test_a_backup_that_begins_anew_renews_what_earlier_points_need(bench: Bench) -> None:
    bench.source.put("old", b"old" * 1000)
    await bench.run("d0")
    [record] = [name for name in bench.store.blobs if "/snapshots/" in name]
    version = next(iter(bench.store.blobs[record].versions.values()))
    version.data = version.data.replace(b"acme", b"acne")
    longer = LeaseTerms(400, 30, 7)
    bench.agree(longer)
    bench.now = NOW + 2 * DAY
    outcome = await bench.run("d2")
    assert (outcome.seq, outcome.counts.stored) == (2, 1)
    assert min(_leases(bench, "")) >= longer.until(bench.now)
    assert await bench.restored(2) == bench.expected()


async def test_a_lost_pack_is_fetched_again_at_the_checkpoint(bench: Bench) -> None:
    for number in range(5):
        bench.source.put(f"i{number}", Random(number).randbytes(5000))
    await bench.run("d0")
    [pack] = [name for name in bench.store.blobs if "/packs/" in name]
    bench.store.lose(pack)
    bench.now = NOW + 31 * DAY
    outcome = await bench.run("d31")
    assert outcome.counts.stored == 5
    assert await bench.restored(2) == bench.expected()


async def test_what_verification_found_damaged_is_stored_again(bench: Bench) -> None:
    data = Random(1).randbytes(5000)
    bench.source.put("a", data)
    bench.source.put("b", data)
    bench.source.put("c", b"healthy")
    await bench.run("d0")
    bench.damage.found[RESOURCE.id] = {("items", "a"), ("items", "b"), ("items", "long gone")}
    [pack] = [name for name in bench.store.blobs if "/packs/" in name]
    version = next(iter(bench.store.blobs[pack].versions.values()))
    at = version.data.index(data[100:200])
    version.data = version.data[:at] + b"\0" + version.data[at + 1 :]
    outcome = await bench.run("d1")
    assert outcome.counts.stored == 2
    assert bench.damage.found[RESOURCE.id] == set()
    assert await bench.restored(2) == bench.expected()


async def test_a_backup_that_comes_too_late_begins_anew(bench: Bench) -> None:
    for number in range(5):
        bench.source.put(f"i{number}", Random(number).randbytes(5000))
    await bench.run("d0")
    bench.now = NOW + 125 * DAY
    outcome = await bench.run("late")
    assert (outcome.counts.stored, outcome.seq) == (5, 2)
    assert await bench.restored(2) == bench.expected()


def test_which_packs_are_weak() -> None:
    def blob(name: str, size_mib: float, day: int = 0) -> StoredBlob:
        return StoredBlob(name, "v", int(size_mib * (1 << 20)), NOW + DAY * day, None)

    packs = [blob("third", 15), blob("dead", 15), blob("new", 15, 9), blob("s1", 0.2), blob("days", 0.3)]
    blobs = {(pack.name, pack.version_id): pack for pack in packs}
    live = {("third", "v"): 5 << 20, ("dead", "v"): (5 << 20) - 1, ("new", "v"): 1, ("gone", "v"): 1}
    live |= {("s1", "v"): 200_000, ("days", "v"): 300_000}
    assert weak_packs(live, blobs, NOW + 5 * DAY) == {("dead", "v")}
    small = {(f"s{n}", "v"): blob(f"s{n}", 0.2) for n in range(2, 6)}
    weak = weak_packs(live | dict.fromkeys(small, 200_000), blobs | small, NOW + 5 * DAY)
    assert {name for name, _ in weak} == {"dead", "s1", "s2", "s3", "s4", "s5"}
