"""Feeds that Graph has no delta for: listed whole every night, and compared only when they say something else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from shared_code.graph.listing_mark import whole_listing
from shared_code.model.feed import FeedPage, FetchState
from tests.fakes.backup_bench import Bench
from tests.fakes.scripted_source import ScriptedSource


@dataclass
class ListedSource(ScriptedSource):
    """Its feeds are listed whole."""

    def _page(self, feed: str, cursor: str | None) -> FeedPage:
        self.polled.append(feed)
        return whole_listing(list(self.living(feed).values()), cursor)


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
