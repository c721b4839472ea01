"""One resource, copied slice by slice from a scripted source into a vault in memory."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from shared_code.backup.budget import SliceBudget
from shared_code.model.feed import FetchState
from shared_code.model.item import Form
from shared_code.model.run import RunState
from shared_code.model.snapshot import SegmentKind
from tests.fakes.backup_bench import RESOURCE, SMALL, Bench, fill
from tests.fakes.scripted_source import ROOT_FEED, content_hash_of


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_first_backup_holds_everything(bench: Bench) -> None:
    fill(bench)
    outcome = await bench.run("r1")
    assert (outcome.state, outcome.seq, outcome.counts.stored) == (RunState.COMPLETE, 1, 9)
    assert await bench.restored(1) == bench.expected()


async def test_many_small_slices_hold_the_same_as_one(bench: Bench) -> None:
    fill(bench)
    outcome = await bench.run("r1", SMALL)
    assert bench.slices > 3
    assert outcome.counts.stored == 9
    assert await bench.restored(1) == bench.expected()
    assert {segment.kind for segment in (await bench.snapshot(1)).segments} == {SegmentKind.BASE}


async def test_an_unchanged_resource_costs_one_blob_and_no_download(bench: Bench) -> None:
    fill(bench)
    await bench.run("r1")
    bench.source.fetched.clear()
    written = bench.store.operations["create"]
    outcome = await bench.run("r2")
    assert bench.source.fetched == []
    assert bench.store.operations["create"] - written == 1
    assert (outcome.seq, outcome.counts.stored) == (2, 0)
    assert await bench.restored(2) == bench.expected()


async def test_only_what_changed_is_fetched_and_yesterday_stays(bench: Bench) -> None:
    fill(bench)
    await bench.run("r1")
    yesterday = bench.expected()
    bench.source.fetched.clear()
    bench.source.put("i1", b"new content", parent_id="f1")
    bench.source.remove("i2")
    bench.source.put("i99", b"a new one")
    outcome = await bench.run("r2")
    assert sorted(bench.source.fetched) == ["i1", "i99"]
    assert (outcome.counts.stored, outcome.counts.deleted) == (2, 1)
    assert await bench.restored(2) == bench.expected()
    assert await bench.restored(1) == yesterday


async def test_renames_moves_and_copies_are_not_downloaded_again(bench: Bench) -> None:
    fill(bench)
    await bench.run("r1")
    bench.source.fetched.clear()
    data = bench.source.contents["i1"][Form.NATIVE]
    bench.source.put("i1", data, name="renamed", parent_id="")
    bench.source.put("copy", data)
    outcome = await bench.run("r2")
    assert bench.source.fetched == []
    assert outcome.counts.reused == 2
    assert await bench.restored(2) == bench.expected()


async def test_what_lay_in_a_deleted_folder_is_gone_with_it(bench: Bench) -> None:
    fill(bench)
    bench.source.put_folder("f2", parent_id="f1")
    bench.source.put("deep", b"deep down", parent_id="f2")
    await bench.run("r1")
    # The log names the folder alone, as Graph does: its children get no word of their own.
    bench.source.remove("f1")
    await bench.run("r2")
    assert set(await bench.restored(2)) == {"empty"}
    assert "deep" in await bench.restored(1)


async def test_feeds_open_and_close_with_their_folders(bench: Bench) -> None:
    bench.source.put_folder("inbox", opens_feed="items:inbox")
    bench.source.put_folder("old", opens_feed="items:old")
    bench.source.put("m1", b"mail 1", feed="items:inbox", parent_id="inbox", hashed=False, readable=b"MIME 1")
    bench.source.put("m2", b"mail 2", feed="items:old", parent_id="old", hashed=False, readable=b"MIME 2")
    await bench.run("r1")
    assert await bench.restored(1) == bench.expected("items:inbox", "items:old")
    # m2 moves to the inbox with its id, then its folder goes.
    bench.source.remove("m2", feed="items:old")
    bench.source.put("m2", b"mail 2", feed="items:inbox", parent_id="inbox", hashed=False, readable=b"MIME 2")
    bench.source.remove("old")
    outcome = await bench.run("r2")
    assert outcome.counts.written_bytes == 0, "the moved message's content rests in the vault already"
    assert await bench.restored(2) == bench.expected("items:inbox")
    assert set((await bench.snapshot(2)).cursors) == {ROOT_FEED, "items:inbox"}


@pytest.mark.parametrize("budget", [SliceBudget(), SMALL])
async def test_an_expired_cursor_lists_again_without_fetching_what_is_known(bench: Bench, budget: SliceBudget) -> None:
    fill(bench)
    await bench.run("r1")
    bench.source.fetched.clear()
    bench.source.remove("i3")
    bench.source.put("i4", b"changed meanwhile", parent_id="f1")
    bench.source.logs[ROOT_FEED] = list(bench.source.living(ROOT_FEED).values())  # the history is forgotten
    bench.source.expired.add(ROOT_FEED)
    await bench.run("r2", budget)
    assert bench.source.fetched == ["i4"]
    assert await bench.restored(2) == bench.expected()
    outcome = await bench.run("r3", budget)
    assert outcome.counts.stored == outcome.counts.deleted == 0


async def test_a_cursor_that_expires_in_the_middle_of_a_first_listing(bench: Bench) -> None:
    fill(bench)
    await bench.copier(SMALL).run_slice(RESOURCE, "r1")
    bench.source.remove("i0")
    bench.source.expired.add(ROOT_FEED)
    await bench.run("r1", SMALL)
    assert await bench.restored(1) == bench.expected()


async def test_a_failed_item_makes_a_partial_snapshot_and_is_tried_first_next_time(bench: Bench) -> None:
    fill(bench)
    bench.source.faults["i1"] = FetchState.FAILED
    outcome = await bench.run("r1")
    assert (outcome.state, outcome.counts.failed) == (RunState.PARTIAL, 1)
    whole = bench.expected()
    assert await bench.restored(1) == {key: value for key, value in whole.items() if key != "i1"}
    assert (await bench.run("r2")).state is RunState.PARTIAL
    [failure] = (await bench.snapshot(2)).failures
    assert failure.attempts == 2
    bench.source.faults.clear()
    bench.source.fetched.clear()
    bench.source.put("later", b"later")
    outcome = await bench.run("r3")
    assert bench.source.fetched == ["i1", "later"]
    assert (outcome.state, outcome.seq) == (RunState.COMPLETE, 3)
    assert await bench.restored(3) == bench.expected()


async def test_an_item_that_fails_after_a_change_keeps_its_older_version(bench: Bench) -> None:
    fill(bench)
    await bench.run("r1")
    older = bench.expected()
    bench.source.put("i1", b"never read", parent_id="f1")
    bench.source.faults["i1"] = FetchState.FAILED
    await bench.run("r2")
    assert await bench.restored(2) == older


async def test_skips_are_named_until_the_item_changes(bench: Bench) -> None:
    fill(bench)
    bench.source.faults["i1"] = FetchState.SKIPPED
    assert (await bench.run("r1")).state is RunState.COMPLETE
    await bench.run("r2")
    assert [skip.item_id for skip in (await bench.snapshot(2)).skips] == ["i1"]
    bench.source.faults.clear()
    bench.source.put("i1", b"healthy again", parent_id="f1")
    await bench.run("r3")
    assert (await bench.snapshot(3)).skips == ()
    assert await bench.restored(3) == bench.expected()


async def test_a_large_file_goes_on_where_the_last_slice_stopped(bench: Bench) -> None:
    data = os.urandom(40 << 20)
    bench.source.put("large", data)
    outcome = await bench.run("r1", SliceBudget(read_bytes=9 << 20))
    assert len(bench.source.stream_offsets) >= 4
    assert bench.source.stream_offsets == sorted(set(bench.source.stream_offsets))
    assert outcome.counts.stored == 1
    assert await bench.restored(1) == bench.expected()
    # What was read beyond the last boundary of a slice is read again: at most one chunk each.
    assert outcome.counts.read_bytes == len(data)
    assert outcome.counts.written_bytes < len(data) * 1.01


async def test_a_large_file_that_changes_between_slices_is_not_mixed(bench: Bench) -> None:
    bench.source.put("large", os.urandom(40 << 20))
    budget = SliceBudget(read_bytes=9 << 20)
    await bench.copier(budget).run_slice(RESOURCE, "r1")
    bench.source.put("large", os.urandom(30 << 20))
    assert (await bench.run("r1", budget)).state in (RunState.PARTIAL, RunState.COMPLETE)
    await bench.run("r2", budget)
    assert await bench.restored(2) == bench.expected()


async def test_bytes_that_do_not_match_their_hash_are_never_stored(bench: Bench) -> None:
    data = os.urandom(3 << 20)
    bench.source.put("large", data)
    bench.source.contents["large"][Form.NATIVE] = data[:-1] + bytes([data[-1] ^ 1])
    outcome = await bench.run("r1")
    assert outcome.state is RunState.PARTIAL
    assert await bench.restored(1) == {}


async def test_a_changed_large_file_stores_only_what_changed(bench: Bench) -> None:
    data = os.urandom(30 << 20)
    bench.source.put("large", data)
    first = await bench.run("r1")
    changed = data[: 10 << 20] + b"inserted" + data[10 << 20 :]
    bench.source.put("large", changed)
    second = await bench.run("r2")
    assert second.counts.written_bytes < first.counts.written_bytes / 3
    assert await bench.restored(2) == bench.expected()
    assert content_hash_of(changed) == (bench.source.living(ROOT_FEED)["large"]).content_hash


async def test_a_committed_run_that_is_replayed_only_reports(bench: Bench) -> None:
    fill(bench)
    first = await bench.run("r1")
    written = bench.store.operations["create"]
    assert await bench.run("r1") == first
    assert bench.store.operations["create"] == written


async def test_another_run_goes_on_where_a_lost_one_stopped(bench: Bench) -> None:
    fill(bench)
    for _ in range(2):
        await bench.copier(SMALL).run_slice(RESOURCE, "lost")
    fetched = list(bench.source.fetched)
    assert fetched
    outcome = await bench.run("r2", SMALL)
    assert sorted(bench.source.fetched) == sorted(bench.expected()), "nothing is read twice"
    assert outcome.seq == 1
    assert await bench.restored(1) == bench.expected()


async def test_two_hosts_on_one_resource_end_cleanly(bench: Bench) -> None:
    fill(bench)
    outcomes = await asyncio.gather(bench.run("r1", SMALL), bench.run("r2", SMALL))
    assert {outcome.state for outcome in outcomes} == {RunState.COMPLETE}
    last = max(outcome.seq for outcome in outcomes)
    for seq in range(1, last + 1):
        assert await bench.restored(seq) == bench.expected()
