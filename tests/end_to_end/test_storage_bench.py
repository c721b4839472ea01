"""The storage benchmark in small: what a vault holds stays near the ideal, and what its operations cost is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import storage
from benchmarks.errors import BenchmarkError
from benchmarks.storage import LIMIT, QUICK, TERMS, Months
from benchmarks.storage_report import OPERATIONS, StorageResult, report
from benchmarks.storage_tally import tally
from shared_code.model.prices import SAMPLE, Tier


@pytest.mark.slow
async def test_forty_days_with_a_checkpoint_stay_near_the_ideal() -> None:
    result = await storage.measure(QUICK)
    found = result.tally
    assert LIMIT == 1.10
    assert found.ratio <= LIMIT, report(result, SAMPLE, Tier.HOT)
    assert result.is_reached
    assert found.stored == found.ideal + sum(found.overhead.values())
    assert all(size >= 0 for size in found.overhead.values())
    assert found.ideal > 50_000_000
    assert found.restore_points == 2 * 41, "all of them are younger than the retention"
    assert [day.number for day in result.days if day.is_checkpoint] == [0, 30]
    checkpoint = result.days[30].operations
    assert checkpoint["extend_lease"] > 0
    assert found.copies > 0, "the checkpoint has merged small packs"
    for day in result.days:
        # Of each resource a segment and a snapshot, and mostly a pack.
        assert day.operations["create"] >= 4
        assert day.operations["list"] >= 6
        assert day.operations["delete"] == 0
        assert set(day.operations) - {kind for kind, count in day.operations.items() if not count} <= set(OPERATIONS)
    _check_report(result)


def _check_report(result: StorageResult) -> None:
    text = report(result, SAMPLE, Tier.COLD)
    lines = text.splitlines()
    assert "cold, USD, as of 2024-07" in lines[0]
    for kind in OPERATIONS:
        assert kind in lines[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    first = next(row for row in rows if row[0] == "1")
    counts = dict(zip(OPERATIONS, map(int, first[1:6]), strict=True))
    assert counts == {kind: result.days[1].operations[kind] for kind in OPERATIONS}
    writes = sum(count for kind, count in counts.items() if kind != "read")
    assert float(first[6]) == pytest.approx((writes * 0.18 + counts["read"] * 0.10) / 10_000, abs=1e-6)
    assert "reached: yes" in lines[-1]


async def test_a_lost_pack_is_no_saving(tmp_path: Path) -> None:
    months = Months(storage.Sizes(8, 300_000, 0, 0, 20, days=1), tmp_path, lambda line: None)
    await months.go_by()
    ids = [resource.id for resource, _ in months.resources]
    before = await tally(months.store, months.vault, ids, TERMS, months.now)
    assert before.restore_points == 4
    months.store.lose(next(name for name in months.store.blobs if "/packs/" in name))
    with pytest.raises(BenchmarkError, match="lost"):
        await tally(months.store, months.vault, ids, TERMS, months.now)
