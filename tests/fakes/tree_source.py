"""A source like a mailbox: nested folders in the root feed, each with a feed of items; a folder's deletion is all that
is said of what lies below it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from shared_code.model.feed import FeedPage, Fetched, FetchState
from shared_code.model.item import Change
from tests.fakes.scripted_source import ROOT_FEED, ScriptedSource


def feed_of(folder_id: str) -> str:
    return f"items:{folder_id}"


@dataclass
class TreeSource(ScriptedSource):
    """``on_answer`` is called after each page and each item that was read: what it changes, changes between two feeds
    of a poll, or between an item and the next page."""

    stream_from_bytes: int = 1 << 30
    on_answer: Callable[[], None] = lambda: None

    def living_folders(self) -> dict[str, Change]:
        """Those that were not deleted, and none of whose ancestors was."""
        told = self.living(ROOT_FEED)
        return {folder_id: folder for folder_id, folder in told.items() if self._is_rooted(folder, told)}

    def living_items(self) -> dict[str, Change]:
        """Items in living folders, as they are now."""
        return {
            item_id: item
            for folder_id in self.living_folders()
            for item_id, item in self.living(feed_of(folder_id)).items()
        }

    def truth(self) -> dict[str, dict[str, bytes]]:
        """What a backup of this moment gives back."""
        return {
            item_id: {str(form): data for form, data in self.contents[item_id].items()}
            for item_id in self.living_items()
        }

    def is_below(self, folder_id: str, ancestor_id: str) -> bool:
        """Whether a folder is another one, or lies in it."""
        told = self.living(ROOT_FEED)
        while folder_id and folder_id != ancestor_id:
            folder_id = told[folder_id].parent_id
        return folder_id == ancestor_id

    def move(self, item_id: str, to: str) -> None:
        """Move an item, with its id, to another folder."""
        item = self.living_items()[item_id]
        self.remove(item_id, feed=feed_of(item.parent_id))
        self._log(feed_of(to), replace(item, parent_id=to))

    def move_folder(self, folder_id: str, to: str) -> None:
        """Move a folder and all that lies in it."""
        folder = self.living(ROOT_FEED)[folder_id]
        self._log(ROOT_FEED, replace(folder, parent_id=to, etag=self._next_etag()))

    @staticmethod
    def _is_rooted(folder: Change, told: dict[str, Change]) -> bool:
        while folder.parent_id:
            if folder.parent_id not in told:
                return False
            folder = told[folder.parent_id]
        return True

    def _page(self, feed: str, cursor: str | None) -> FeedPage:
        if feed == ROOT_FEED or feed in map(feed_of, self.living_folders()):
            page = super()._page(feed, cursor)
        else:
            page = FeedPage((), cursor, True, gone=True)
        self.on_answer()
        return page

    def _fetch(self, change: Change) -> Fetched:
        """Content and etag are those of now; folder and name are those that the feed told."""
        fetched = super()._fetch(change)
        item = self.living_items().get(change.item_id)
        if fetched.state is FetchState.FETCHED:
            if item:
                fetched = replace(fetched, change=replace(change, etag=item.etag))
            else:
                fetched = Fetched(change, change, FetchState.GONE, {})
        self.on_answer()
        return fetched
