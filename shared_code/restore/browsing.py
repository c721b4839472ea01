"""Looking into the vault: which snapshots there are, and what they hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from shared_code.errors import (
    BlobNotFoundError,
    IntegrityError,
    InvalidSelectionError,
    SnapshotNotFoundError,
    SnapshotUnreadableError,
    UnsupportedFormatError,
    VaultBusyError,
    VaultError,
)
from shared_code.model.item import ItemKind, ItemVersion, format_time
from shared_code.model.resource import check_resource_id
from shared_code.model.snapshot import Snapshot
from shared_code.restore.ports import Archive, CatalogReader
from shared_code.restore.request_check import check_id
from shared_code.restore.results import DamagedPoint, FolderView, RestorePoint

_READS_AT_ONCE = 8
# Well below the 230 s after which the platform's load balancer gives a request up ("Azure Functions hosting options",
# learn.microsoft.com/azure/azure-functions/functions-scale, checked 2026-11).
LONGEST_WAIT_S = 30.0
# What trying again cannot cure. The other errors of the vault are of the store, and are raised.
_UNREADABLE = (IntegrityError, UnsupportedFormatError, BlobNotFoundError)
_NONE_USABLE = "Nothing of this resource can be used as it is: check its storage, and run a backup for a new one."


class Browsing:
    """Read-only questions to one customer's vault. A restore point whose record cannot be read hides no other: each
    depends on itself alone. ``gate`` bounds how many catalogs are open at once; who waits is served in turn, or gets
    VaultBusyError after 30 s."""

    def __init__(self, archive: Archive, gate: asyncio.Semaphore) -> None:
        self._archive = archive
        self._gate = gate

    async def snapshots(self, resource_id: str) -> tuple[RestorePoint | DamagedPoint, ...]:
        """A resource's restore points, newest first. Raises SnapshotNotFoundError when there are none."""
        found = await self._all(resource_id, await self._numbers(resource_id))
        newest = next((snapshot for snapshot in found.values() if isinstance(snapshot, Snapshot)), None)
        return tuple(
            RestorePoint.of(entry, newest or entry) if isinstance(entry, Snapshot) else DamagedPoint(seq, entry)
            for seq, entry in found.items()
        )

    async def resolve(self, resource_id: str, *, seq: int | None = None, at: datetime | None = None) -> Snapshot:
        """Snapshot ``seq``, or the newest readable one committed at or before ``at``, or (neither) the newest readable
        one of all.

        Raises SnapshotNotFoundError that says what there is, and SnapshotUnreadableError that says what can be used.
        """
        numbers = await self._numbers(resource_id)
        if seq is not None:
            return await self._numbered(resource_id, numbers, seq)
        if at is None:
            return await self._newest(resource_id, numbers)
        return await self._at_or_before(resource_id, numbers, at)

    @asynccontextmanager
    async def reader(self, snapshot: Snapshot) -> AsyncIterator[CatalogReader]:
        """The catalog of a snapshot, once it is the caller's turn; let go of at the end. Raises VaultBusyError, and
        SnapshotUnreadableError that says what can be used, also when a question to it finds the damage: a catalog is
        read when the first one comes."""
        try:
            async with self._turn():
                reader = await self._archive.open_reader(snapshot.segments)
                try:
                    yield reader
                finally:
                    await reader.aclose()
        except _UNREADABLE as error:
            raise await self._catalog_unreadable(snapshot, error) from error

    async def folder(self, resource_id: str, seq: int, parent_id: str, limit: int, token: str = "") -> FolderView:
        """One page of a folder (``parent_id`` empty: of the top) in snapshot ``seq``, with the way to it; of a file:
        its earlier versions.

        Raises SnapshotNotFoundError, SnapshotUnreadableError, and InvalidSelectionError for a folder that the snapshot
        does not hold and for a token of something else.
        """
        numbers = await self._numbers(resource_id)
        snapshot = await self._numbered(resource_id, numbers, seq)
        async with self.reader(snapshot) as reader:
            path: tuple[ItemVersion, ...] = ()
            if parent_id:
                parent = await reader.item(check_id(parent_id))
                if parent is None or not (parent.change.kind.is_folder or parent.change.kind is ItemKind.FILE):
                    raise InvalidSelectionError(
                        f"Snapshot {seq} holds no folder of that id; browse from the top to find its folders."
                    )
                path = tuple(entry for entry in (*await reader.path_of(parent_id), parent) if not _is_root(entry))
            page = await reader.children(parent_id or await _top(reader), limit, token)
        newest = await self._newest(resource_id, numbers)
        return FolderView(RestorePoint.of(snapshot, newest), path, page.versions, page.next_token)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                await self._gate.acquire()
        except TimeoutError as error:
            raise VaultBusyError(
                f"So many look into the backups now that it was not your turn within {LONGEST_WAIT_S:.0f} s. "
                "Nothing was begun; try again in a minute."
            ) from error
        try:
            yield
        finally:
            self._gate.release()

    async def _numbers(self, resource_id: str) -> tuple[int, ...]:
        numbers = await self._archive.snapshots(check_resource_id(resource_id))
        if not numbers:
            raise SnapshotNotFoundError(
                "There are no snapshots of such a resource; the list of resources shows what is protected.",
                resource_id=resource_id,
            )
        return numbers

    async def _numbered(self, resource_id: str, numbers: tuple[int, ...], seq: int) -> Snapshot:
        if seq not in numbers:
            raise SnapshotNotFoundError(
                f"There is no snapshot {seq} of this resource; there are {_ranges(numbers)}.", seq=seq
            )
        found = await self._read(resource_id, seq)
        if not isinstance(found, Snapshot):
            raise await self._unreadable(resource_id, numbers, f"Snapshot {seq} cannot be used: {found}")
        return found

    async def _newest(self, resource_id: str, numbers: tuple[int, ...]) -> Snapshot:
        for seq in reversed(numbers):
            found = await self._read(resource_id, seq)
            if isinstance(found, Snapshot):
                return found
        raise await self._unreadable(resource_id, numbers, "The newest snapshots cannot be used.")

    async def _at_or_before(self, resource_id: str, numbers: tuple[int, ...], at: datetime) -> Snapshot:
        # Snapshots are committed in the order of their numbers, so halving finds the one with few reads. In the place
        # of one that cannot be read stands the next older one that can.
        found: Snapshot | None = None
        low, high = 0, len(numbers)
        while low < high:
            middle = place = (low + high) // 2
            snapshot = await self._read(resource_id, numbers[place])
            while not isinstance(snapshot, Snapshot) and place > low:
                place -= 1
                snapshot = await self._read(resource_id, numbers[place])
            if not isinstance(snapshot, Snapshot):
                low = middle + 1
            elif snapshot.committed_at <= at:
                found, low = snapshot, middle + 1
            else:
                high = place
        if found is not None:
            return found
        readable = (await self._readable(resource_id, numbers))[-1:]
        if not readable:
            raise await self._unreadable(resource_id, numbers, f"Nothing of {format_time(at)} can be used.")
        raise SnapshotNotFoundError(
            f"There is no snapshot of this resource at or before {format_time(at)} that can be used; "
            f"the oldest is {readable[0].seq}, committed {format_time(readable[0].committed_at)}."
        )

    async def _read(self, resource_id: str, seq: int) -> Snapshot | str:
        """A snapshot, or why its record cannot be read."""
        try:
            return await self._archive.snapshot(resource_id, seq)
        except _UNREADABLE as error:
            return error.message

    async def _all(self, resource_id: str, numbers: tuple[int, ...]) -> dict[int, Snapshot | str]:
        """Every record that is there, newest first."""
        gate = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(seq: int) -> Snapshot | str | None:
            async with gate:
                try:
                    return await self._read(resource_id, seq)
                except SnapshotNotFoundError:  # it expired since the listing
                    return None

        newest_first = numbers[::-1]
        found = await asyncio.gather(*(read(seq) for seq in newest_first))
        return {seq: entry for seq, entry in zip(newest_first, found, strict=True) if entry is not None}

    async def _readable(self, resource_id: str, numbers: tuple[int, ...]) -> list[Snapshot]:
        """Those that can be read, newest first."""
        found = await self._all(resource_id, numbers)
        return [entry for entry in found.values() if isinstance(entry, Snapshot)]

    async def _unreadable(self, resource_id: str, numbers: tuple[int, ...], cause: str) -> SnapshotUnreadableError:
        usable = tuple(snapshot.seq for snapshot in reversed(await self._readable(resource_id, numbers)))
        return _unusable(resource_id, cause, usable)

    async def _catalog_unreadable(self, snapshot: Snapshot, error: VaultError) -> SnapshotUnreadableError:
        """Of the others those can be used whose record can be read and that do not need what is damaged here. Where the
        error does not name it, it may be anything of this one's."""
        resource_id, own = snapshot.resource.id, {segment.name for segment in snapshot.segments}
        damaged = own & {str(name) for name in error.context.values()} or own
        others = reversed(await self._readable(resource_id, await self._archive.snapshots(resource_id)))
        usable = tuple(
            other.seq
            for other in others
            if other.seq != snapshot.seq and damaged.isdisjoint(segment.name for segment in other.segments)
        )
        return _unusable(resource_id, f"Snapshot {snapshot.seq} cannot be used: {error.message}", usable)


def _unusable(resource_id: str, cause: str, usable: Sequence[int]) -> SnapshotUnreadableError:
    advice = f"Of this resource these can be used: {_ranges(usable)}." if usable else _NONE_USABLE
    return SnapshotUnreadableError(f"{cause} {advice}", resource_id=resource_id)


async def _top(reader: CatalogReader) -> str:
    """What people see at the top: a drive's root is a stored folder of its own, and nobody looks for it."""
    first = (await reader.children("", 2)).versions
    return first[0].change.item_id if len(first) == 1 and _is_root(first[0]) else ""


def _is_root(version: ItemVersion) -> bool:
    return version.change.kind.is_folder and version.change.properties.get("root") is True


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as people write them: 1 to 3, 5, 8 to 90."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in ranges)
