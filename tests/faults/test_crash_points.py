"""A backup is cut before and after every single blob operation, then run again: nothing is lost, nothing doubled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from shared_code.backup import large_file
from shared_code.backup.budget import SliceBudget
from shared_code.vault.memory_blob import Moment
from tests.fakes.backup_bench import RESOURCE, Bench
from tests.fakes.scissors import CutError, Scissors

BUDGET = SliceBudget(items=4, read_bytes=4 << 20)
LARGE = Random(1).randbytes(6 << 20)


@dataclass(frozen=True)
class Slice:
    """One slice of the uncut story: the bench right before it, and how many blob operations it took."""

    before: Bench
    operations: int


def _first_day(bench: Bench) -> None:
    bench.source.put_folder("f1")
    for number in range(5):
        bench.source.put(f"i{number}", f"content {number}".encode() * 30, parent_id="f1")
    bench.source.put("large", LARGE)


def _second_day(bench: Bench) -> None:
    bench.source.put("i1", b"changed", parent_id="f1")
    bench.source.put_folder("f2")
    bench.source.put("i2", bench.source.contents["i2"][next(iter(bench.source.contents["i2"]))], parent_id="f2")
    bench.source.remove("i3")
    bench.source.put("large", LARGE[: 3 << 20] + b"inserted" + LARGE[3 << 20 :])
    bench.source.put("new", b"new")


DAYS = (_first_day, _second_day)


async def _days_from(bench: Bench, day: int) -> None:
    for number, edit in enumerate(DAYS[day:], day):
        edit(bench)
        await bench.run(f"r{number}", BUDGET)


async def _uncut_slices(bench: Bench, day: int, moment: Moment) -> list[Slice]:
    """Run one day slice by slice."""
    DAYS[day](bench)
    slices: list[Slice] = []
    done = False
    while not done:
        before = bench.copied()
        counter = bench.store.hook = Scissors(0, moment)
        done = (await bench.run_slice(f"r{day}", BUDGET)).done
        bench.store.hook = None
        slices.append(Slice(before, counter.seen))
    return slices


async def _snapshots(bench: Bench) -> list[dict[str, dict[str, bytes]]]:
    return [await bench.restored(number) for number in await bench.vault.snapshots(RESOURCE.id)]


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("day", range(len(DAYS)))
async def test_a_cut_at_any_blob_operation_changes_nothing(
    day: int, moment: Moment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small portions make the large file small; a chunk has at most 4 MiB, so a slice still passes a boundary.
    monkeypatch.setattr(large_file, "_LEAST_BYTES", (4 << 20) + 1)
    uncut = Bench(tmp_path)
    for earlier in range(day):
        DAYS[earlier](uncut)
        await uncut.run(f"r{earlier}", BUDGET)
    slices = await _uncut_slices(uncut, day, moment)
    assert len(slices) > 1
    assert sum(each.operations for each in slices) > 10
    await _days_from(uncut, day + 1)
    expected = await _snapshots(uncut)
    assert len(expected) == len(DAYS)
    assert expected[-1] == uncut.expected()
    for number, each in enumerate(slices):
        for at in range(1, each.operations + 1):
            bench = each.before.copied()
            bench.store.hook = Scissors(at, moment)
            with pytest.raises(CutError):
                await bench.run_slice(f"r{day}", BUDGET)
            bench.store.hook = None
            await bench.run(f"r{day}", BUDGET)
            await _days_from(bench, day + 1)
            assert await _snapshots(bench) == expected, f"cut {moment} operation {at} of slice {number}"
    assert list(tmp_path.iterdir()) == [], "temporary files are left"
