"""The packs that the rows of one slice refer to, by number, and the chunks that the slice has placed.

Rows are spooled long before the version id of a pack is known (that is, before it is uploaded), so they name packs
by number; the segment gets names and version ids when the slice is closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from shared_code.model.item import ChunkRef, ItemVersion


class Placement(NamedTuple):
    """A chunk in pack number ``pack``; the rest as in ChunkRef."""

    pack: int
    offset: int
    length: int
    size_bytes: int
    sha256: str


class PackTable:
    """Packs by number. Each is a name and the exact version of it; the version of one that is being written comes
    later."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._versions: list[str] = []
        self._numbers: dict[tuple[str, str], int] = {}

    @property
    def names(self) -> list[str]:
        """Names by number."""
        return self._names

    @property
    def version_ids(self) -> list[str]:
        """Version ids by number; empty where the store keeps none, or where the pack is not uploaded yet."""
        return self._versions

    def begin(self, name: str) -> int:
        """Number of a new pack that is being written."""
        self._names.append(name)
        self._versions.append("")
        return len(self._names) - 1

    def uploaded(self, number: int, version_id: str) -> None:
        """The pack rests in the store now."""
        self._versions[number] = version_id

    def place(self, chunk: ChunkRef) -> Placement:
        """A chunk of a pack that rests in the store already."""
        key = (chunk.pack, chunk.version_id)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self.begin(chunk.pack)
            self._versions[number] = chunk.version_id
        return Placement(number, chunk.offset, chunk.length, chunk.size_bytes, chunk.sha256)

    def reference(self, placement: Placement) -> ChunkRef:
        """Inverse of place; for a pack of this slice only after its upload."""
        number, offset, length, size_bytes, sha256 = placement
        return ChunkRef(self._names[number], self._versions[number], offset, length, size_bytes, sha256)


def chunks_of(versions: Iterable[ItemVersion]) -> dict[str, ChunkRef]:
    """The chunks that these versions hold, by their SHA-256."""
    return {
        chunk.sha256: chunk
        for version in versions
        for representation in version.representations
        for chunk in representation.chunks
    }
