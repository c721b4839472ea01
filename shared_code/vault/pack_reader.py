"""Representations out of packs: few large reads, every chunk checked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from shared_code.errors import IntegrityError
from shared_code.model.item import ChunkRef, Form, Representation
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.pack import MAX_CHUNK_BYTES, FrameDecoder

READ_BYTES = 8 * 1024 * 1024
_MAX_GAP_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class RangedRead:
    """One read of one pack, and the chunks in it, in the order of the representation."""

    pack: str
    version_id: str
    offset: int
    length: int
    chunks: tuple[ChunkRef, ...]


def plan_reads(chunks: Sequence[ChunkRef], limit_bytes: int = READ_BYTES) -> Iterator[RangedRead]:
    """Join chunks that follow each other in one pack (small gaps are read over) into reads of at most ``limit_bytes``,
    single chunks aside."""
    run: list[ChunkRef] = []
    for chunk in chunks:
        if run and not _continues(run, chunk, limit_bytes):
            yield _read_of(run)
            run = []
        run.append(chunk)
    if run:
        yield _read_of(run)


def _continues(run: Sequence[ChunkRef], chunk: ChunkRef, limit_bytes: int) -> bool:
    last = run[-1]
    gap = chunk.offset - (last.offset + last.length)
    return (
        (chunk.pack, chunk.version_id) == (last.pack, last.version_id)
        and 0 <= gap <= _MAX_GAP_BYTES
        and chunk.offset + chunk.length - run[0].offset <= limit_bytes
        and sum(entry.size_bytes for entry in run) + chunk.size_bytes <= limit_bytes
    )


def _read_of(run: Sequence[ChunkRef]) -> RangedRead:
    first, last = run[0], run[-1]
    return RangedRead(first.pack, first.version_id, first.offset, last.offset + last.length - first.offset, tuple(run))


async def read_representation(store: BlobStore, representation: Representation) -> AsyncIterator[bytes]:
    """The plain bytes of a representation, in portions of at most 8 MiB, from exactly the pack versions that it
    names.

    Raises IntegrityError (it names pack and offset) when anything is not what the catalog says, BlobNotFoundError when
    a pack is not there.
    """
    decoder = FrameDecoder()
    total = 0
    for read in plan_reads(representation.chunks):
        for chunk in read.chunks:
            _check_bounds(chunk)
        data = await store.read(read.pack, version_id=read.version_id, offset=read.offset, length=read.length)
        plain = await asyncio.to_thread(_decode, decoder, read, data)
        total += len(plain)
        yield plain
    if total != representation.size_bytes:
        raise IntegrityError(
            f"The chunks of an item hold {total} bytes; its catalog row says {representation.size_bytes}."
        )


async def read_chunk(store: BlobStore, chunk: ChunkRef) -> bytes:
    """The plain bytes of one chunk, checked. Raises as ``read_representation``."""
    parts = [part async for part in read_representation(store, Representation(Form.NATIVE, chunk.size_bytes, (chunk,)))]
    return b"".join(parts)


def _decode(decoder: FrameDecoder, read: RangedRead, data: bytes) -> bytes:
    view = memoryview(data)
    parts = []
    for chunk in read.chunks:
        start = chunk.offset - read.offset
        frame = view[start : start + chunk.length]
        if len(frame) != chunk.length:
            raise _damaged(chunk, "it is cut off")
        try:
            plain = decoder.decode(frame, chunk.size_bytes)
        except ValueError as error:
            raise _damaged(chunk, str(error)) from error
        if hashlib.sha256(plain).hexdigest() != chunk.sha256:
            raise _damaged(chunk, "it does not hash to what the catalog says")
        parts.append(plain)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _check_bounds(chunk: ChunkRef) -> None:
    if not (0 < chunk.size_bytes <= MAX_CHUNK_BYTES and 0 < chunk.length <= 2 * MAX_CHUNK_BYTES and chunk.offset >= 0):
        raise _damaged(chunk, "its catalog row has impossible numbers")


def _damaged(chunk: ChunkRef, what: str) -> IntegrityError:
    return IntegrityError(
        f"The chunk at {chunk.offset} of pack {chunk.pack} is damaged: {what}. Restore an older snapshot "
        "of the item, and have the vault verified.",
        pack=chunk.pack,
        version_id=chunk.version_id,
        offset=chunk.offset,
    )
