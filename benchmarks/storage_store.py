"""The reference store with its large blobs on disk, so that gigabytes fit beside it; and lists counted by the page."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import cast

from shared_code.vault.blob_store import BlobInfo
from shared_code.vault.memory_blob import MemoryBlobStore

_ON_DISK_FROM_BYTES = 256 * 1024
# "List Blobs", checked 2026-11-24: at most 5,000 an answer, and every page is a request.
_LISTED_AT_ONCE = 5000


class _BytesOnDisk:
    """As much of ``bytes`` as the store needs. The file goes with it."""

    def __init__(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)
        self._path = path
        self._size_bytes = len(data)
        weakref.finalize(self, path.unlink, missing_ok=True)

    def __len__(self) -> int:
        return self._size_bytes

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size_bytes)
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(max(0, stop - start))


class DiskBlobStore(MemoryBlobStore):
    """See MemoryBlobStore. ``folder`` holds what is large."""

    def __init__(self, clock: Callable[[], datetime], folder: Path) -> None:
        super().__init__(clock)
        self._folder = folder
        self._files = 0

    async def list(self, prefix: str, *, details: bool = False, all_versions: bool = False) -> AsyncIterator[BlobInfo]:
        """See BlobStore."""
        listed = 0
        async for info in super().list(prefix, details=details, all_versions=all_versions):
            if listed and listed % _LISTED_AT_ONCE == 0:
                self.operations["list"] += 1
            listed += 1
            yield info

    @property
    def versions(self) -> tuple[BlobInfo, ...]:
        """All there is, in no operation."""
        return tuple(version.info for blob in self.blobs.values() for version in blob.versions.values())

    @property
    def stored_bytes(self) -> int:
        """What the provider pays for: every version of every blob."""
        return sum(info.size_bytes for info in self.versions)

    def _put(
        self, name: str, data: bytes, version_id: str | None = None, leased_until: datetime | None = None
    ) -> BlobInfo:
        info = super()._put(name, data, version_id, leased_until)
        if len(data) >= _ON_DISK_FROM_BYTES:
            self._files += 1
            on_disk = _BytesOnDisk(self._folder / f"blob-{self._files:07d}", data)
            self.blobs[name].versions[info.version_id].data = cast("bytes", on_disk)
        return info
