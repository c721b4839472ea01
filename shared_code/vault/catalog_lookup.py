"""What a backup asks the catalog: what it knows of these items, and what is gone without anybody having said so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from shared_code.model.item import ItemVersion
from shared_code.model.versions import PreviousVersions
from shared_code.vault import catalog_sql as sql
from shared_code.vault.catalog_rows import key_text
from shared_code.vault.catalog_state import CatalogState, OpenCatalog

_BURIED_AT_ONCE = 500
_HOLDERS_AT_ONCE = 200
_ASKED = ("key", "item", "bytes")


class SegmentLookup:
    """Satisfies ``CatalogLookup`` of the backup."""

    def __init__(self, catalog: OpenCatalog) -> None:
        self._catalog = catalog

    async def previous(self, keys: Sequence[tuple[str, str]], content_hashes: Sequence[str]) -> PreviousVersions:
        """Newest versions for these (feed, item id) keys, newest living versions for the bare item ids in any feed,
        and one stored version for each of these content hashes. Raises VaultError."""
        if not keys and not any(content_hashes):
            return PreviousVersions({}, {}, {})
        state = await self._catalog.state()
        return await asyncio.to_thread(_previous, state, tuple(keys), tuple(content_hashes))

    async def to_bury(self, relisted: Mapping[str, int]) -> AsyncIterator[ItemVersion]:
        """What lives by the rows and yet is gone: items of relisted feeds (feed -> index of the first opened segment
        that belongs to the new listing) that no row from there on confirms, and everything whose chain of parents
        is broken (children of a deleted folder). Parents first. The answer is found before the first item is
        given. Raises VaultError."""
        state = await self._catalog.state()
        parameters = {
            "feeds": [key_text(feed) for feed in relisted],
            "first_ids": [index << sql.ORDINAL_BITS for index in relisted.values()],
        }
        await asyncio.to_thread(state.run, sql.FIND_BURIED, parameters)
        position = 0
        while True:
            position, versions = await asyncio.to_thread(_buried_after, state, position)
            if not versions:
                return
            for version in versions:
                yield version

    async def live_packs(self) -> Mapping[tuple[str, str], int]:
        """Packs (name, version id) that living versions name, with the stored bytes of their living chunks."""
        state = await self._catalog.state()
        rows = await asyncio.to_thread(state.rows, sql.LIVE_PACKS)
        return {(pack, version_id): int(size_bytes) for pack, version_id, size_bytes in rows}

    async def holders(self, packs: Collection[tuple[str, str]]) -> AsyncIterator[ItemVersion]:
        """Living versions that have a chunk in one of these packs."""
        state = await self._catalog.state()
        names = ["\n".join(pack) for pack in packs]
        after = -1
        while True:
            rows = await asyncio.to_thread(
                state.rows, sql.HOLDERS_AFTER, {"packs": names, "after": after, "limit": _HOLDERS_AT_ONCE}
            )
            if not rows:
                return
            after = rows[-1][0]
            for version in (await asyncio.to_thread(state.fetch, [row[0] for row in rows])).values():
                yield version

    async def aclose(self) -> None:
        """Let go of memory and temporary files."""
        await self._catalog.aclose()


def _previous(state: CatalogState, keys: Sequence[tuple[str, str]], content_hashes: Sequence[str]) -> PreviousVersions:
    wanted_keys = set(keys)
    wanted_items = {item_id for _, item_id in keys}
    wanted_hashes = {entry for entry in content_hashes if entry}
    parameters = {
        "feeds": [key_text(feed) for feed, _ in keys],
        "items": [key_text(item_id) for _, item_id in keys],
        "hashes": [key_text(entry) for entry in wanted_hashes],
    }
    rows = state.rows(sql.PREVIOUS, parameters)
    versions = state.fetch(sorted({row_id for _, row_id in rows}))
    answers = {asked: [versions[row_id] for kind, row_id in rows if kind == asked] for asked in _ASKED}
    by_key = {(entry.feed, entry.change.item_id): entry for entry in answers["key"]}
    by_item = {entry.change.item_id: entry for entry in answers["item"]}
    by_hash = {entry.change.content_hash: entry for entry in answers["bytes"]}
    # The lookup went by 64-bit hashes: what only collides with something asked for is left out.
    return PreviousVersions(
        by_key={key: by_key[key] for key in by_key.keys() & wanted_keys},
        by_item={item_id: by_item[item_id] for item_id in by_item.keys() & wanted_items},
        by_hash={entry: by_hash[entry] for entry in by_hash.keys() & wanted_hashes},
    )


def _buried_after(state: CatalogState, position: int) -> tuple[int, tuple[ItemVersion, ...]]:
    rows = state.rows(sql.BURIED_AFTER, {"after": position, "limit": _BURIED_AT_ONCE})
    last = rows[-1][0] if rows else position
    return last, tuple(state.fetch([row[1] for row in rows]).values())
