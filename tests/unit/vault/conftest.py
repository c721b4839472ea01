"""A vault in memory, and short ways to write and read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared_code.model.item import Change, Form, ItemVersion, Representation
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.snapshot import SegmentKind, SegmentRef
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DRIVE = Resource(ResourceKind.DRIVE, "d1", "Drive")

Row = tuple[str, Change, Mapping[Form, bytes]]


class Ledger:
    """ContentDigest that keeps what it was fed."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def update(self, data: bytes | memoryview) -> None:
        self.taken += data


class World:
    """One vault in memory, its store and its temporary folder."""

    def __init__(self, temp_dir: Path) -> None:
        self.temp_dir = temp_dir
        self.store = MemoryBlobStore(lambda: NOW)
        self.vault = CustomerVault(self.store, "acme", temp_dir)
        self._slices = 0

    async def write(self, rows: Iterable[Row], seq: int = 1, kind: SegmentKind = SegmentKind.DELTA) -> SegmentRef:
        """One slice of rows; the segment."""
        self._slices += 1
        writer = self.vault.open_slice(DRIVE, seq, self._slices)
        try:
            for feed, change, forms in rows:
                await writer.add(feed, change, forms)
            segment = await writer.close(kind)
        finally:
            await writer.abort()
        assert segment is not None
        return segment

    async def versions(self, segments: Sequence[SegmentRef], keys: Sequence[tuple[str, str]]) -> list[ItemVersion]:
        """The newest versions of these keys, in their order."""
        lookup = await self.vault.open_catalog(segments)
        try:
            found = (await lookup.previous(keys, [])).by_key
            return [found[key] for key in keys]
        finally:
            await lookup.aclose()

    async def read(self, representation: Representation | None) -> bytes:
        """All bytes of a representation."""
        assert representation is not None
        return b"".join([part async for part in self.vault.read(representation)])

    async def names(self, prefix: str = "") -> list[str]:
        """Names of the blobs there are."""
        return [info.name async for info in self.store.list(prefix)]

    def leftovers(self) -> list[Path]:
        """Temporary files that nobody removed."""
        return list(self.temp_dir.iterdir())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)
