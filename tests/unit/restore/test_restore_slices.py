"""Slices lose nothing and double nothing, wherever a process dies and however often it runs again."""

import asyncio
from dataclasses import replace

import pytest

from shared_code.errors import InvalidSelectionError, RestoreError, SnapshotNotFoundError
from shared_code.model.resource import ResourceKind
from shared_code.model.restore import Restore, RestoreRequest, RestoreState, Selection, TargetKind
from shared_code.model.write_back import JournalEntry, WriteState
from shared_code.restore.restores import Restores
from shared_code.restore.results import RestoreBudget
from shared_code.restore.slice import BATCH_BYTES, batches
from tests.fakes.restore_world import (
    MAILBOX,
    Catalog,
    CrashError,
    Crashes,
    MemoryArchive,
    MemoryJournal,
    MemoryTarget,
    Ticking,
)

REQUEST = RestoreRequest("restore-acme-1", "acme", MAILBOX.id, 1, Selection(everything=True))
PLENTY = RestoreBudget(seconds=300, size_bytes=1 << 30, items=10_000)


def _catalog() -> Catalog:
    catalog = Catalog()
    catalog.folder("a-inbox", "Inbox")
    catalog.folder("b-sub", "Sub", "a-inbox")
    catalog.folder("c-empty", "Empty")
    catalog.item("m1", b"one", "a-inbox")
    catalog.item("m2", b"twin", "b-sub")
    catalog.item("m3", b"twin", "b-sub")
    catalog.item("m4", b"four", "b-sub")
    catalog.item("m5", b"twin", "a-inbox")
    catalog.item("m6", b"top")
    return catalog


WHOLE_TREE = {"": [b"top"], "/Inbox": [b"one", b"twin"], "/Inbox/Sub": [b"four", b"twin", b"twin"], "/Empty": []}


class World:
    """One restore with everything that it touches."""

    def __init__(
        self,
        *,
        catalog: Catalog | None = None,
        crash_at: int | None = None,
        budget: RestoreBudget = PLENTY,
        clock: Ticking | None = None,
    ) -> None:
        self.crashes = Crashes(crash_at)
        self.archive = MemoryArchive({1: catalog or _catalog()})
        self.journal = MemoryJournal(self.crashes)
        self.target = MemoryTarget(self.crashes)
        self.restores = Restores(
            self.archive,
            {ResourceKind.MAILBOX: self.target},
            self.journal,
            budget,
            clock or Ticking(),
            asyncio.Semaphore(2),
            asyncio.Semaphore(2),
        )

    async def run(self, request: RestoreRequest = REQUEST, replay_every_slice: bool = False) -> Restore:
        """Do what the orchestrator does: an activity that died runs again from the same position."""
        while request.id not in self.journal.records:
            try:
                await self.restores.start(request)
            except CrashError:
                continue
        position, done, slices = "", False, 0
        while not done:
            slices += 1
            assert slices < 100, "the restore makes no progress"
            try:
                result = await self.restores.restore_slice(request, position)
                if replay_every_slice:
                    assert await self.restores.restore_slice(request, position) is not None
            except CrashError:
                continue
            assert result.done or result.position != position or self.journal.folder_entries
            position, done = result.position, result.done
        self.slices = slices
        for _ in range(2):
            try:
                await self.restores.close(request)
            except CrashError:
                continue
        return self.journal.records[request.id]


async def test_everything_comes_back_to_its_place() -> None:
    world = World()
    restore = await world.run()
    assert world.target.tree() == WHOLE_TREE
    assert restore.state is RestoreState.COMPLETE
    assert restore.counts.to_json() == {
        "planned": 6,
        "restored": 6,
        "existing": 0,
        "differs": 0,
        "failed": 0,
        "written_bytes": 22,
    }
    assert restore.problems == ()
    assert restore.ended_at is not None
    assert all(reader.closed for reader in world.archive.readers)


async def test_one_item_brings_its_folders_and_nothing_else() -> None:
    world = World()
    restore = await world.run(replace(REQUEST, selection=Selection(item_ids=("m4", "m4"))))
    assert world.target.tree() == {"": [], "/Inbox": [], "/Inbox/Sub": [b"four"]}
    assert (restore.counts.planned, restore.counts.restored) == (1, 1)


async def test_a_named_folder_holds_it_all() -> None:
    world = World()
    request = replace(REQUEST, target=TargetKind.FOLDER, folder_name="Yesterday")
    await world.run(request)
    expected = {f"/Yesterday{path}": items for path, items in WHOLE_TREE.items()}
    assert world.target.tree() == {"": [], **expected}
    assert not any(item.to_original for item in world.target.asked)


