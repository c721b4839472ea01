"""A backup, a checkpoint and an expiry are cut before and after every single blob operation, then run again: what they
leave is what the uncut one leaves, and it verifies. Nothing is lost, nothing doubled."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from shared_code.backup import large_file
from shared_code.backup.budget import SliceBudget
from shared_code.model.lease import LeaseTerms
from shared_code.vault.expiry import expire
from shared_code.vault.holds import apply_holds
from shared_code.vault.memory_blob import Moment
from shared_code.vault.memory_lifecycle import apply_lifecycle
from shared_code.vault.verify import SnapshotVerifier
from tests.fakes.backup_bench import NOW, RESOURCE, Bench
from tests.fakes.quick_reader import QuickReader
from tests.fakes.scissors import CutError, Scissors

DAY = timedelta(days=1)
BUDGET = SliceBudget(items=4, read_bytes=4 << 20)
LARGE = Random(1).randbytes(6 << 20)
TERMS = LeaseTerms(retention_days=60, checkpoint_days=30, margin_days=7)
POLICY = json.loads((Path(__file__).parents[2] / "infra" / "lifecycle.json").read_text("utf-8"))
HELD = "drive.held"

Step = Callable[[Bench], Awaitable[None]]


async def _first_backup(bench: Bench) -> None:
    await bench.run("first", BUDGET)


async def _second_backup(bench: Bench) -> None:
    await bench.run("second", BUDGET)


async def _checkpoint(bench: Bench) -> None:
    await bench.run("checkpoint", SliceBudget(items=4))


async def _expiry(bench: Bench) -> None:
    await apply_holds(bench.store, {HELD})
    await expire(bench.store, bench.now, {HELD})


async def _nothing(bench: Bench) -> None:
    del bench


async def _next_day(bench: Bench) -> None:
    _second_day(bench)
    await _second_backup(bench)


async def _before_first(bench: Bench) -> None:
    bench.agree(TERMS)
    bench.source.put_folder("f1")
    for number in range(5):
        bench.source.put(f"i{number}", f"content {number}".encode() * 30, parent_id="f1")
    bench.source.put("large", LARGE)


def _second_day(bench: Bench) -> None:
    bench.now = NOW + DAY
    bench.source.put("i1", b"changed", parent_id="f1")
    bench.source.put_folder("f2")
    bench.source.put("i2", b"content 2" * 30, parent_id="f2")
    bench.source.remove("i3")
    bench.source.put("large", LARGE[: 3 << 20] + b"inserted" + LARGE[3 << 20 :])
    bench.source.put("new", b"new")


async def _before_second(bench: Bench) -> None:
    await _before_first(bench)
    await _first_backup(bench)
    _second_day(bench)


async def _before_checkpoint(bench: Bench) -> None:
    """Of the first pack less than half lives."""
    bench.agree(TERMS)
    bench.source.put_folder("f1")
    for number in range(8):
        bench.source.put(f"i{number}", Random(number).randbytes(3000), parent_id="f1")
    await bench.run("first")
    bench.now = NOW + DAY
    for number in range(5):
        bench.source.remove(f"i{number}")
    bench.source.put("i5", b"changed", parent_id="f1")
    bench.source.put("new", Random(9).randbytes(3000))
    await bench.run("second")
    bench.now = NOW + 31 * DAY
    bench.source.put("late", Random(10).randbytes(3000))


async def _before_expiry(bench: Bench) -> None:
    """The first two restore points have run out, the third one has not; another resource is held."""
    await _before_checkpoint(bench)
    for number in range(3):
        await bench.store.create(f"{HELD}/packs/{number}", b"held", NOW + 32 * DAY)
    await _checkpoint(bench)
    bench.now = NOW + 100 * DAY


# What goes before, what is cut, and what follows, uncut.
STEPS = {
    "first backup": (_before_first, _first_backup, _next_day),
    "next backup": (_before_second, _second_backup, _nothing),
    "checkpoint": (_before_checkpoint, _checkpoint, _nothing),
    "expiry": (_before_expiry, _expiry, _nothing),
}


class Results:
    """What a bench ends with, to compare. What was read once from a blob is not read again for the next bench: names
    are random, and a blob never changes."""

    def __init__(self, temp_dir: Path) -> None:
        self._reader = QuickReader(temp_dir)

    async def of(self, bench: Bench) -> tuple[object, ...]:
        """Contents of every restore point; what is held and what is marked for deletion; and which records and held
        blobs are left when the platform's rules have had their days."""
        contents = {}
        for seq in await bench.vault.snapshots(RESOURCE.id):
            contents[seq] = (await self._reader.read(bench.store, await bench.snapshot(seq)))[0]
        infos = [blob.versions[blob.current].info for blob in bench.store.blobs.values() if blob.current]
        marked = {info.name: (dict(info.tags), info.legal_hold) for info in infos if info.tags or info.legal_hold}
        await _check_verified(bench, max(contents))
        for _ in range(3):
            apply_lifecycle(bench.store, POLICY, "acme", bench.now)
            bench.now += DAY
        left = sorted(name for name in bench.store.blobs if name.startswith((HELD, f"{RESOURCE.id}/snapshots/")))
        return contents, marked, left

    def close(self) -> None:
        """Let go of everything."""
        self._reader.close()


