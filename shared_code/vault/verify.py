"""Is everything there that a snapshot names? Structure only: listings, records, segments and the footers of packs are
read, chunks are not (scrub.py reads those)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from shared_code.errors import (
    BlobNotFoundError,
    IntegrityError,
    InvalidIdError,
    SnapshotNotFoundError,
    UnsupportedFormatError,
)
from shared_code.model.check_report import AffectedItem, BlobDamage, DamageKind, VerifyReport
from shared_code.model.snapshot import SegmentRef, Snapshot
from shared_code.vault.blob_names import parse_progress_name, snapshot_name
from shared_code.vault.blob_store import BlobInfo, BlobStore
from shared_code.vault.catalog_state import OpenCatalog
from shared_code.vault.finding import Finding
from shared_code.vault.named_chunks import WHOLE_PACK, NamedChunks, NamedPack, Place
from shared_code.vault.pack import read_footer
from shared_code.vault.snapshots import SnapshotRecords

_PACKS_AT_ONCE = 4

BlobKey = tuple[str, str]


class SnapshotVerifier:
    """Checks snapshots of one customer. ``temp_dir`` holds opened catalogs while they are in use."""

    def __init__(self, store: BlobStore, customer_id: str, temp_dir: Path) -> None:
        self._store = store
        self._records = SnapshotRecords(store, customer_id)
        self._temp_dir = temp_dir

    async def verify(self, resource_id: str, seq: int, retention_days: int | None = None) -> VerifyReport:
        """Check one snapshot. Damage is what the report is for: nothing that is wrong with a blob raises.

        Everything has to be leased until ``retention_days`` after the commit; without, the retention counts on which
        the snapshot's last checkpoint was made. Reads only, so it may be repeated and run beside a backup. Raises
        VaultUnavailableError when the store does not answer.
        """
        check = _Check(resource_id, seq, await self._stored(resource_id))
        check.look_for_overwritten_records()
        snapshot = await self._record(check)
        if snapshot is None:
            return check.report()
        days = snapshot.checkpoint.retention_days if retention_days is None else retention_days
        check.needed_until = snapshot.committed_at + timedelta(days=days)
        check.look_at_lease(check.first_version(snapshot_name(resource_id, seq)))
        catalog = await self._open(check, self._segments(check, snapshot.segments))
        try:
            named = NamedChunks(catalog)
            await for_each(named.packs(), lambda pack: self._pack(check, pack), _PACKS_AT_ONCE)
            check.findings.sort(key=lambda finding: (finding.blob, finding.version_id, finding.kind))
            holders = await named.holders([finding.places for finding in check.findings])
        finally:
            await catalog.aclose()
        return check.report(holders)

    async def _stored(self, resource_id: str) -> dict[BlobKey, BlobInfo]:
        found: dict[BlobKey, BlobInfo] = {}
        try:
            async for info in self._store.list(f"{resource_id}/", details=True, all_versions=True):
                found[(info.name, info.version_id)] = info
        except BlobNotFoundError:  # no container
            return {}
        return found

    async def _record(self, check: _Check) -> Snapshot | None:
        name = snapshot_name(check.resource_id, check.seq)
        try:
            return await self._records.read(check.resource_id, check.seq)
        except SnapshotNotFoundError:
            check.find(DamageKind.MISSING_RECORD, name, "", "there is no snapshot of that number")
        except UnsupportedFormatError as error:
            check.find(DamageKind.UNSUPPORTED_FORMAT, name, "", error.message)
        except (IntegrityError, InvalidIdError, KeyError, TypeError, ValueError, AttributeError):
            # The last four: a record that hashes to what it says and yet is none. The hash is no secret.
            check.find(DamageKind.DAMAGED_RECORD, name, "", "it is not readable, or not of this snapshot")
        return None

    @staticmethod
    def _segments(check: _Check, segments: Sequence[SegmentRef]) -> list[SegmentRef]:
        """Check the segments by the listing; those that are there in their right size."""
        check.segments = len(segments)
        there: list[SegmentRef] = []
        for segment in segments:
            info = check.stored.get((segment.name, segment.version_id))
            if info is None:
                check.find(DamageKind.MISSING_SEGMENT, segment.name, segment.version_id, "it is not there")
                continue
            check.look_at_lease(info)
            check.look_for_overwritten(DamageKind.OVERWRITTEN_SEGMENT, info)
            if info.size_bytes == segment.size_bytes:
                there.append(segment)
            else:
                detail = f"it has {info.size_bytes} bytes; the snapshot says {segment.size_bytes}"
                check.find(DamageKind.DAMAGED_SEGMENT, segment.name, segment.version_id, detail)
        return there

    async def _open(self, check: _Check, segments: Sequence[SegmentRef]) -> OpenCatalog:
        """Open them all, or, where that does not go, those of them that can be read."""
        catalog = OpenCatalog(self._store, segments, self._temp_dir)
        try:
            await catalog.state()
        except (BlobNotFoundError, IntegrityError, UnsupportedFormatError):
            readable = [segment for segment in segments if await self._can_be_read(check, segment)]
            return OpenCatalog(self._store, readable, self._temp_dir)
        return catalog

    async def _can_be_read(self, check: _Check, segment: SegmentRef) -> bool:
        catalog = OpenCatalog(self._store, [segment], self._temp_dir)
        try:
            await catalog.state()
        except BlobNotFoundError:
            check.find(DamageKind.MISSING_SEGMENT, segment.name, segment.version_id, "it is not there")
        except IntegrityError:
            detail = "it does not hash to what the snapshot says"
            check.find(DamageKind.DAMAGED_SEGMENT, segment.name, segment.version_id, detail)
        except UnsupportedFormatError as error:
            check.find(DamageKind.UNSUPPORTED_FORMAT, segment.name, segment.version_id, error.message)
        else:
            return True
        finally:
            await catalog.aclose()
        return False

    async def _pack(self, check: _Check, pack: NamedPack) -> None:
        check.packs += 1
        check.chunks += len(pack.chunks)
        whole = [Place(pack.name, pack.version_id, WHOLE_PACK)]
        info = check.stored.get((pack.name, pack.version_id))
        if info is None:
            check.find(DamageKind.MISSING_PACK, *whole[0][:2], "it is not there in the named version", whole)
            return
        check.look_at_lease(info, whole)
        check.look_for_overwritten(DamageKind.OVERWRITTEN_PACK, info, whole)
        if pack.end > info.size_bytes:
            detail = f"it has {info.size_bytes} bytes, and chunks are named up to {pack.end}"
            check.find(DamageKind.CUT_OFF_PACK, pack.name, pack.version_id, detail, whole)
            return
        try:
            entries = await read_footer(self._store, pack.name, pack.version_id, info.size_bytes)
        except BlobNotFoundError:
            check.find(DamageKind.MISSING_PACK, pack.name, pack.version_id, "it is gone since it was listed", whole)
        except IntegrityError as error:
            check.find(DamageKind.DAMAGED_FOOTER, pack.name, pack.version_id, error.message, whole)
        except UnsupportedFormatError as error:
            check.find(DamageKind.UNSUPPORTED_FORMAT, pack.name, pack.version_id, error.message, whole)
        else:
            there = {(entry.offset, entry.length, entry.size_bytes, entry.sha256.hex()) for entry in entries}
            foreign = [Place(pack.name, pack.version_id, chunk.offset) for chunk in pack.chunks if chunk not in there]
            if foreign:
                detail = f"{len(foreign)} of {len(pack.chunks)} named chunks are not in its footer"
                check.find(DamageKind.FOREIGN_CHUNK, pack.name, pack.version_id, detail, foreign)


@dataclass(slots=True)
class _Check:
    """One verification under way. ``stored`` is every version of every blob of the resource, the oldest of a name
    first."""

    resource_id: str
    seq: int
    stored: dict[BlobKey, BlobInfo]
    needed_until: datetime | None = None
    segments: int = 0
    packs: int = 0
    chunks: int = 0
    findings: list[Finding] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.versions.update(name for name, _ in self.stored)

    def find(self, kind: DamageKind, blob: str, version_id: str, detail: str, places: Sequence[Place] = ()) -> None:
        self.findings.append(Finding(kind, blob, version_id, detail, places))

    def first_version(self, name: str) -> BlobInfo:
        """Of a name that is stored."""
        return next(info for (stored, _), info in self.stored.items() if stored == name)

    def look_at_lease(self, info: BlobInfo, places: Sequence[Place] = ()) -> None:
        until = self.needed_until
        if until is None or (info.leased_until is not None and info.leased_until >= until):
            return
        ends = f"until {info.leased_until:%Y-%m-%d %H:%M}Z" if info.leased_until else "not"
        detail = f"it is {ends} leased, and needed until {until:%Y-%m-%d %H:%M}Z"
        self.find(DamageKind.SHORT_LEASE, info.name, info.version_id, detail, places)

    def look_for_overwritten(self, kind: DamageKind, info: BlobInfo, places: Sequence[Place] = ()) -> None:
        count = self.versions[info.name]
        if count > 1:
            self.find(kind, info.name, info.version_id, f"there are {count} versions of it", places)

    def look_for_overwritten_records(self) -> None:
        """The snapshot's record, and those of the slices that led to it and that lead to the next one."""
        for name, count in self.versions.items():
            slice_of = parse_progress_name(name)
            is_concerned = name == snapshot_name(self.resource_id, self.seq) or (
                slice_of is not None and slice_of[0] in (self.seq, self.seq + 1)
            )
            if is_concerned and count > 1:
                self.look_for_overwritten(DamageKind.OVERWRITTEN_RECORD, self.first_version(name))

    def report(self, holders: Sequence[Sequence[tuple[str, str]]] = ()) -> VerifyReport:
        damages = [
            BlobDamage(
                finding.kind,
                finding.blob,
                finding.version_id,
                finding.detail,
                tuple(AffectedItem(feed, item_id, (self.seq,)) for feed, item_id in items),
            )
            for finding, items in zip(self.findings, holders or [[]] * len(self.findings), strict=True)
        ]
        return VerifyReport(self.resource_id, self.seq, self.segments, self.packs, self.chunks, tuple(damages))


async def for_each(
    entries: AsyncIterator[NamedPack], work: Callable[[NamedPack], Awaitable[None]], at_once: int
) -> None:
    """Work on all of them, ``at_once`` at a time. The first error ends it: what is under way is cancelled."""
    under_way: set[asyncio.Future[None]] = set()
    try:
        async for entry in entries:
            under_way.add(asyncio.ensure_future(work(entry)))
            if len(under_way) >= at_once:
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    future.result()
        await asyncio.gather(*under_way)
    finally:
        for future in under_way:
            future.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
