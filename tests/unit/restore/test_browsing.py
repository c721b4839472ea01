"""Looking for snapshots and into them."""

from datetime import timedelta

import pytest

from shared_code.errors import InvalidSelectionError, SnapshotNotFoundError
from shared_code.restore.browsing import Browsing
from tests.fakes.restore_world import MAILBOX, START, Catalog, MemoryArchive


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
    points = await Browsing(archive).snapshots(MAILBOX.id)
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
    found = await Browsing(archive).resolve(MAILBOX.id, at=START + timedelta(days=days))
    assert found.seq == seq


async def test_no_time_and_no_number_is_the_newest(archive: MemoryArchive) -> None:
    assert (await Browsing(archive).resolve(MAILBOX.id)).seq == 8


async def test_a_missing_snapshot_says_what_there_is(archive: MemoryArchive) -> None:
    browsing = Browsing(archive)
    with pytest.raises(SnapshotNotFoundError, match=r"no snapshot 4 .* 1 to 8, with gaps"):
        await browsing.resolve(MAILBOX.id, seq=4)
    with pytest.raises(SnapshotNotFoundError, match="the oldest is 1, committed 2026-11-02T03:00:00Z"):
        await browsing.resolve(MAILBOX.id, at=START)
    with pytest.raises(SnapshotNotFoundError, match="no snapshots of such a resource"):
        await browsing.snapshots("mailbox.somebody-elses")


async def test_a_folder_is_paged_and_shows_the_way_to_it(archive: MemoryArchive) -> None:
    browsing = Browsing(archive)
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
        await Browsing(archive).folder(MAILBOX.id, 8, parent_id, 3)
    assert all(reader.closed for reader in archive.readers)
