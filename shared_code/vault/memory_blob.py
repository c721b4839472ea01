"""The port in memory: versions, WORM, legal hold, tags, tiers, a handed clock, counts of what was asked of it, and a
place to hang faults on.

The reference that the vault's promises are proved on; memory_lifecycle.py has the platform's lifecycle rules. It
refuses what Azure documents as refused ("Immutable storage for blob data, version-level WORM", checked 2026-11-24):
a version whose lease runs or that is held is never deleted, leases of locked policies are only extended, a write over
a name makes a new version and the old one stays. Nothing in it is for production: it forgets everything with
its process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from shared_code.errors import BlobExistsError, BlobLockedError, BlobNotFoundError, VaultError
from shared_code.vault.blob_store import BlobInfo, check_blob_name, check_prefix, check_stored_name


class Moment(StrEnum):
    """When a fault hook is called: nothing has happened yet, or everything has and the answer is on its way."""

    BEFORE = "before"
    AFTER = "after"


FaultHook = Callable[[str, str, Moment], None]


@dataclass(slots=True)
class StoredVersion:
    """One version: its bytes, its tier, and when it was last modified."""

    info: BlobInfo
    data: bytes
    tier: str = "Hot"


@dataclass(slots=True)
class StoredBlob:
    """One name: its versions by id, and which of them is the current one."""

    versions: dict[str, StoredVersion] = field(default_factory=dict)
    current: str | None = None


class MemoryBlobStore:
    """One container. ``clock`` gives its time. ``keeps_versions=False`` makes it like the emulator: no version ids, no
    WORM, leases that nobody enforces. ``hook(operation, name, moment)`` is called before and after each operation and
    may raise to simulate a fault; ``operations`` counts by kind (``create``, ``read``, ``list``, ...), ``refused``
    what was asked of the port and WORM forbade."""

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
        self._last_version = 0
        self.blobs: dict[str, StoredBlob] = {}
        self.hook = hook
        self.operations: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    # ---- the port

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

    async def create(self, name: str, data: bytes, leased_until: datetime | None = None) -> BlobInfo:
        """See BlobStore."""
        check_blob_name(name)
        self._begin("create", name)
        self._check_container()
        blob = self.blobs.get(name)
        if blob is not None and blob.current is not None:
            raise BlobExistsError(f"The blob {name} exists already.", name=name)
        self._check_policy_date("create", leased_until)
        info = self._put(name, data, leased_until=leased_until)
        self._end("create", name)
        return info

    async def read(self, name: str, *, version_id: str = "", offset: int = 0, length: int | None = None) -> bytes:
        """See BlobStore."""
        check_stored_name(name)
        self._begin("read", name)
        self._check_container()
        version = self._version(name, version_id)
        end = None if length is None else offset + length
        data = version.data[offset:end]
        self._end("read", name)
        return data

    async def list(self, prefix: str, *, details: bool = False, all_versions: bool = False) -> AsyncIterator[BlobInfo]:
        """See BlobStore."""
        check_prefix(prefix)
        self._begin("list", prefix)
        self._check_container()
        found = [
            version.info
            for name, blob in sorted(self.blobs.items())
            for version_id, version in sorted(blob.versions.items())
            if name.startswith(prefix) and (all_versions or version_id == blob.current)
        ]
        self._end("list", prefix)
        for info in found:
            yield info if details else replace(info, leased_until=None, tags={}, legal_hold=False)

    async def extend_lease(self, name: str, version_id: str, until: datetime) -> None:
        """See BlobStore."""
        self._begin("extend_lease", name)
        version = self._version(name, version_id)
        if version.info.leased_until is None or version.info.leased_until < until:
            self._check_policy_date("extend_lease", until)
            version.info = replace(version.info, leased_until=until)
        self._end("extend_lease", name)

    async def set_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """See BlobStore."""
        self._begin("set_tags", name)
        version = self._version(name, "")
        version.info = replace(version.info, tags=dict(tags))
        self._end("set_tags", name)

    async def set_legal_hold(self, name: str, version_id: str, held: bool) -> None:
        """See BlobStore."""
        self._begin("set_legal_hold", name)
        version = self._version(name, version_id)
        version.info = replace(version.info, legal_hold=held)
        self._end("set_legal_hold", name)

    async def delete(self, name: str, version_id: str) -> None:
        """See Purge."""
        self._begin("delete", name)
        version = self._version(name, version_id)
        try:
            self.check_deletable(version.info)
        except BlobLockedError:
            self.refused["delete"] += 1
            raise
        blob = self.blobs[name]
        del blob.versions[version.info.version_id]
        if blob.current == version.info.version_id:
            blob.current = None
        if not blob.versions:
            del self.blobs[name]
        self._end("delete", name)

    # ---- what tests and the lifecycle engine do to it

    def check_deletable(self, info: BlobInfo) -> None:
        """Raises BlobLockedError (409 BlobImmutableDueToPolicy) while a lease runs or a legal hold is set. A soft lease
        protects nothing."""
        if not self._keeps_versions:
            return
        leased = info.leased_until is not None and info.leased_until > self._clock()
        if leased or info.legal_hold:
            raise BlobLockedError(f"The blob {info.name} is immutable.", info.leased_until, name=info.name)

    def set_metadata(self, name: str) -> None:
        """What the service never asks for. Raises BlobLockedError for a version under a policy or a hold, and metadata
        stay fixed after the policy has expired."""
        info = self._version(name, "").info
        if self._keeps_versions and (info.leased_until is not None or info.legal_hold):
            self.refused["set_metadata"] += 1
            raise BlobLockedError(f"The metadata of the blob {name} are fixed.", info.leased_until, name=name)

    def retire(self, name: str) -> None:
        """What deleting a current version does: it stays behind as a previous one, where versions are kept."""
        blob = self.blobs[name]
        blob.current = None
        if not self._keeps_versions:
            del self.blobs[name]

    def overwrite(self, name: str, data: bytes) -> BlobInfo:
        """What somebody with write access to the account could do: a new current version; older ones stay where
        versions are kept, and their leases with them."""
        if not self._keeps_versions:
            self.blobs.pop(name, None)
        return self._put(name, data)

    def remove(self, name: str) -> None:
        """As ``retire``, for tests that take a blob away."""
        self.retire(name)

    def lose(self, name: str) -> None:
        """What no lease can prevent: the bytes are gone, all versions of them."""
        del self.blobs[name]

    def take_over(self, other: MemoryBlobStore) -> None:
        """Begin with a copy of all that another store holds."""
        self.blobs = deepcopy(other.blobs)
        self._last_version = other._last_version

    def put_version(self, name: str, version_id: str, data: bytes) -> None:
        """Put a blob under a version id of one's choice: for loading a stored copy of a vault."""
        self._put(name, data, version_id)

    def _put(
        self, name: str, data: bytes, version_id: str | None = None, leased_until: datetime | None = None
    ) -> BlobInfo:
        now = self._clock()
        if version_id is None:
            self._last_version += 1
            version_id = f"{now:%Y-%m-%dT%H:%M:%S}.{self._last_version:07d}Z" if self._keeps_versions else ""
        info = BlobInfo(name, version_id, len(data), now, leased_until)
        blob = self.blobs.setdefault(name, StoredBlob())
        blob.versions[version_id] = StoredVersion(info, bytes(data))
        blob.current = version_id
        return info

    def _version(self, name: str, version_id: str) -> StoredVersion:
        blob = self.blobs.get(name)
        wanted = version_id or (blob.current if blob else None)
        version = blob.versions.get(wanted) if blob and wanted is not None else None
        if version is None:
            raise BlobNotFoundError(
                f"The blob {name} is not there in the asked version.", name=name, version_id=version_id
            )
        return version

    def _check_policy_date(self, operation: str, until: datetime | None) -> None:
        """ "Past times are not valid" (Set Blob Immutability Policy, checked 2026-11-24)."""
        if self._keeps_versions and until is not None and until <= self._clock():
            self.refused[operation] += 1
            raise VaultError(f"A lease until {until:%Y-%m-%d %H:%M} would have ended already.")

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
