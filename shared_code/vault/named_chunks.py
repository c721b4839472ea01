"""The chunks that a catalog's living versions name, pack by pack, and the items that name a given one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared_code.model.check_report import ItemKey
from shared_code.vault.catalog_rows import key_text
from shared_code.vault.catalog_state import OpenCatalog

WHOLE_PACK = -1
_ROWS_AT_ONCE = 5000

_LIVING_CHUNKS = """
SELECT feed, item_id, unnest(representation.chunks) AS chunk
FROM (SELECT feed, item_id, unnest(representations) AS representation FROM versions WHERE lives)
"""

_FIND_NAMED = f"""
CREATE TEMP TABLE IF NOT EXISTS named AS
SELECT row_number() OVER (ORDER BY pack, version_id, place) AS position, * FROM (
    SELECT DISTINCT chunk.pack AS pack, chunk.version_id AS version_id, chunk."offset" AS place,
           chunk.length AS length, chunk.size_bytes AS size_bytes, chunk.sha256 AS sha256
    FROM ({_LIVING_CHUNKS})
)
"""  # noqa: S608 - the program's own text

_NAMED_AFTER = """
SELECT pack, version_id, place, length, size_bytes, sha256 FROM named
WHERE position > $after AND position <= $after + $limit ORDER BY position
"""

_SET_PLACES = """
CREATE OR REPLACE TEMP TABLE places AS
SELECT unnest($numbers::INTEGER[]) AS number, unnest($packs::VARCHAR[]) AS pack,
       unnest($version_ids::VARCHAR[]) AS version_id, unnest($offsets::BIGINT[]) AS place
"""

_HOLDERS = f"""
SELECT DISTINCT number, feed, item_id FROM ({_LIVING_CHUNKS}) JOIN places
ON chunk.pack = places.pack AND chunk.version_id = places.version_id
   AND (places.place = {WHOLE_PACK} OR places.place = chunk."offset")
"""  # noqa: S608 - the program's own text


class NamedChunk(NamedTuple):
    """A chunk as the catalog names it; fields as in ChunkRef."""

    offset: int
    length: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class NamedPack:
    """A version of a pack, and what the catalog says it holds, by offset. Two chunks of one offset contradict each
    other: at most one of them can be there."""

    name: str
    version_id: str
    chunks: tuple[NamedChunk, ...]

    @property
    def end(self) -> int:
        """Where the last named chunk ends."""
        return max(chunk.offset + chunk.length for chunk in self.chunks)


class Place(NamedTuple):
    """A chunk of a pack, by its offset, or WHOLE_PACK."""

    pack: str
    version_id: str
    offset: int = WHOLE_PACK


class NamedChunks:
    """Questions to an opened catalog. Methods raise VaultError. Memory is bounded: the answers rest in the catalog's
    database, and one pack at a time is read from it."""

    def __init__(self, catalog: OpenCatalog) -> None:
        self._catalog = catalog

    async def packs(self) -> AsyncIterator[NamedPack]:
        """Every pack that a living version names, in the order of names and version ids."""
        state = await self._catalog.state()
        await asyncio.to_thread(state.run, _FIND_NAMED)
        pack: tuple[str, str] | None = None
        chunks: list[NamedChunk] = []
        after = 0
        while True:
            rows = await asyncio.to_thread(state.rows, _NAMED_AFTER, {"after": after, "limit": _ROWS_AT_ONCE})
            for name, version_id, *chunk in rows:
                if pack != (name, version_id):
                    if pack is not None:
                        yield NamedPack(*pack, tuple(chunks))
                    pack, chunks = (name, version_id), []
                chunks.append(NamedChunk(*chunk))
            if len(rows) < _ROWS_AT_ONCE:
                break
            after += _ROWS_AT_ONCE
        if pack is not None:
            yield NamedPack(*pack, tuple(chunks))

    async def holders(self, places: Sequence[Sequence[Place]]) -> list[list[ItemKey]]:
        """For each group of places the living items with a chunk in one of them, sorted."""
        holders: list[list[ItemKey]] = [[] for _ in places]
        flat = [(number, place) for number, group in enumerate(places) for place in group]
        if not flat:
            return holders
        state = await self._catalog.state()
        parameters = {
            "numbers": [number for number, _ in flat],
            "packs": [place.pack for _, place in flat],
            "version_ids": [place.version_id for _, place in flat],
            "offsets": [place.offset for _, place in flat],
        }
        await asyncio.to_thread(state.run, _SET_PLACES, parameters)
        for number, feed, item_id in await asyncio.to_thread(state.rows, _HOLDERS):
            holders[number].append((_exact(feed), _exact(item_id)))
        return [sorted(group) for group in holders]


_ESCAPE = key_text("\x00")[0]


def _exact(text: str) -> str:
    """Inverse of key_text."""
    return str(json.loads(text[1:])) if text.startswith(_ESCAPE) else text
