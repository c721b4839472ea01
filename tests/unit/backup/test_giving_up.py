"""An item that fails again and again: tried in seven runs, then named as given up until it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared_code.model.feed import FetchState
from shared_code.model.outcome import MOST_ATTEMPTS, ItemSkip, SkipCause
from shared_code.model.run import RunState
from shared_code.model.snapshot import Snapshot, SnapshotState
from tests.fakes.backup_bench import SMALL, WHOLE, Bench, fill
from tests.fakes.scripted_source import ROOT_FEED

POISON = "i1"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    fill(made, count=4)
    made.source.faults[POISON] = FetchState.FAILED
    return made


async def nights(bench: Bench, first: int, last: int) -> Snapshot:
    for night in range(first, last + 1):
        outcome = await bench.run(f"r{night}")
    return await bench.snapshot(outcome.seq)


async def test_it_is_given_up_after_seven_runs_and_costs_nothing_more(bench: Bench) -> None:
    tried = await nights(bench, 1, MOST_ATTEMPTS - 1)
    assert [failure.attempts for failure in tried.failures] == [MOST_ATTEMPTS - 1]
    assert tried.given_up == ()
    given_up = await nights(bench, MOST_ATTEMPTS, MOST_ATTEMPTS)
    assert given_up.failures == ()
    [skip] = given_up.skips
    assert (skip.item_id, skip.cause, skip.error) == (POISON, SkipCause.GIVEN_UP, "scripted")
    assert bench.source.fetched.count(POISON) == MOST_ATTEMPTS
    later = await nights(bench, 8, 10)
    assert [entry.item_id for entry in later.given_up] == [POISON]
    assert bench.source.fetched.count(POISON) == MOST_ATTEMPTS


async def test_a_run_without_it_is_never_complete_and_says_so(bench: Bench) -> None:
    await nights(bench, 1, 9)
    outcome = await bench.run("r10")
    assert outcome.state is RunState.PARTIAL
    assert (await bench.snapshot(10)).state is SnapshotState.PARTIAL
    assert "1 items failed in 7 runs and are skipped until they change" in outcome.error
    assert POISON not in await bench.restored(10)


async def test_a_changed_etag_makes_it_an_ordinary_item_again(bench: Bench) -> None:
    await nights(bench, 1, 8)
    bench.source.put(POISON, b"changed, and still poison", parent_id="f1")
    changed = await nights(bench, 9, 9)
    assert [failure.attempts for failure in changed.failures] == [1]
    assert changed.skips == ()
    bench.source.faults.clear()
    healed = await nights(bench, 10, 10)
    assert (healed.state, healed.failures, healed.skips) == (SnapshotState.COMPLETE, (), ())
    assert (await bench.restored(10))[POISON]["native"] == b"changed, and still poison"


async def test_a_change_that_can_be_read_ends_it_at_once(bench: Bench) -> None:
    await nights(bench, 1, 8)
    bench.source.faults.clear()
    bench.source.put(POISON, b"readable", parent_id="f1")
    healed = await nights(bench, 9, 9)
    assert healed.state is SnapshotState.COMPLETE
    assert (await bench.restored(9))[POISON]["native"] == b"readable"


async def test_a_listing_does_not_try_it_twice_a_run_nor_again_when_given_up(bench: Bench) -> None:
    """A feed without delta says the same of it in every run."""
    for night in range(1, 12):
        bench.source.expired.add(ROOT_FEED)
        outcome = await bench.run(f"r{night}")
        snapshot = await bench.snapshot(outcome.seq)
        if night < MOST_ATTEMPTS:
            assert [failure.attempts for failure in snapshot.failures] == [night]
        else:
            assert [skip.item_id for skip in snapshot.given_up] == [POISON]
    tries = bench.source.fetched.count(POISON)
    bench.source.expired.add(ROOT_FEED)
    await bench.run("r12")
    assert bench.source.fetched.count(POISON) == tries
    assert set(await bench.restored(12)) == {"i0", "i2", "i3", "empty"}


async def test_its_older_version_stays_restorable(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    fill(bench, count=3)
    await bench.run("r0")
    bench.source.put(POISON, b"newer", parent_id="f1")
    bench.source.faults[POISON] = FetchState.FAILED
    await nights(bench, 1, 7)
    for night in (8, 9):  # and a new listing does not bury it
        bench.source.expired.add(ROOT_FEED)
        await bench.run(f"r{night}")
    assert (await bench.restored(10))[POISON]["native"] == b"content 1" * 50
    assert [skip.item_id for skip in (await bench.snapshot(10)).given_up] == [POISON]


async def test_what_is_deleted_at_the_source_is_given_up_no_more(bench: Bench) -> None:
    await nights(bench, 1, 8)
    bench.source.remove(POISON)
    gone = await nights(bench, 9, 9)
    assert (gone.state, gone.skips) == (SnapshotState.COMPLETE, ())


async def test_what_a_new_listing_does_not_name_is_given_up_no_more(bench: Bench) -> None:
    await nights(bench, 1, 8)
    bench.source.remove(POISON)
    bench.source.expired.add(ROOT_FEED)
    gone = await nights(bench, 9, 9)
    assert (gone.state, gone.skips) == (SnapshotState.COMPLETE, ())


async def test_what_went_with_its_folder_is_asked_for_once_more(bench: Bench) -> None:
    """A feed names the deleted folder alone, and nothing buries what has no row."""
    await nights(bench, 1, 8)
    below = {"i0", POISON, "i2", "i3"}
    log = bench.source.logs[ROOT_FEED]
    other = bench.source.living(ROOT_FEED)["empty"]
    bench.source.logs[ROOT_FEED] = [other if change.item_id in below else change for change in log]
    bench.source.faults.clear()
    bench.source.remove("f1")
    doubted = await nights(bench, 9, 9)
    assert [failure.item_id for failure in (entry.change for entry in doubted.failures)] == [POISON]
    settled = await nights(bench, 10, 10)
    assert (settled.state, settled.skips, settled.failures) == (SnapshotState.COMPLETE, (), ())


async def test_small_slices_and_replays_count_runs_and_not_tries(bench: Bench) -> None:
    for night in range(1, MOST_ATTEMPTS):
        outcome = await bench.run(f"r{night}", SMALL)
        again = await bench.run_slice(f"r{night}", WHOLE)
        assert again.outcome == outcome
        assert [failure.attempts for failure in (await bench.snapshot(night)).failures] == [night]
    await bench.run("r7", SMALL)
    snapshot = await bench.snapshot(7)
    assert [skip.item_id for skip in snapshot.given_up] == [POISON]
    assert Snapshot.from_json(snapshot.to_json()) == snapshot


def test_a_skip_of_another_cause_makes_no_snapshot_partial() -> None:
    skip = ItemSkip("f", "i", "n", SkipCause.MALWARE)
    assert skip.to_json() == {"feed": "f", "item_id": "i", "name": "n", "cause": "malware"}
    assert ItemSkip.from_json(skip.to_json()) == skip
