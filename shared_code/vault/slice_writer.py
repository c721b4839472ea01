"""One slice on its way into the vault: items into packs, their versions into one segment.

Small items are hashed and compressed a few at a time between other work of the event loop: a thread of their own and
the loop would take turns several times an item, which costs more than it brings. Large ones go through a thread in
portions of a few MiB. Rows rest in a file from the moment their chunks are placed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared_code.errors import VaultError
from shared_code.model.item import Change, ChunkRef, Form, ItemVersion
from shared_code.model.snapshot import SegmentKind, SegmentRef
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.catalog_rows import spool_row
from shared_code.vault.catalog_writer import RowSpool
from shared_code.vault.chunking import WHOLE_BELOW_BYTES
from shared_code.vault.file_writer import ContentDigest, PackedFile
from shared_code.vault.pack_reader import read_chunk
from shared_code.vault.pack_table import Placement, chunks_of
from shared_code.vault.pack_writer import PackWriter

_BATCH_BYTES = 1024 * 1024
_BATCH_ITEMS = 32
_BATCH_CHUNKS = 1_000  # the row of a large file names thousands: work for the thread


@dataclass(frozen=True, slots=True)
class _Entry:
    """An item that waits for its turn. ``version`` instead of ``forms`` where nothing is to be stored."""

    feed: str
    change: Change
    ordinal: int
    forms: tuple[tuple[Form, bytes], ...]
    known: tuple[ItemVersion, ...]
    version: ItemVersion | None = None


class PackedSlice:
    """Satisfies ``SliceWriter`` of the backup. Calls may come from several tasks of one event loop; the later call's
    row wins over an earlier one of the same item."""

    def __init__(self, store: BlobStore, temp_dir: Path, resource_id: str, seq: int, slice_number: int) -> None:
        self._store = store
        self._resource_id = resource_id
        self._seq = seq
        self._slice_number = slice_number
        self._packs = PackWriter(store, resource_id)
        self._spool = RowSpool(temp_dir)
        self._rows = 0
        self._batch: list[_Entry] = []
        self._batch_bytes = 0
        self._batch_chunks = 0
        self._is_open = True

    @property
    def written_bytes(self) -> int:
        """Stored (compressed) bytes that went into packs so far; what waits for its turn is not counted yet."""
        return self._packs.written_bytes

    async def add(
        self, feed: str, change: Change, forms: Mapping[Form, bytes], known: Iterable[ItemVersion] = ()
    ) -> None:
        """Store an item whose forms are at hand. Chunks that ``known`` versions (or this slice) hold already are
        referred to, not stored again. Waits while uploads are behind. Raises VaultError."""
        self._check_open()
        size_bytes = sum(map(len, forms.values()))
        if any(len(data) >= WHOLE_BELOW_BYTES for data in forms.values()):
            await self._add_large(feed, change, forms, tuple(known))
            return
        entry = _Entry(feed, change, self._next_ordinal(), tuple(forms.items()), tuple(known))
        await self._enqueue(entry, size_bytes)

    async def add_version(self, version: ItemVersion) -> None:
        """Add a row whose representations rest in the vault already: a rename, a move, a folder, a tombstone. Its
        ``seq`` is ignored; the slice's own is written. Raises VaultError."""
        self._check_open()
        self._batch_chunks += sum(len(entry.chunks) for entry in version.representations)
        await self._enqueue(_Entry(version.feed, version.change, self._next_ordinal(), (), (), version), 0)

    async def rewrite(self, version: ItemVersion, packs: Collection[tuple[str, str]]) -> None:
        """Store anew what ``version`` has in these packs (name, version id); the rest of it stays where it is. Raises
        IntegrityError, BlobNotFoundError when what is to be moved is damaged; then nothing of it is written."""
        self._check_open()
        parts: list[tuple[Form, list[Placement]]] = []
        for representation in version.representations:
            placements: list[Placement] = []
            for chunk in representation.chunks:
                is_moved = (chunk.pack, chunk.version_id) in packs
                data = await read_chunk(self._store, chunk) if is_moved else None
                await self._packs.hand_over(self._place(chunk, data, placements))
            parts.append((representation.form, placements))
        await self._packs.hand_over(self._store_row(version.feed, version.change, self._next_ordinal(), parts))

    def open_file(
        self,
        feed: str,
        digest: ContentDigest,
        stored: Sequence[ChunkRef] = (),
        known: Iterable[ItemVersion] = (),
    ) -> PackedFile:
        """Begin, or go on with, a large item; ``stored`` are the chunks of its beginning from an earlier slice.
        ``digest`` is fed with each chunk as its boundary becomes final."""
        self._check_open()
        return PackedFile(self._packs, stored, chunks_of(known), self._file_done, feed, digest)

    async def close(self, kind: SegmentKind) -> SegmentRef | None:
        """Upload what is left, then the segment; None when no row was added. The slice takes nothing more. Raises
        VaultError, also for what went wrong in an upload before."""
        self._check_open()
        await self._send_batch()
        await self._packs.flush()
        self._is_open = False
        try:
            if not self._rows:
                return None
            return await self._spool.write_segment(
                self._store, self._resource_id, self._seq, self._slice_number, kind, self._packs.table
            )
        finally:
            await self.abort()

    async def abort(self) -> None:
        """Forget everything and remove temporary files; safe after close and twice."""
        self._is_open = False
        self._batch.clear()
        await self._packs.abort()
        self._spool.remove()

    def _check_open(self) -> None:
        if not self._is_open:
            raise VaultError("This slice is closed: open the next one.")
        self._packs.raise_failure()

    def _next_ordinal(self) -> int:
        self._rows += 1
        return self._rows - 1

    async def _enqueue(self, entry: _Entry, size_bytes: int) -> None:
        self._batch.append(entry)
        self._batch_bytes += size_bytes
        is_much = self._batch_bytes >= _BATCH_BYTES or self._batch_chunks >= _BATCH_CHUNKS
        if is_much or len(self._batch) >= _BATCH_ITEMS:
            await self._send_batch()

    async def _send_batch(self) -> None:
        if not self._batch:
            return
        batch, in_thread = self._batch, self._batch_chunks >= _BATCH_CHUNKS
        self._batch, self._batch_bytes, self._batch_chunks = [], 0, 0
        try:
            await self._packs.hand_over(self._store_batch(batch), in_thread=in_thread)
        except asyncio.CancelledError:
            self._packs.give_up()  # the batch holds rows of others, too
            raise

    def _store_batch(self, batch: Sequence[_Entry]) -> Iterator[None]:
        for entry in batch:
            self._spool.append(spool_row(entry.feed, entry.change, self._seq, entry.ordinal, self._placements(entry)))
            yield

    def _store_row(
        self, feed: str, change: Change, ordinal: int, parts: Sequence[tuple[Form, Sequence[Placement]]]
    ) -> Iterator[None]:
        self._spool.append(spool_row(feed, change, self._seq, ordinal, parts))
        yield

    def _placements(self, entry: _Entry) -> list[tuple[Form, list[Placement]]]:
        if entry.version is not None:
            place = self._packs.table.place
            return [(r.form, [place(chunk) for chunk in r.chunks]) for r in entry.version.representations]
        known = chunks_of(entry.known)
        return [(form, [self._packs.put(data, known)] if data else []) for form, data in entry.forms]

    def _place(self, chunk: ChunkRef, data: bytes | None, placements: list[Placement]) -> Iterator[None]:
        placements.append(self._packs.table.place(chunk) if data is None else self._packs.put(data, {}))
        yield

    async def _add_large(
        self, feed: str, change: Change, forms: Mapping[Form, bytes], known: tuple[ItemVersion, ...]
    ) -> None:
        chunks = chunks_of(known)
        parts: list[tuple[Form, list[Placement]]] = []
        for form, data in forms.items():
            file = PackedFile(self._packs, (), chunks, None, feed, None)
            await file.write(data)
            parts.append((form, await file.placements()))
        await self._packs.hand_over(self._store_row(feed, change, self._next_ordinal(), parts))

    async def _file_done(self, feed: str, change: Change, placements: list[Placement]) -> None:
        row = self._store_row(feed, change, self._next_ordinal(), [(Form.NATIVE, placements)])
        await self._packs.hand_over(row)
