"""A backup is cut before and after every single blob operation, then run again: nothing is lost, nothing doubled."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from shared_code.backup import large_file
from shared_code.backup.budget import SliceBudget
from shared_code.vault.memory_blob import Moment
from tests.unit.backup.test_copier import Bench

BUDGET = SliceBudget(items=4, read_bytes=4 << 20)
LARGE = Random(1).randbytes(6 << 20)


class CutError(Exception):
    """The process died here."""


class Scissors:
    """Counts blob operations and cuts at the chosen one."""

    def __init__(self, at: int, moment: Moment) -> None:
        self.at, self.moment, self.seen = at, moment, 0

    def __call__(self, operation: str, name: str, moment: Moment) -> None:
        if moment is self.moment:
            self.seen += 1
            if self.seen == self.at:
                raise CutError(f"{moment} {operation} {name}")


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


async def _story(bench: Bench, scissors: Scissors | None) -> int:
    """Two days of backups, each started again after a cut; returns how many blob operations there were."""
    for run_id, day in (("r1", _first_day), ("r2", _second_day)):
        day(bench)
        bench.store.hook = scissors
        try:
            await bench.run(run_id, BUDGET)
        except CutError:
            bench.store.hook = None
            await bench.run(run_id, BUDGET)
        bench.store.hook = None
    return scissors.seen if scissors else 0


async def _result(bench: Bench) -> list[dict[str, dict[str, bytes]]]:
    numbers = await bench.vault.snapshots("drive.d1")
    return [await bench.restored(number) for number in numbers]


@pytest.mark.parametrize("moment", list(Moment))
async def test_a_cut_at_any_blob_operation_changes_nothing(
    moment: Moment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small portions make the large file small; a chunk has at most 4 MiB, so a slice still passes a boundary.
    monkeypatch.setattr(large_file, "_LEAST_BYTES", (4 << 20) + 1)
    uncut = Bench(tmp_path)
    operations = await _story(uncut, Scissors(0, moment))
    expected = await _result(uncut)
    assert len(expected) == 2
    assert expected[1] == uncut.expected()
    assert operations > 20
    for at in range(1, operations + 1):
        bench = Bench(tmp_path)
        await _story(bench, Scissors(at, moment))
        assert await _result(bench) == expected, f"cut {moment} operation {at}"
    assert list(tmp_path.iterdir()) == [], "temporary files are left"
