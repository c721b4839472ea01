"""One customer's vault as the other rooms see it: a thin facade."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

from shared_code.model.item import Representation
from shared_code.model.lease import StoredBlob
from shared_code.model.progress import Furthest, Progress
from shared_code.model.resource import Resource, check_resource_id
from shared_code.model.snapshot import Newest, SegmentRef, Snapshot
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.catalog_lookup import SegmentLookup
from shared_code.vault.catalog_merge import merge_segments
from shared_code.vault.catalog_reader import SegmentReader
from shared_code.vault.catalog_state import OpenCatalog
from shared_code.vault.pack_reader import read_representation
from shared_code.vault.slice_writer import PackedSlice
from shared_code.vault.snapshots import SnapshotRecords


class CustomerVault:
    """Satisfies ``Vault`` of the backup and ``Archive`` of the restore. ``temp_dir`` holds spools and opened
    catalogs while they are in use; nothing in it outlives them. Everything written is create-only. Methods raise
    VaultError."""

    def __init__(self, store: BlobStore, customer_id: str, temp_dir: Path) -> None:
        self._store = store
        self._temp_dir = temp_dir
        self._records = SnapshotRecords(store, customer_id)

    async def newest(self, resource: Resource) -> Newest:
        """The newest readable commit of a resource, and the number of the next."""
        return await self._records.newest(resource.id)

    async def furthest(self, resource: Resource, seq: int) -> Furthest:
        """How far snapshot ``seq`` has come."""
        return await self._records.furthest(resource.id, seq)

    async def open_catalog(self, segments: Sequence[SegmentRef]) -> SegmentLookup:
        """Open these segments, oldest first, for questions. They are fetched when the first question comes."""
        return SegmentLookup(OpenCatalog(self._store, segments, self._temp_dir))

    def open_slice(self, resource: Resource, seq: int, slice_number: int) -> PackedSlice:
        """Begin to write a slice. Call its ``close`` or ``abort``. Needs a running event loop."""
        return PackedSlice(self._store, self._temp_dir, resource.id, seq, slice_number)

    async def commit_progress(self, progress: Progress) -> None:
        """Raises BlobExistsError when that slice is committed already (a replay, or another host was faster)."""
        await self._records.commit_progress(progress)

    async def commit_snapshot(self, snapshot: Snapshot) -> None:
        """Raises BlobExistsError when that number is committed already."""
        await self._records.commit(snapshot)

    async def merge(
        self, resource: Resource, seq: int, slice_number: int, segments: Sequence[SegmentRef]
    ) -> SegmentRef | None:
        """Write everything that lives by these segments into one new base; None when nothing does."""
        return await merge_segments(self._store, self._temp_dir, resource.id, seq, slice_number, segments)

    async def stored(self, resource: Resource) -> AsyncIterator[StoredBlob]:
        """Every blob of a resource, with its lease; previous versions too."""
        async for info in self._store.list(f"{resource.id}/", details=True, all_versions=True):
            if info.created_at is not None:
                yield StoredBlob(info.name, info.version_id, info.size_bytes, info.created_at, info.leased_until)

    async def extend_lease(self, name: str, version_id: str, until: datetime) -> None:
        """Let a lease end no earlier than ``until``. Raises BlobNotFoundError."""
        await self._store.extend_lease(name, version_id, until)

    async def snapshots(self, resource_id: str) -> tuple[int, ...]:
        """Numbers of the resource's snapshots, oldest first; empty for an unknown resource."""
        return await self._records.numbers(check_resource_id(resource_id))

    async def snapshot(self, resource_id: str, seq: int) -> Snapshot:
        """Raises SnapshotNotFoundError."""
        return await self._records.read(resource_id, seq)

    async def open_reader(self, segments: Sequence[SegmentRef]) -> SegmentReader:
        """Open the segments of a snapshot. They are fetched when the first question comes."""
        return SegmentReader(OpenCatalog(self._store, segments, self._temp_dir))

    def read(self, representation: Representation) -> AsyncIterator[bytes]:
        """The plain bytes, every chunk checked against its SHA-256. Raises IntegrityError, BlobNotFoundError."""
        return read_representation(self._store, representation)
