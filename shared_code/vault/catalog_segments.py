"""Segments from the store into files, each checked before anything reads it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from shared_code.errors import IntegrityError
from shared_code.model.snapshot import SegmentRef
from shared_code.vault.blob_store import BlobStore

_READ_BYTES = 16 * 1024 * 1024


async def fetch_segments(store: BlobStore, segments: Sequence[SegmentRef], folder: Path) -> tuple[Path, ...]:
    """Download exactly these versions of these segments, in their order, by ranges of 16 MiB.

    Raises IntegrityError when one is not what its reference says, BlobNotFoundError when one is not there.
    """
    paths = []
    for number, segment in enumerate(segments):
        path = folder / f"segment-{number:05d}.parquet"
        with path.open("wb") as file:
            await _fetch(store, segment, file)
        paths.append(path)
    return tuple(paths)


async def _fetch(store: BlobStore, segment: SegmentRef, file: IO[bytes]) -> None:
    digest = hashlib.sha256()
    offset = 0
    while offset < segment.size_bytes:
        length = min(_READ_BYTES, segment.size_bytes - offset)
        data = await store.read(segment.name, version_id=segment.version_id, offset=offset, length=length)
        if len(data) != length:
            break
        await asyncio.to_thread(_take, data, digest, file)
        offset += length
    if offset != segment.size_bytes or digest.hexdigest() != segment.sha256:
        raise IntegrityError(
            f"The segment {segment.name} is not what its snapshot says. Restore from another snapshot, and have the "
            "vault verified.",
            segment=segment.name,
            version_id=segment.version_id,
        )


def _take(data: bytes, digest: hashlib._Hash, file: IO[bytes]) -> None:
    digest.update(data)
    file.write(data)
