"""What of the stored bytes had to be: every distinct chunk that a promised restore point names, once, as compressed as
it rests in its pack. All else is overhead, told by its kind."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.storage_store import DiskBlobStore
from shared_code.model.item import ChunkRef
from shared_code.model.lease import LeaseTerms
from shared_code.model.snapshot import SegmentRef, Snapshot
from shared_code.vault.catalog_segments import fetch_segments
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.duckdb_session import connect, quoted
from shared_code.vault.pack import PackEntry, read_footer
from shared_code.vault.pack_reader import read_chunk

_READ_EVERY = 500
_CHUNKS = """
SELECT feed, item_id, deleted, flatten(list_transform(representations, lambda r: r.chunks)) FROM read_parquet({path})
ORDER BY ordinal
"""

Key = tuple[str, str]
Chunks = tuple[ChunkRef, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """Bytes. ``copies``: chunks that promised restore points name in more than one pack; ``unneeded``: chunks in packs
    that no promised restore point names; the rest by the kind of blob."""

    stored: int
    ideal: int
    copies: int
    unneeded: int
    pack_footers: int
    catalog_bases: int
    catalog_deltas: int
    progress: int
    snapshots: int
    restore_points: int
    blobs: int

    @property
    def ratio(self) -> float:
        """Stored to ideal."""
        return self.stored / self.ideal

    @property
    def overhead(self) -> dict[str, int]:
        """By kind; with the ideal it adds up to what is stored."""
        return {
            "chunks that rest in more than one pack": self.copies,
            "chunks that no promised restore point needs": self.unneeded,
            "headers and footers of packs": self.pack_footers,
            "catalog: bases": self.catalog_bases,
            "catalog: deltas": self.catalog_deltas,
            "progress records": self.progress,
            "snapshots": self.snapshots,
        }


async def tally(
    store: DiskBlobStore, vault: CustomerVault, resource_ids: Sequence[str], terms: LeaseTerms, now: datetime
) -> Tally:
    """Look at everything. Raises BenchmarkError when a promised restore point names what is not there."""
    named: dict[tuple[str, str, int], ChunkRef] = {}
    restore_points = 0
    for resource_id in resource_ids:
        promised = [
            snapshot
            for seq in await vault.snapshots(resource_id)
            if terms.in_retention((snapshot := await vault.snapshot(resource_id, seq)).committed_at, now)
        ]
        restore_points += len(promised)
        async for chunk in _named_chunks(store, promised):
            named[(chunk.pack, chunk.version_id, chunk.offset)] = chunk
    packs = [info for info in store.versions if "/packs/" in info.name]
    entries = {
        (info.name, info.version_id): await read_footer(store, info.name, info.version_id, info.size_bytes)
        for info in packs
    }
    await _check(store, list(named.values()), entries)
    ideal = sum({chunk.sha256: chunk.length for chunk in named.values()}.values())
    named_bytes = sum(chunk.length for chunk in named.values())
    frames = sum(entry.length for listed in entries.values() for entry in listed)
    return Tally(
        stored=store.stored_bytes,
        ideal=ideal,
        copies=named_bytes - ideal,
        unneeded=frames - named_bytes,
        pack_footers=sum(info.size_bytes for info in packs) - frames,
        catalog_bases=_size_of(store, "/catalog/", "-base-"),
        catalog_deltas=_size_of(store, "/catalog/", "-delta-"),
        progress=_size_of(store, "/progress/"),
        snapshots=_size_of(store, "/snapshots/"),
        restore_points=restore_points,
        blobs=len(store.versions),
    )


async def _named_chunks(store: DiskBlobStore, snapshots: Sequence[Snapshot]) -> AsyncIterator[ChunkRef]:
    """Of each snapshot the chunks of its living versions, as far as they are new since the one before: a snapshot that
    only adds segments to those of the last one keeps all else that it names."""
    known: tuple[SegmentRef, ...] = ()
    for snapshot in snapshots:
        if snapshot.segments[: len(known)] != known:
            known = ()
        newest: dict[Key, Chunks] = {}
        for segment in snapshot.segments[len(known) :]:
            newest.update(await _rows(store, segment))
        known = snapshot.segments
        for chunks in newest.values():
            for chunk in chunks:
                yield chunk


async def _rows(store: DiskBlobStore, segment: SegmentRef) -> dict[Key, Chunks]:
    with tempfile.TemporaryDirectory(prefix="tally-") as folder:
        [path] = await fetch_segments(store, [segment], Path(folder))
        with connect(Path(folder)) as database:
            rows = database.execute(_CHUNKS.format(path=quoted(path))).fetchall()
    return {
        (feed, item_id): () if deleted else tuple(ChunkRef(**chunk) for chunk in chunks or ())
        for feed, item_id, deleted, chunks in rows
    }


async def _check(store: DiskBlobStore, named: Sequence[ChunkRef], entries: Mapping[Key, Sequence[PackEntry]]) -> None:
    """Every named chunk is where the catalog says; some are read."""
    there = {
        (pack, version_id, entry.offset, entry.length, entry.sha256.hex())
        for (pack, version_id), listed in entries.items()
        for entry in listed
    }
    for chunk in named:
        if (chunk.pack, chunk.version_id, chunk.offset, chunk.length, chunk.sha256) not in there:
            raise BenchmarkError(f"A promised restore point has lost a chunk of {chunk.pack}.")
    for chunk in named[::_READ_EVERY]:
        await read_chunk(store, chunk)


def _size_of(store: DiskBlobStore, *parts: str) -> int:
    return sum(info.size_bytes for info in store.versions if all(part in info.name for part in parts))