SMALL_STEPS = RestoreBudget(seconds=300, size_bytes=1 << 30, items=2)


@pytest.fixture(params=["one slice", "many slices"])
def budget(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RestoreBudget:
    monkeypatch.setattr("shared_code.restore.slice.BATCH_ITEMS", 2)
    return PLENTY if request.param == "one slice" else SMALL_STEPS


async def test_a_crash_at_any_point_loses_and_doubles_nothing(budget: RestoreBudget) -> None:
    smooth = World(budget=budget)
    await smooth.run()
    assert smooth.crashes.passed > 30
    for point in range(1, smooth.crashes.passed + 1):
        world = World(budget=budget, crash_at=point)
        restore = await world.run()
        assert world.target.tree() == WHOLE_TREE, f"crash at point {point}"
        assert restore.state is RestoreState.COMPLETE, f"crash at point {point}"
        assert (restore.counts.planned, restore.counts.restored) == (6, 6), f"crash at point {point}"


async def test_slices_whose_results_were_lost_run_again_harmlessly(budget: RestoreBudget) -> None:
    world = World(budget=budget)
    restore = await world.run(replay_every_slice=True)
    assert world.target.tree() == WHOLE_TREE
    assert (restore.counts.restored, restore.counts.written_bytes) == (6, 22)


async def test_an_item_that_was_begun_is_looked_for_first() -> None:
    world = World()
    await world.restores.start(REQUEST)
    world.journal.items["m1"] = JournalEntry(None)
    world.journal.items["m2"] = JournalEntry(WriteState.FAILED, error="was refused")
    await world.restores.restore_slice(REQUEST, "")
    assert {item.id: item.tried_before for item in world.target.asked} == {
        "m1": True,
        "m3": False,
        "m4": False,
        "m5": False,
        "m6": False,
    }


async def test_the_budget_bounds_a_slice_by_items_bytes_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared_code.restore.slice.BATCH_ITEMS", 1)
    by_items = World(budget=replace(PLENTY, items=2))
    await by_items.run()
    by_bytes = World(budget=replace(PLENTY, size_bytes=4))
    await by_bytes.run()
    by_time = World(budget=replace(PLENTY, seconds=10), clock=Ticking(step_s=4))
    await by_time.run()
    smooth = World()
    await smooth.run()
    assert smooth.slices == 1
    assert by_items.slices >= 4
    assert by_bytes.slices >= 4
    assert by_time.slices >= 3
    for world in (by_items, by_bytes, by_time):
        assert world.target.tree() == WHOLE_TREE


async def test_a_damaged_item_fails_by_name_and_the_rest_comes_back() -> None:
    catalog = _catalog()
    catalog.item("m7", b"rotten", "a-inbox")
    catalog.damaged.add(catalog.versions["m7"].representations[0].chunks[0].sha256)
    catalog.item("m8", None, "a-inbox", skip_cause="malware")
    world = World(catalog=catalog)
    restore = await world.run()
    assert world.target.tree() == WHOLE_TREE
    assert restore.state is RestoreState.PARTIAL
    assert (restore.counts.planned, restore.counts.restored, restore.counts.failed) == (8, 6, 2)
    problems = {entry.item_id: entry.error for entry in restore.problems}
    assert "damaged" in problems["m7"]
    assert "malware" in problems["m8"]


async def test_a_folder_that_cannot_be_had_fails_what_is_below_it_by_name() -> None:
    world = World()
    world.target.conflicts.add("a-inbox")
    restore = await world.run()
    assert world.target.tree() == {"": [b"top"], "/Empty": []}
    assert restore.state is RestoreState.PARTIAL
    assert restore.counts.failed == 5
    assert {entry.item_id for entry in restore.problems} == {"a-inbox", "b-sub", "m1", "m2", "m3", "m4", "m5"}


async def test_nothing_restored_is_a_failed_restore() -> None:
    catalog = Catalog()
    catalog.item("m1", None)
    assert (await World(catalog=catalog).run()).state is RestoreState.FAILED


async def test_an_item_never_heard_of_again_counts_as_failed() -> None:
    world = World()
    await world.run()
    world.journal.records[REQUEST.id] = replace(world.journal.records[REQUEST.id], state=RestoreState.RUNNING)
    world.journal.items["m3"] = JournalEntry(None)
    restore = await world.restores.close(REQUEST)
    assert restore.state is RestoreState.PARTIAL
    assert [entry.item_id for entry in restore.problems] == ["m3"]


async def test_problems_are_bounded_and_the_missing_come_first() -> None:
    world = World()
    await world.run()
    world.journal.records[REQUEST.id] = replace(world.journal.records[REQUEST.id], state=RestoreState.RUNNING)
    for number in range(300):
        world.journal.items[f"n{number:03d}"] = JournalEntry(WriteState.RESTORED, "t", 0, "came back as another")
    world.journal.items["z"] = JournalEntry(WriteState.FAILED, error="x" * 10_000)
    restore = await world.restores.close(REQUEST)
    assert len(restore.problems) == 200
    assert restore.problems[0].item_id == "z"
    assert len(restore.problems[0].error) == 500


async def test_a_restore_that_has_ended_stays_as_it_is() -> None:
    world = World()
    ended = await world.run()
    assert await world.restores.close(REQUEST) == ended
    assert await world.restores.fail(REQUEST, "too late") == ended


async def test_a_broken_restore_keeps_what_it_did_and_says_why() -> None:
    world = World(budget=SMALL_STEPS)
    await world.restores.start(REQUEST)
    await world.restores.restore_slice(REQUEST, "items:")
    restore = await world.restores.fail(REQUEST, "The mailbox is gone.")
    assert (restore.state, restore.error) == (RestoreState.FAILED, "The mailbox is gone.")
    assert restore.counts.restored == len(world.target.contents) > 0


async def test_status_shows_the_sums_while_it_runs() -> None:
    world = World()
    await world.restores.start(REQUEST)
    await world.restores.restore_slice(REQUEST, "")
    status = await world.restores.status("acme", REQUEST.id)
    assert status is not None
    assert (status.state, status.counts.planned, status.counts.restored) == (RestoreState.RUNNING, 6, 6)
    assert await world.restores.status("other-customer", REQUEST.id) is None


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (replace(REQUEST, selection=Selection(item_ids=("m1", "unknown"))), InvalidSelectionError),
        (replace(REQUEST, seq=9), SnapshotNotFoundError),
        (replace(REQUEST, resource_id="mailbox.somebody-else"), SnapshotNotFoundError),
        (replace(REQUEST, resource_id="drive.b!x"), InvalidSelectionError),
    ],
)
async def test_a_request_is_checked_whole_before_anything_is_recorded(
    request_: RestoreRequest, error: type[Exception]
) -> None:
    world = World()
    with pytest.raises(error):
        await world.restores.start(request_)
    assert world.journal.records == {}
    assert world.target.opened == 0
    assert all(reader.closed for reader in world.archive.readers)


