"""Looking for snapshots and into them."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from shared_code.errors import (
    IntegrityError,
    InvalidSelectionError,
    SnapshotNotFoundError,
    SnapshotUnreadableError,
    UnsupportedFormatError,
    VaultBusyError,
    VaultUnavailableError,
)
from shared_code.model.snapshot import SegmentRef, Snapshot
from shared_code.restore.browsing import Browsing
from tests.fakes.restore_world import MAILBOX, START, Catalog, MemoryArchive, MemoryReader


def _browsing(archive: MemoryArchive, at_once: int = 2) -> Browsing:
    return Browsing(archive, asyncio.Semaphore(at_once))


def _catalog() -> Catalog:
    catalog = Catalog()
    catalog.folder("inbox", "Inbox")
    catalog.folder("deep", "Projects", "inbox")
    for number in range(5):
        catalog.item(f"m{number}", b"x", "deep")
    return catalog


@pytest.fixture
def archive() -> MemoryArchive:
    return MemoryArchive({seq: _catalog() for seq in (1, 2, 3, 5, 8)})


async def test_snapshots_come_newest_first_with_their_figures(archive: MemoryArchive) -> None:
    points = await _browsing(archive).snapshots(MAILBOX.id)
    assert [point.seq for point in points] == [8, 5, 3, 2, 1]
    assert points[0].to_json(START + timedelta(days=98)) == {
        "seq": 8,
        "started_at": "2026-11-09T02:55:00Z",
        "committed_at": "2026-11-09T03:00:00Z",
        "state": "complete",
        "counts": points[0].counts.to_json(),
        "failed": 0,
        "skipped": 0,
        "promised_until": "2027-02-07T03:00:00Z",
        "promised": True,
    }
    assert points[1].to_json(START + timedelta(days=98))["promised"] is False
    assert points[0].counts.stored == 8


@pytest.mark.parametrize(("days", "seq"), [(1, 1), (1.5, 1), (2, 2), (4.9, 3), (5, 5), (7.99, 5), (8, 8), (400, 8)])
async def test_a_time_finds_the_newest_snapshot_committed_by_then(
    archive: MemoryArchive, days: float, seq: int
) -> None:
    found = await _browsing(archive).resolve(MAILBOX.id, at=START + timedelta(days=days))
    assert found.seq == seq


async def test_no_time_and_no_number_is_the_newest(archive: MemoryArchive) -> None:
    assert (await _browsing(archive).resolve(MAILBOX.id)).seq == 8


async def test_a_missing_snapshot_says_what_there_is(archive: MemoryArchive) -> None:
    browsing = _browsing(archive)
    with pytest.raises(SnapshotNotFoundError, match=r"no snapshot 4 .* 1 to 3, 5, 8"):
        await browsing.resolve(MAILBOX.id, seq=4)
    with pytest.raises(SnapshotNotFoundError, match="the oldest is 1, committed 2026-11-02T03:00:00Z"):
        await browsing.resolve(MAILBOX.id, at=START)
    with pytest.raises(SnapshotNotFoundError, match="no snapshots of such a resource"):
        await browsing.snapshots("mailbox.somebody-elses")


async def test_a_folder_is_paged_and_shows_the_way_to_it(archive: MemoryArchive) -> None:
    browsing = _browsing(archive)
    first = await browsing.folder(MAILBOX.id, 8, "deep", 3)
    assert [entry.change.name for entry in first.path] == ["Inbox", "Projects"]
    assert [entry.change.item_id for entry in first.children] == ["m0", "m1", "m2"]
    second = await browsing.folder(MAILBOX.id, 8, "deep", 3, first.next_token)
    assert [entry.change.item_id for entry in second.children] == ["m3", "m4"]
    assert second.next_token == ""
    top = await browsing.folder(MAILBOX.id, 8, "", 3)
    assert top.path == ()
    assert [entry.change.name for entry in top.children] == ["Inbox"]
    assert all(reader.closed for reader in archive.readers)


@pytest.mark.parametrize("parent_id", ["nothing", "m1", "é", "\ud800", "a\n"])
async def test_what_is_no_folder_of_the_snapshot_is_refused(archive: MemoryArchive, parent_id: str) -> None:
    with pytest.raises(InvalidSelectionError):
        await _browsing(archive).folder(MAILBOX.id, 8, parent_id, 3)
    assert all(reader.closed for reader in archive.readers)


class _DamagedArchive(MemoryArchive):
    """Some of whose records cannot be read."""

    def __init__(self, numbers: Sequence[int], damaged: dict[int, Exception]) -> None:
        super().__init__({seq: _catalog() for seq in numbers})
        self._damaged = damaged

    async def snapshot(self, resource_id: str, seq: int) -> Snapshot:
        if seq in self._damaged:
            raise self._damaged[seq]
        return await super().snapshot(resource_id, seq)


_USABLE = {1: "2 to 3", 2: "1, 3", 3: "1 to 2"}


@pytest.mark.parametrize("damaged", [1, 2, 3])
@pytest.mark.parametrize("error", [IntegrityError("It is damaged."), UnsupportedFormatError("It has format 9.")])
async def test_a_damaged_record_hides_no_other(damaged: int, error: Exception) -> None:
    browsing = _browsing(_DamagedArchive([1, 2, 3], {damaged: error}))
    listed = [point.to_json(START) for point in await browsing.snapshots(MAILBOX.id)]
    assert [entry["seq"] for entry in listed] == [3, 2, 1]
    for entry in listed:
        if entry["seq"] == damaged:
            assert entry == {"seq": damaged, "state": "damaged", "error": str(error)}
        else:
            assert (entry["state"], entry["counts"]["stored"]) == ("complete", entry["seq"])
            view = await browsing.folder(MAILBOX.id, entry["seq"], "deep", 3)
            assert (view.snapshot.seq, len(view.children)) == (entry["seq"], 3)
            assert (await browsing.resolve(MAILBOX.id, seq=entry["seq"])).seq == entry["seq"]
    for attempt in (browsing.folder(MAILBOX.id, damaged, "", 3), browsing.resolve(MAILBOX.id, seq=damaged)):
        with pytest.raises(SnapshotUnreadableError, match=rf"{damaged} .*{error} .*used: {_USABLE[damaged]}\.$"):
            await attempt
    assert (await browsing.resolve(MAILBOX.id)).seq == (2 if damaged == 3 else 3)


@pytest.mark.parametrize("damaged", [set(), {1}, {8}, {2, 3}, {1, 2, 3}, {3, 5, 8}, {1, 8}, {1, 3, 8}, {2, 3, 5, 8}])
@pytest.mark.parametrize("days", [0.5, 1, 2, 2.5, 3, 4, 5, 7, 8, 99])
async def test_a_time_finds_the_newest_that_can_be_read(damaged: set[int], days: float) -> None:
    numbers = [1, 2, 3, 5, 8]
    browsing = _browsing(_DamagedArchive(numbers, dict.fromkeys(damaged, IntegrityError("damaged"))))
    expected = [seq for seq in numbers if seq not in damaged and seq <= days]
    asked = browsing.resolve(MAILBOX.id, at=START + timedelta(days=days))
    if expected:
        assert (await asked).seq == expected[-1]
    else:
        oldest = min(set(numbers) - damaged)
        with pytest.raises(SnapshotNotFoundError, match=f"the oldest is {oldest}, committed"):
            await asked


async def test_where_nothing_can_be_read_it_is_said() -> None:
    browsing = _browsing(_DamagedArchive([1, 2], dict.fromkeys((1, 2), IntegrityError("damaged"))))
    assert [point.seq for point in await browsing.snapshots(MAILBOX.id)] == [2, 1]
    for attempt in (
        browsing.resolve(MAILBOX.id),
        browsing.resolve(MAILBOX.id, seq=1),
        browsing.resolve(MAILBOX.id, at=START + timedelta(days=9)),
    ):
        with pytest.raises(SnapshotUnreadableError, match="Nothing of this resource can be used"):
            await attempt


async def test_a_store_that_does_not_answer_damages_nothing() -> None:
    browsing = _browsing(_DamagedArchive([1, 2], {1: VaultUnavailableError("busy")}))
    with pytest.raises(VaultUnavailableError):
        await browsing.snapshots(MAILBOX.id)


class _CountedReader(MemoryReader):
    def __init__(self, archive: "_CountingArchive") -> None:
        super().__init__(archive.catalogs[1])
        self._archive = archive

    async def aclose(self) -> None:
        await super().aclose()
        self._archive.open -= 1


class _CountingArchive(MemoryArchive):
    """Counts the catalogs that are open; opening one takes some turns of the loop."""

    open = most = 0

    async def open_reader(self, segments: Sequence[SegmentRef]) -> MemoryReader:
        self.open += 1
        self.most = max(self.most, self.open)
        for _ in range(5):
            await asyncio.sleep(0)
        return _CountedReader(self)


async def test_few_catalogs_are_open_at_once_and_who_waits_is_served_in_turn() -> None:
    archive = _CountingArchive({1: _catalog()})
    browsing, served = _browsing(archive), []

    async def browse(caller: int) -> None:
        # Some of them leave with an error, which opens the gate as well.
        try:
            await browsing.folder(MAILBOX.id, 1, "no-folder" if caller % 5 == 0 else "deep", 3)
        except InvalidSelectionError:
            assert caller % 5 == 0
        served.append(caller)

    await asyncio.gather(*(browse(caller) for caller in range(20)))
    assert archive.most == 2
    assert archive.open == 0
    assert all(abs(place - caller) < 2 for place, caller in enumerate(served)), served


async def test_who_waits_too_long_is_told_to_try_again(archive: MemoryArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared_code.restore.browsing.LONGEST_WAIT_S", 0.02)
    gate = asyncio.Semaphore(1)
    browsing = Browsing(archive, gate)
    await gate.acquire()
    with pytest.raises(VaultBusyError, match="try again") as refused:
        await browsing.folder(MAILBOX.id, 8, "deep", 3)
    assert refused.value.retryable
    assert archive.readers == [], "nothing was opened for it"
    gate.release()
    assert len((await browsing.folder(MAILBOX.id, 8, "deep", 3)).children) == 3
    assert not gate.locked()
