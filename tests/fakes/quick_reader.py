"""Reads restore points as the design says, without the product's catalog: every segment once, then from memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from shared_code.model.item import ChunkRef, Form
from shared_code.model.snapshot import SegmentRef, Snapshot
from shared_code.vault.memory_blob import MemoryBlobStore
from shared_code.vault.pack_reader import read_chunk

BlobKey = tuple[str, str]
Contents = dict[str, dict[str, bytes]]

_ROWS = "SELECT feed, item_id, kind, deleted, representations FROM read_parquet(?) ORDER BY ordinal"


class QuickReader:
    """Blobs never change under a version id, so what was read once need not be read again; that they are still there is
    for others to see. Item ids are of one feed each."""

    def __init__(self, temp_dir: Path) -> None:
        self._file = temp_dir / "quick-reader.parquet"
        self._database = duckdb.connect(config={"threads": 1})
        self._rows: dict[BlobKey, list[tuple[Any, ...]]] = {}
        self._chunks: dict[ChunkRef, bytes] = {}

    async def read(self, store: MemoryBlobStore, snapshot: Snapshot) -> tuple[Contents, frozenset[BlobKey]]:
        """What a snapshot gives back, and the blobs (name, version id) that it takes. Raises VaultError."""
        newest: dict[tuple[str, str], tuple[Any, ...]] = {}
        for segment in snapshot.segments:
            for feed, item_id, kind, deleted, representations in await self._segment(store, segment):
                newest[(feed, item_id)] = (kind, deleted, representations)
        blobs = {(segment.name, segment.version_id) for segment in snapshot.segments}
        contents: Contents = {}
        for (_, item_id), (kind, deleted, representations) in newest.items():
            if deleted or kind == "folder":
                continue
            contents[item_id] = {}
            for representation in representations:
                chunks = [ChunkRef(**chunk) for chunk in representation["chunks"]]
                parts = [await self._chunk(store, chunk) for chunk in chunks]
                contents[item_id][str(Form(representation["form"]))] = b"".join(parts)
                blobs |= {(chunk.pack, chunk.version_id) for chunk in chunks}
        return contents, frozenset(blobs)

    def close(self) -> None:
        """Let go of everything."""
        self._database.close()
        self._file.unlink(missing_ok=True)

    async def _segment(self, store: MemoryBlobStore, segment: SegmentRef) -> list[tuple[Any, ...]]:
        key = (segment.name, segment.version_id)
        if key not in self._rows:
            self._file.write_bytes(await store.read(segment.name, version_id=segment.version_id))
            self._rows[key] = self._database.execute(_ROWS, [str(self._file)]).fetchall()
        return self._rows[key]

    async def _chunk(self, store: MemoryBlobStore, chunk: ChunkRef) -> bytes:
        if chunk not in self._chunks:
            self._chunks[chunk] = await read_chunk(store, chunk)
        return self._chunks[chunk]