async def test_a_foreign_position_is_refused() -> None:
    world = World()
    with pytest.raises(RestoreError):
        await world.restores.restore_slice(REQUEST, "elsewhere")


async def test_batches_are_bounded_by_items_and_bytes() -> None:
    catalog = Catalog()
    for number in range(250):
        catalog.item(f"i{number:03d}", b"x")
    assert [len(batch) for batch in batches(list(catalog.versions.values()))] == [100, 100, 50]
    large = catalog.versions["i000"]
    representation = replace(large.representations[0], size_bytes=BATCH_BYTES // 2 + 1)
    version = replace(large, representations=(representation,))
    assert [len(batch) for batch in batches([version] * 3)] == [1, 1, 1]


async def test_a_cancelled_restore_begins_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared_code.restore.slice.BATCH_ITEMS", 2)
    for writes in range(1, 7):
        world = World()
        await world.restores.start(REQUEST)
        journal = world.journal

        async def cancel_after(journal: MemoryJournal = journal, writes: int = writes) -> bool:
            return len(journal.folder_entries) + len(journal.items) >= writes

        monkeypatch.setattr(journal, "cancel_asked", lambda restore_id, asked=cancel_after: asked())
        step = await world.restores.restore_slice(REQUEST, "")
        while not step.done:
            step = await world.restores.restore_slice(REQUEST, step.position)
        assert step.cancelled
        assert len(journal.folder_entries) == min(writes, 3)
        assert len(world.target.contents) == (0 if writes <= 3 else 2 if writes <= 5 else 4)
        closed = await world.restores.close(REQUEST, cancelled=True)
        assert (closed.state, closed.counts.restored) == (RestoreState.CANCELLED, len(world.target.contents))
        assert (await world.restores.close(REQUEST)).state is RestoreState.CANCELLED
