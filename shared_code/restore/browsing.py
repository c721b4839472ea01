"""Looking into the vault: which snapshots there are, and what they hold."""

from __future__ import annotations

import asyncio
from datetime import datetime

from shared_code.errors import InvalidSelectionError, SnapshotNotFoundError
from shared_code.model.item import ItemKind, ItemVersion, format_time
from shared_code.model.resource import check_resource_id
from shared_code.model.snapshot import Snapshot
from shared_code.restore.ports import Archive, CatalogReader
from shared_code.restore.request_check import check_id
from shared_code.restore.results import FolderView, RestorePoint

_READS_AT_ONCE = 8


class Browsing:
    """Read-only questions to one customer's vault."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def snapshots(self, resource_id: str) -> tuple[RestorePoint, ...]:
        """A resource's restore points, newest first. Raises SnapshotNotFoundError when there are none."""
        gate = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(seq: int) -> Snapshot:
            async with gate:
                return await self._archive.snapshot(resource_id, seq)

        numbers = await self._numbers(resource_id)
        snapshots = await asyncio.gather(*(read(seq) for seq in reversed(numbers)))
        return tuple(RestorePoint.of(snapshot, snapshots[0]) for snapshot in snapshots)

    async def resolve(self, resource_id: str, *, seq: int | None = None, at: datetime | None = None) -> Snapshot:
        """Snapshot ``seq``, or the newest one committed at or before ``at``, or (neither) the newest of all.

        Raises SnapshotNotFoundError that says what there is.
        """
        numbers = await self._numbers(resource_id)
        if seq is not None:
            if seq not in numbers:
                raise SnapshotNotFoundError(
                    f"There is no snapshot {seq} of this resource; there are {_range(numbers)}.", seq=seq
                )
            return await self._archive.snapshot(resource_id, seq)
        if at is None:
            return await self._archive.snapshot(resource_id, numbers[-1])
        return await self._at_or_before(resource_id, numbers, at)

    async def folder(self, resource_id: str, seq: int, parent_id: str, limit: int, token: str = "") -> FolderView:
        """One page of a folder (``parent_id`` empty: of the top) in snapshot ``seq``, with the way to it; of a file:
        its earlier versions.

        Raises SnapshotNotFoundError, and InvalidSelectionError for a folder that the snapshot does not hold
        and for a token of something else.
        """
        snapshot = await self.resolve(resource_id, seq=seq)
        reader = await self._archive.open_reader(snapshot.segments)
        try:
            path: tuple[ItemVersion, ...] = ()
            if parent_id:
                parent = await reader.item(check_id(parent_id))
                if parent is None or not (parent.change.kind.is_folder or parent.change.kind is ItemKind.FILE):
                    raise InvalidSelectionError(
                        f"Snapshot {seq} holds no folder of that id; browse from the top to find its folders."
                    )
                path = tuple(entry for entry in (*await reader.path_of(parent_id), parent) if not _is_root(entry))
            page = await reader.children(parent_id or await _top(reader), limit, token)
        finally:
            await reader.aclose()
        newest = await self.resolve(resource_id)
        return FolderView(RestorePoint.of(snapshot, newest), path, page.versions, page.next_token)

    async def _numbers(self, resource_id: str) -> tuple[int, ...]:
        numbers = await self._archive.snapshots(check_resource_id(resource_id))
        if not numbers:
            raise SnapshotNotFoundError(
                "There are no snapshots of such a resource; the list of resources shows what is protected.",
                resource_id=resource_id,
            )
        return numbers

    async def _at_or_before(self, resource_id: str, numbers: tuple[int, ...], at: datetime) -> Snapshot:
        # Snapshots are committed in the order of their numbers, so halving finds the one with few reads.
        found: Snapshot | None = None
        low, high = 0, len(numbers)
        while low < high:
            middle = (low + high) // 2
            snapshot = await self._archive.snapshot(resource_id, numbers[middle])
            if snapshot.committed_at <= at:
                found, low = snapshot, middle + 1
            else:
                high = middle
        if found is None:
            oldest = await self._archive.snapshot(resource_id, numbers[0])
            raise SnapshotNotFoundError(
                f"There is no snapshot of this resource at or before {format_time(at)}; "
                f"the oldest is {oldest.seq}, committed {format_time(oldest.committed_at)}."
            )
        return found


async def _top(reader: CatalogReader) -> str:
    """What people see at the top: a drive's root is a stored folder of its own, and nobody looks for it."""
    first = (await reader.children("", 2)).versions
    return first[0].change.item_id if len(first) == 1 and _is_root(first[0]) else ""


def _is_root(version: ItemVersion) -> bool:
    return version.change.kind.is_folder and version.change.properties.get("root") is True


def _range(numbers: tuple[int, ...]) -> str:
    whole = numbers[-1] - numbers[0] + 1 == len(numbers)
    return f"{numbers[0]} to {numbers[-1]}" + ("" if whole else ", with gaps")
