"""What a restore asks the catalog: the full state of a resource in one snapshot, a page at a time."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence

from shared_code.errors import InvalidSelectionError
from shared_code.model.item import ItemVersion
from shared_code.model.restore import Selection
from shared_code.model.versions import BrowsePage
from shared_code.vault import catalog_sql as sql
from shared_code.vault.catalog_rows import key_text
from shared_code.vault.catalog_state import CatalogState, OpenCatalog


class SegmentReader:
    """Satisfies ``CatalogReader`` of the restore."""

    def __init__(self, catalog: OpenCatalog) -> None:
        self._catalog = catalog
        self._chosen: Selection | None = None
        self._choosing = asyncio.Lock()

    async def item(self, item_id: str) -> ItemVersion | None:
        """The living item of that id."""
        state = await self._catalog.state()
        return await asyncio.to_thread(_item, state, item_id)

    async def children(self, parent_id: str, limit: int, token: str = "") -> BrowsePage:
        """Folders first, then by name and id. ``parent_id`` empty: the top. Raises InvalidSelectionError for a token
        that is not one of these pages'."""
        last = _last_of(token)
        state = await self._catalog.state()
        return await asyncio.to_thread(_children, state, parent_id, limit, last)

    async def count(self) -> int:
        """Living items, folders not counted."""
        state = await self._catalog.state()
        return int((await asyncio.to_thread(state.rows, sql.COUNT_ITEMS))[0][0])

    async def path_of(self, item_id: str) -> tuple[ItemVersion, ...]:
        """The folders above an item, topmost first, without the item itself; empty for an unknown one. Ends where
        the chain of parents does."""
        state = await self._catalog.state()
        return await asyncio.to_thread(_path_of, state, item_id)

    async def selected(self, selection: Selection, after: str, limit: int) -> tuple[ItemVersion, ...]:
        """The next ``limit`` living non-folder items of a selection (folders count with all that is below them), in the
        order of their ids, after the id ``after``. Raises InvalidSelectionError when an id is not in the snapshot."""
        state = await self._catalog.state()
        async with self._choosing:
            await self._choose(state, selection)
            return await asyncio.to_thread(_selected, state, selection, after, limit)

    async def selected_folders(self, selection: Selection) -> tuple[ItemVersion, ...]:
        """Every folder that the selection needs, parents first: those selected, those below and those above them, and
        those above selected items. Raises InvalidSelectionError when an id is not in the snapshot."""
        state = await self._catalog.state()
        async with self._choosing:
            await self._choose(state, selection)
            return await asyncio.to_thread(_selected_folders, state, selection)

    async def aclose(self) -> None:
        """Let go of memory and temporary files."""
        await self._catalog.aclose()

    async def _choose(self, state: CatalogState, selection: Selection) -> None:
        """Check a selection and find what is below its folders, once for all of its pages."""
        if selection != self._chosen:
            self._chosen = None
            await asyncio.to_thread(_choose, state, selection)
            self._chosen = selection


def _fetch(state: CatalogState, rows: Sequence[tuple[int, ...]]) -> tuple[ItemVersion, ...]:
    return tuple(state.fetch([row[0] for row in rows]).values())


def _item(state: CatalogState, item_id: str) -> ItemVersion | None:
    found = _fetch(state, state.rows(sql.SHOWN_ITEM, {"item": key_text(item_id)}))
    return found[0] if found else None


def _children(state: CatalogState, parent_id: str, limit: int, last: str | None) -> BrowsePage:
    parameters: dict[str, object] = {"parent": key_text(parent_id), "limit": limit + 1}
    if last is None:
        rows = state.rows(sql.CHILDREN, parameters)
    else:
        place = state.rows(sql.SHOWN_ITEM, {"item": last})
        if not place or parameters["parent"] not in (place[0][1], _listed_under(state, place[0][1])):
            raise _bad_token()
        rows = state.rows(sql.CHILDREN_AFTER, {**parameters, "last": last})
    versions = _fetch(state, rows[:limit])
    return BrowsePage(versions, _token_after(versions[-1]) if len(rows) > limit else "")


def _listed_under(state: CatalogState, parent_id: str) -> str:
    """The folder in whose listing stands what names this parent: the top, if nobody has heard of it."""
    parent = state.rows(sql.SHOWN_ITEM, {"item": parent_id})
    return parent_id if parent and parent[0][2] else ""


def _path_of(state: CatalogState, item_id: str) -> tuple[ItemVersion, ...]:
    above: list[int] = []
    found = state.rows(sql.SHOWN_ITEM, {"item": key_text(item_id)})
    while found and (parent_id := found[0][1]):
        found = state.rows(sql.SHOWN_ITEM, {"item": parent_id})
        if not found or not found[0][2] or found[0][0] in above:
            break
        above.append(found[0][0])
    return tuple(state.fetch(above[::-1]).values())


def _choose(state: CatalogState, selection: Selection) -> None:
    selection.check()
    state.run(sql.FIND_FOLDERS)
    if selection.everything:
        return
    folders = [key_text(entry) for entry in selection.folder_ids]
    items = [key_text(entry) for entry in selection.item_ids]
    kinds = dict(state.rows(sql.SHOWN_ITEMS, {"items": folders + items}))
    for shown, wanted, is_folder in [
        *zip(selection.folder_ids, folders, [True] * len(folders), strict=True),
        *zip(selection.item_ids, items, [False] * len(items), strict=True),
    ]:
        if kinds.get(wanted) is not is_folder:
            what = "folder" if is_folder else "item"
            raise InvalidSelectionError(
                f"The snapshot holds no living {what} with one of the selected ids: browse the snapshot for its ids.",
                item_id=shown,
            )
    state.run(sql.CHOOSE_BELOW, {"folders": folders})


def _selected(state: CatalogState, selection: Selection, after: str, limit: int) -> tuple[ItemVersion, ...]:
    parameters: dict[str, object] = {"after": key_text(after), "limit": limit}
    if selection.everything:
        return _fetch(state, state.rows(sql.EVERYTHING_AFTER, parameters))
    parameters["items"] = [key_text(entry) for entry in selection.item_ids]
    return _fetch(state, state.rows(sql.CHOSEN_AFTER, parameters))


def _selected_folders(state: CatalogState, selection: Selection) -> tuple[ItemVersion, ...]:
    if selection.everything:
        return _fetch(state, state.rows(sql.ALL_FOLDERS))
    items = [key_text(entry) for entry in selection.item_ids]
    return _fetch(state, state.rows(sql.CHOSEN_FOLDERS, {"items": items}))


def _token_after(version: ItemVersion) -> str:
    return base64.urlsafe_b64encode(key_text(version.change.item_id).encode()).decode("ascii").rstrip("=")


def _last_of(token: str) -> str | None:
    if not token:
        return None
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _bad_token() from error


def _bad_token() -> InvalidSelectionError:
    return InvalidSelectionError("This is no token of this listing: begin again with its first page.")
