"""Feeds that Graph has no delta for: listed whole every night, and compared only when they say something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared_code.backup.budget import SliceBudget
from shared_code.graph.teams.source import channels_page
from shared_code.model.feed import FeedPage, Fetched, FetchState
from shared_code.model.item import Change
from shared_code.model.outcome import SkipCause
from shared_code.model.run import RunState
from shared_code.model.snapshot import Snapshot
from tests.fakes.backup_bench import RESOURCE, SMALL, Bench
from tests.fakes.listed_source import ListedSource
from tests.fakes.scripted_source import ROOT_FEED


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path, ListedSource())
    bench.source.put("a", b"one")
    bench.source.put("b", b"two")
    return bench


async def test_the_same_listing_is_compared_with_nothing_and_writes_nothing(bench: Bench) -> None:
    await bench.run("r1")
    bench.source.fetched.clear()
    outcome = await bench.run("r2")
    assert (outcome.counts.stored, outcome.counts.reused, bench.source.fetched) == (0, 0, [])
    first, second = await bench.snapshot(1), await bench.snapshot(2)
    assert second.segments == first.segments
    assert set(await bench.restored(2)) == {"a", "b"}


async def test_what_a_listing_names_no_more_is_gone_and_what_is_new_is_stored(bench: Bench) -> None:
    await bench.run("r1")
    bench.source.remove("a")
    bench.source.put("c", b"three")
    bench.source.fetched.clear()
    await bench.run("r2")
    assert bench.source.fetched == ["c"]
    assert set(await bench.restored(2)) == {"b", "c"}
    assert set(await bench.restored(1)) == {"a", "b"}


@pytest.mark.parametrize("state", [FetchState.GONE, FetchState.SKIPPED, FetchState.FAILED])
async def test_what_could_not_be_had_one_night_is_asked_for_again(bench: Bench, state: FetchState) -> None:
    bench.source.faults["a"] = state
    await bench.run("r1")
    assert set(await bench.restored(1)) == {"b"}
    bench.source.faults.clear()
    await bench.run("r2")
    assert set(await bench.restored(2)) == {"a", "b"}


@pytest.mark.parametrize("state", [FetchState.GONE, FetchState.SKIPPED])
async def test_a_stored_item_that_seemed_gone_comes_back(bench: Bench, state: FetchState) -> None:
    await bench.run("r1")
    bench.source.put("a", b"newer")
    bench.source.faults["a"] = state
    await bench.run("r2")
    bench.source.faults.clear()
    await bench.run("r3")
    assert (await bench.restored(3))["a"] == {"native": b"newer"}


@pytest.mark.parametrize("state", [FetchState.GONE, FetchState.SKIPPED])
async def test_a_retried_item_that_seems_gone_once_is_asked_for_again(bench: Bench, state: FetchState) -> None:
    """It is tried before the feed is polled, and the feed says what it said."""
    await bench.run("r1")
    bench.source.put("a", b"newer")
    bench.source.faults["a"] = FetchState.FAILED
    await bench.run("r2")
    bench.source.faults["a"] = state
    await bench.run("r3")
    bench.source.faults.clear()
    await bench.run("r4")
    assert await bench.restored(4) == bench.expected()


@pytest.mark.parametrize("state", [FetchState.GONE, FetchState.SKIPPED])
async def test_what_waits_in_a_lost_run_and_seems_gone_once_is_asked_for_again(bench: Bench, state: FetchState) -> None:
    await _lost_first_slice(bench)
    bench.source.faults["c599"] = state
    await bench.run("r2")
    bench.source.faults.clear()
    await bench.run("r3")
    assert await bench.restored(2) == bench.expected()


@pytest.mark.parametrize("state", [FetchState.GONE, FetchState.SKIPPED])
async def test_a_damaged_item_that_seems_gone_once_is_mended(bench: Bench, state: FetchState) -> None:
    await bench.run("r1")
    bench.damage.found[RESOURCE.id] = {(ROOT_FEED, "a")}
    bench.source.faults["a"] = state
    await bench.run("r2")
    bench.source.faults.clear()
    bench.source.fetched.clear()
    await bench.run("r3")
    assert "a" in bench.source.fetched
    assert await bench.restored(3) == bench.expected()
    assert bench.damage.found[RESOURCE.id] == set()


async def test_what_was_deleted_after_a_lost_run_had_its_doubts_is_gone(bench: Bench) -> None:
    bench.source.faults["a"] = FetchState.GONE
    await _lost_first_slice(bench)
    bench.source.faults.clear()
    bench.source.remove("b")
    await bench.run("r2")
    assert await bench.restored(1) == bench.expected()


async def test_an_item_that_was_read_older_than_it_was_listed_is_read_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.run("r1")
    older, data = bench.source.living(ROOT_FEED)["a"], dict(bench.source.contents["a"])
    bench.source.put("a", b"newer")

    def lagging(change: Change) -> Fetched:
        return Fetched(change, older, FetchState.FETCHED, data)

    with monkeypatch.context() as patched:
        patched.setattr(bench.source, "_fetch", lagging)
        await bench.run("r2")
    await bench.run("r3")
    assert await bench.restored(3) == bench.expected()


async def test_what_is_listed_and_never_found_is_named_until_it_is_listed_no_more(bench: Bench) -> None:
    bench.source.faults["a"] = FetchState.GONE
    for run in ("r1", "r2", "r3"):
        outcome = await bench.run(run)
        assert outcome.state is RunState.COMPLETE
        assert _skips(await bench.snapshot(outcome.seq)) == [("a", SkipCause.LISTED_NOT_FOUND)]
    bench.source.remove("a")
    await bench.run("r4")
    assert _skips(await bench.snapshot(4)) == []


async def test_what_a_lost_run_still_waits_for_and_is_listed_no_more_is_named_nowhere(bench: Bench) -> None:
    await _lost_first_slice(bench)
    bench.source.remove("c599")
    await bench.run("r2")
    assert _skips(await bench.snapshot(1)) == []
    assert await bench.restored(1) == bench.expected()


async def test_a_new_listing_that_was_refused_on_the_way_buries_what_is_gone_the_next_night(bench: Bench) -> None:
    for number in range(600):
        bench.source.put(f"c{number}", b"%d" % number)
    await bench.run("r1")
    bench.source.remove("c6")
    bench.source.put("new", b"!")
    for _ in range(2):
        assert not (await bench.run_slice("lost", SMALL)).done
    bench.source.gone.add(ROOT_FEED)
    await bench.run("r3")
    bench.source.gone.clear()
    await bench.run("r4")
    assert await bench.restored(3) == bench.expected()


async def test_what_is_told_twice_while_it_is_listed_anew_keeps_its_content(tmp_path: Path) -> None:
    """It waits in a lost run's record, and the feed that is asked again tells it once more."""
    bench = Bench(tmp_path, ListedSource(page_of=channels_page))
    bench.source.gone.add(ROOT_FEED)
    await bench.run("r1")
    bench.source.gone.clear()
    bench.source.faults["c0"] = FetchState.GONE
    await _lost_first_slice(bench)
    bench.source.faults.clear()
    await bench.run("r3")
    assert await bench.restored(2) == bench.expected()


async def test_a_feed_without_any_cursor_forgets_nothing_when_a_run_is_lost(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ListedSource(page_of=lambda changes, _: FeedPage(tuple(changes), None, finished=True)))
    bench.source.put("a", b"one")
    await _lost_first_slice(bench)
    bench.source.remove("a")
    await bench.run("r2")
    assert await bench.restored(1) == bench.expected()


def _skips(snapshot: Snapshot) -> list[tuple[str, SkipCause]]:
    return [(skip.item_id, skip.cause) for skip in snapshot.skips]


async def _lost_first_slice(bench: Bench) -> None:
    """A run whose first slice stores little of what the listing named, and which is heard of no more."""
    for number in range(600):
        bench.source.put(f"c{number}", b"content %d" % number)
    assert not (await bench.run_slice("lost", SliceBudget(items=2))).done
    assert "c599" not in bench.source.fetched