async def _check_verified(bench: Bench, seq: int) -> None:
    report = await SnapshotVerifier(bench.store, "acme", bench.temp_dir).verify(RESOURCE.id, seq)
    assert report.packs > 0
    assert report.damages == ()


@pytest.fixture
def results(tmp_path: Path) -> Iterator[Results]:
    results = Results(tmp_path)
    yield results
    results.close()
    assert list(tmp_path.iterdir()) == [], "temporary files are left"


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("step", list(STEPS))
async def test_what_is_cut_anywhere_and_run_again_is_as_if_it_had_not_been_cut(
    step: str, moment: Moment, tmp_path: Path, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small portions make the large file small; a chunk has at most 4 MiB, so a slice still passes a boundary.
    monkeypatch.setattr(large_file, "_LEAST_BYTES", (4 << 20) + 1)
    prepare, act, follow = STEPS[step]
    before = Bench(tmp_path)
    await prepare(before)
    uncut = before.copied()
    counter = uncut.store.hook = Scissors(0, moment)
    await act(uncut)
    uncut.store.hook = None
    await follow(uncut)
    numbers = await uncut.vault.snapshots(RESOURCE.id)
    restored = {seq: await uncut.restored(seq) for seq in numbers}
    expected = await results.of(uncut)
    assert expected[0] == restored
    assert restored[max(numbers)] == uncut.expected()
    assert counter.seen >= 8
    for at in range(1, counter.seen + 1):
        bench = before.copied()
        bench.store.hook = Scissors(at, moment)
        with pytest.raises(CutError):
            await act(bench)
        bench.store.hook = None
        await act(bench)
        await follow(bench)
        assert await results.of(bench) == expected, f"cut {moment} operation {at} of {counter.seen}"
        assert bench.store.operations["delete"] == 0
        assert not bench.store.refused


async def test_the_steps_that_are_cut_do_what_they_are_to_do(tmp_path: Path, results: Results) -> None:
    bench = Bench(tmp_path)
    await _before_checkpoint(bench)
    old_packs = {name for name in bench.store.blobs if "/packs/" in name}
    await _checkpoint(bench)
    snapshot = await bench.snapshot(3)
    assert [str(segment.kind) for segment in snapshot.segments] == ["base"]
    catalog = await bench.vault.open_catalog(snapshot.segments)
    live = {name for name, _ in await catalog.live_packs()}
    await catalog.aclose()
    assert len(old_packs & live) < len(old_packs), "a pack is rewritten"
    assert old_packs & live, "a pack is leased anew"

    bench = Bench(tmp_path)
    await _before_expiry(bench)
    await _expiry(bench)
    contents, marked, left = await results.of(bench)
    assert isinstance(contents, dict)
    assert list(contents) == [1, 2, 3]
    assert isinstance(marked, dict)
    assert len(marked) >= 8
    assert left == [f"{RESOURCE.id}/snapshots/00000003.json", *(f"{HELD}/packs/{number}" for number in range(3))]
