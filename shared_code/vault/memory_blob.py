"""The port in memory: versions, a handed clock, a count of what was asked of it, and a place to hang faults on.

The reference that the vault is proved on. Nothing in it is for production: it forgets everything with its process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared_code.errors import BlobExistsError, BlobNotFoundError
from shared_code.vault.blob_store import BlobInfo, check_blob_name


class Moment(StrEnum):
    """When a fault hook is called: nothing has happened yet, or everything has and the answer is on its way."""

    BEFORE = "before"
    AFTER = "after"


FaultHook = Callable[[str, str, Moment], None]


@dataclass(slots=True)
class _Version:
    info: BlobInfo
    data: bytes


@dataclass(slots=True)
class _Blob:
    versions: dict[str, _Version] = field(default_factory=dict)
    current: str | None = None


class MemoryBlobStore:
    """One container. ``clock`` gives its time. ``keeps_versions=False`` makes it like the emulator: no version ids
    and not immutable. ``hook(operation, name, moment)`` is called before and after each operation and may raise to
    simulate a fault; ``operations`` counts by kind (``create``, ``read``, ``list``, ...)."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        keeps_versions: bool = True,
        exists: bool = True,
        hook: FaultHook | None = None,
    ) -> None:
        self._clock = clock
        self._keeps_versions = keeps_versions
        self._exists = exists
        self._blobs: dict[str, _Blob] = {}
        self._last_version = 0
        self.hook = hook
        self.operations: Counter[str] = Counter()

    async def create_container(self) -> None:
        """See BlobStore."""
        self._begin("create_container", "")
        self._exists = True
        self._end("create_container", "")

    async def is_immutable(self) -> bool:
        """See BlobStore."""
        self._begin("is_immutable", "")
        self._check_container()
        self._end("is_immutable", "")
        return self._keeps_versions

    async def create(self, name: str, data: bytes) -> BlobInfo:
        """See BlobStore."""
        check_blob_name(name)
        self._begin("create", name)
        self._check_container()
        blob = self._blobs.get(name)
        if blob is not None and blob.current is not None:
            raise BlobExistsError(f"The blob {name} exists already.", name=name)
        info = self._put(name, data)
        self._end("create", name)
        return info

    async def read(self, name: str, *, version_id: str = "", offset: int = 0, length: int | None = None) -> bytes:
        """See BlobStore."""
        self._begin("read", name)
        self._check_container()
        blob = self._blobs.get(name)
        wanted = version_id or (blob.current if blob else None)
        version = blob.versions.get(wanted) if blob and wanted is not None else None
        if version is None:
            raise BlobNotFoundError(
                f"The blob {name} is not there in the asked version.", name=name, version_id=version_id
            )
        end = None if length is None else offset + length
        data = version.data[offset:end]
        self._end("read", name)
        return data

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """See BlobStore."""
        self._begin("list", prefix)
        self._check_container()
        found = [
            blob.versions[blob.current].info
            for name, blob in sorted(self._blobs.items())
            if name.startswith(prefix) and blob.current is not None
        ]
        self._end("list", prefix)
        for info in found:
            yield info

    def overwrite(self, name: str, data: bytes) -> BlobInfo:
        """What somebody with write access to the account could do: a new current version; older ones stay where
        versions are kept."""
        return self._put(name, data)

    def remove(self, name: str) -> None:
        """What a deletion does: no current version any more; older ones stay where versions are kept."""
        blob = self._blobs[name]
        blob.current = None
        if not self._keeps_versions:
            blob.versions.clear()

    def put_version(self, name: str, version_id: str, data: bytes) -> None:
        """Put a blob under a version id of one's choice: for loading a stored copy of a vault."""
        self._put(name, data, version_id)

    def _put(self, name: str, data: bytes, version_id: str | None = None) -> BlobInfo:
        now = self._clock()
        if version_id is None:
            self._last_version += 1
            version_id = f"{now:%Y-%m-%dT%H:%M:%S}.{self._last_version:07d}Z" if self._keeps_versions else ""
        info = BlobInfo(name, version_id, len(data), now)
        blob = self._blobs.setdefault(name, _Blob())
        blob.versions[version_id] = _Version(info, bytes(data))
        blob.current = version_id
        return info

    def _check_container(self) -> None:
        if not self._exists:
            raise BlobNotFoundError("The container is not there: onboard the customer first.")

    def _begin(self, operation: str, name: str) -> None:
        self.operations[operation] += 1
        if self.hook:
            self.hook(operation, name, Moment.BEFORE)

    def _end(self, operation: str, name: str) -> None:
        if self.hook:
            self.hook(operation, name, Moment.AFTER)
