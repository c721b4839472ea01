"""Are the bytes still those that were stored? Reads whole packs, a ninetieth of them a day, without any state: the hash
of its name tells a pack's day."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from shared_code.errors import (
    BlobNotFoundError,
    IntegrityError,
    InvalidIdError,
    SnapshotNotFoundError,
    UnsupportedFormatError,
)
from shared_code.model.check_report import AffectedItem, BlobDamage, DamageKind, ItemKey, ScrubReport
from shared_code.model.item import ChunkRef
from shared_code.model.snapshot import SegmentRef, Snapshot
from shared_code.vault.blob_store import BlobInfo, BlobStore
from shared_code.vault.catalog_state import OpenCatalog
from shared_code.vault.finding import Finding
from shared_code.vault.named_chunks import WHOLE_PACK, NamedChunks, Place
from shared_code.vault.pack import MAX_CHUNK_BYTES, FrameDecoder, read_footer
from shared_code.vault.pack_reader import RangedRead, plan_reads
from shared_code.vault.snapshots import SnapshotRecords

ROTATION_DAYS = 90

_UNREADABLE = (
    BlobNotFoundError,
    IntegrityError,
    UnsupportedFormatError,
    # A record that hashes to what it says and yet is none: the hash is no secret.
    InvalidIdError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
)


@dataclass(frozen=True, slots=True)
class ScrubBudget:
    """A scrub ends behind the pack that uses up one of these."""

    read_bytes: int = 1024 * 1024 * 1024
    seconds: float = 240.0


def is_due(pack: str, day: date) -> bool:
    """Whether a pack is read on that day: on one of any 90 that follow each other."""
    share = int.from_bytes(hashlib.sha256(pack.encode()).digest(), "big") % ROTATION_DAYS
    return share == day.toordinal() % ROTATION_DAYS


class PackScrubber:
    """Reads the packs of one customer. ``temp_dir`` holds opened catalogs while they are in use. ``monotonic`` gives
    seconds and never goes back."""

    def __init__(self, store: BlobStore, customer_id: str, temp_dir: Path, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._records = SnapshotRecords(store, customer_id)
        self._temp_dir = temp_dir
        self._monotonic = monotonic

    async def scrub(self, resource_id: str, day: date, after: str, budget: ScrubBudget) -> ScrubReport:
        """Read the packs of a resource whose day it is, in the order of their names, from behind the name ``after``
        (empty: from the first) until the budget is spent; one at least.

        Damage is what the report is for, with the items that have content in it, in the newest snapshot and in every
        restore point of that day that can be searched in the time there is. Reads only, so it may be repeated. Raises
        VaultUnavailableError when the store does not answer.
        """
        share = _Share(self._monotonic() + budget.seconds, after)
        async for info, versions in self._due(resource_id, day, after):
            if share.packs and (share.read_bytes >= budget.read_bytes or self._monotonic() >= share.ends_at):
                share.done = False
                break
            if versions > 1:
                share.find(DamageKind.OVERWRITTEN_PACK, info, f"there are {versions} versions of it")
            await self._read(share, info)
            share.after = info.name
        newest, unmapped = 0, list[int]()
        items: list[dict[ItemKey, list[int]]] = [{} for _ in share.findings]
        if share.findings:
            newest, unmapped = await self._map(resource_id, day, share, items)
        return ScrubReport(
            resource_id=resource_id,
            day=day,
            after=share.after,
            done=share.done,
            packs=share.packs,
            chunks=share.chunks,
            read_bytes=share.read_bytes,
            newest=newest,
            unmapped=tuple(unmapped),
            damages=tuple(
                BlobDamage(finding.kind, finding.blob, finding.version_id, finding.detail, _items(found))
                for finding, found in zip(share.findings, items, strict=True)
            ),
        )

    async def _due(self, resource_id: str, day: date, after: str) -> AsyncIterator[tuple[BlobInfo, int]]:
        """Each pack whose day it is, with the number of its versions. A pack is written once, so the first version is
        what was stored."""
        first: BlobInfo | None = None
        versions = 0
        try:
            async for info in self._store.list(f"{resource_id}/packs/", all_versions=True):
                if info.name <= after or not is_due(info.name, day):
                    continue
                if first is not None and first.name == info.name:
                    versions += 1
                    continue
                if first is not None:
                    yield first, versions
                first, versions = info, 1
        except BlobNotFoundError:  # no container
            return
        if first is not None:
            yield first, versions

    async def _read(self, share: _Share, info: BlobInfo) -> None:
        share.packs += 1
        try:
            entries = await read_footer(self._store, info.name, info.version_id, info.size_bytes)
            chunks = [
                ChunkRef(info.name, info.version_id, e.offset, e.length, e.size_bytes, e.sha256.hex()) for e in entries
            ]
            await self._read_chunks(share, info, chunks)
        except BlobNotFoundError:
            return  # its lease has run out, and it was deleted since it was listed; if not, verification misses it
        except IntegrityError as error:
            share.find(DamageKind.DAMAGED_FOOTER, info, error.message)
        except UnsupportedFormatError as error:
            share.find(DamageKind.UNSUPPORTED_FORMAT, info, error.message)

    async def _read_chunks(self, share: _Share, info: BlobInfo, chunks: Sequence[ChunkRef]) -> None:
        share.chunks += len(chunks)
        sound = [chunk for chunk in chunks if _is_possible(chunk)]
        damaged = [chunk.offset for chunk in chunks if not _is_possible(chunk)]
        decoder = FrameDecoder()
        for read in plan_reads(sound):
            data = await self._store.read(read.pack, version_id=read.version_id, offset=read.offset, length=read.length)
            share.read_bytes += len(data)
            damaged += await asyncio.to_thread(_damaged, decoder, read, data)
        if damaged:
            detail = f"{len(damaged)} of {len(chunks)} chunks are not what they should hash to"
            share.find(DamageKind.DAMAGED_CHUNK, info, detail, sorted(damaged))

    async def _map(
        self, resource_id: str, day: date, share: _Share, items: Sequence[dict[ItemKey, list[int]]]
    ) -> tuple[int, list[int]]:
        """Note for each finding the items that have content in it. Returns the number of the newest snapshot that could
        be searched (0: of none), which is what the next backup builds on, and those of the restore points that were
        not. The newest is always tried."""
        numbers = await self._records.numbers(resource_id)
        places = [finding.places for finding in share.findings]
        unmapped: list[int] = []
        searched: tuple[tuple[SegmentRef, ...], list[list[ItemKey]]] | None = None
        newest = 0
        for seq in reversed(numbers):
            if newest and self._monotonic() >= share.ends_at:
                unmapped.append(seq)
                continue
            try:
                snapshot = await self._records.read(resource_id, seq)
                if newest and not _is_promised(snapshot, day):
                    break
                if searched is None or searched[0] != snapshot.segments:  # most days change little, many nothing
                    searched = snapshot.segments, await self._holders(snapshot.segments, places)
            except SnapshotNotFoundError:
                continue
            except _UNREADABLE:
                unmapped.append(seq)
                continue
            newest = newest or seq
            for found, keys in zip(items, searched[1], strict=True):
                for key in keys:
                    found.setdefault(key, []).append(seq)
        return newest, sorted(unmapped)

    async def _holders(self, segments: Sequence[SegmentRef], places: Sequence[Sequence[Place]]) -> list[list[ItemKey]]:
        catalog = OpenCatalog(self._store, segments, self._temp_dir)
        try:
            return await NamedChunks(catalog).holders(places)
        finally:
            await catalog.aclose()


@dataclass(slots=True)
class _Share:
    """One scrub under way."""

    ends_at: float
    after: str
    done: bool = True
    packs: int = 0
    chunks: int = 0
    read_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)

    def find(self, kind: DamageKind, info: BlobInfo, detail: str, offsets: Sequence[int] = (WHOLE_PACK,)) -> None:
        places = [Place(info.name, info.version_id, offset) for offset in offsets]
        self.findings.append(Finding(kind, info.name, info.version_id, detail, places))


def _is_possible(chunk: ChunkRef) -> bool:
    """Whether the footer's numbers can be true; what cannot is not read, however much memory it asks for."""
    return 0 < chunk.size_bytes <= MAX_CHUNK_BYTES and 0 < chunk.length <= 2 * MAX_CHUNK_BYTES


def _is_promised(snapshot: Snapshot, day: date) -> bool:
    ends_at = snapshot.committed_at + timedelta(days=snapshot.checkpoint.retention_days)
    return ends_at >= datetime(day.year, day.month, day.day, tzinfo=UTC)


def _damaged(decoder: FrameDecoder, read: RangedRead, data: bytes) -> list[int]:
    """Offsets of the chunks in this read that are not what the footer says."""
    view = memoryview(data)
    return [
        chunk.offset
        for chunk in read.chunks
        if not _is_sound(decoder, view[chunk.offset - read.offset :][: chunk.length], chunk)
    ]


def _is_sound(decoder: FrameDecoder, frame: memoryview, chunk: ChunkRef) -> bool:
    if len(frame) != chunk.length:
        return False
    try:
        plain = decoder.decode(frame, chunk.size_bytes)
    except ValueError:
        return False
    return hashlib.sha256(plain).hexdigest() == chunk.sha256


def _items(found: dict[ItemKey, list[int]]) -> tuple[AffectedItem, ...]:
    return tuple(AffectedItem(feed, item_id, tuple(sorted(seqs))) for (feed, item_id), seqs in sorted(found.items()))
