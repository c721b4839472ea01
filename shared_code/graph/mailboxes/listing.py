"""Reading a mailbox without delta: whole listings of its folders and of their items.

Where delta does not work (a mailbox over its quota, a mailbox server that fails again and again), a folder is listed
instead. Unchanged items keep their change key, so they are not fetched again. A listing cannot tell what was deleted
from what a page that shifted left out, so nothing is buried by it: deletions wait until delta works again. Each run
tries delta first. When it works, the feed is read by it from the start and compared with all that is stored, for an
older place of delta would not tell of what came and went while it was not working.
(Where delta breaks down a second time in the midst of that comparison, the listing takes its place in it. A living item
that a shifting page left out is then missing from that one snapshot and comes back with the next.)

Source: graph-docs mailboxfolder-list-items, mailboxfolder-list-childfolders (v1.0, checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from shared_code.errors import SourceError, SourceUnavailableError, ThrottledError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.changes import FOLDER_SELECT, ITEM_SELECT, folder_of_feed
from shared_code.graph.odata import prefer, size_of, text_of, with_query
from shared_code.graph.whole_collections import all_values
from shared_code.model.resource import Resource

PAGE_SIZE = 200
_FOLDERS_A_PAGE = 500
_MOST_LEVELS = 300
_PREFIX = "list:"
# Delta keeps its state in the mailbox itself: over its quota it answers 403 ErrorQuotaExceeded while everything else
# can be read ("mailFolder: delta", checked 2026-11).
_NO_ROOM = frozenset({"errorquotaexceeded", "quotaexceeded", "insufficientstorage"})


@dataclass(frozen=True, slots=True)
class ListingCursor:
    """``following`` is the next page of the listing; empty before and after one: delta is tried again."""

    following: str = ""

    def text(self) -> str:
        """As it is kept in snapshots and progress records."""
        return _PREFIX + self.following

    @classmethod
    def parse(cls, cursor: str | None) -> Self | None:
        """Inverse of text; None for every other cursor."""
        if cursor is None or not cursor.startswith(_PREFIX):
            return None
        return cls(cursor.removeprefix(_PREFIX))


def cannot_track(error: SourceError) -> bool:
    """Whether delta fails in a way that a listing may not: Graph's own trouble after the client's retries, or a mailbox
    without room. Throttling, permissions and missing folders are neither."""
    if isinstance(error, ThrottledError):
        return False
    if str(error.context.get("code", "")).lower() in _NO_ROOM:
        return True
    return isinstance(error, SourceUnavailableError) and "status" in error.context


class MailboxListing:
    """Lists folders and items of any mailbox of a tenant."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    def items_request(self, mailbox_id: str, feed: str) -> Any:
        """The first page of a folder's items."""
        mailbox = self._client.graph.admin.exchange.mailboxes.by_mailbox_id(mailbox_id)
        items = mailbox.folders.by_mailbox_folder_id(folder_of_feed(feed)).items
        info = with_query(items.to_get_request_information(), select=ITEM_SELECT, top=PAGE_SIZE)
        return prefer(info, f"odata.maxpagesize={PAGE_SIZE}")

    async def folders(self, resource: Resource, mailbox_id: str) -> list[dict[str, Any]]:
        """Every folder, parents first. Raises SourceError."""
        asked = Asked("list mail folders", "MailboxFolder.Read.All", {"resource_id": resource.id})
        mailbox = self._client.graph.admin.exchange.mailboxes.by_mailbox_id(mailbox_id)
        select = (*FOLDER_SELECT, "childFolderCount")
        top = with_query(mailbox.folders.to_get_request_information(), select=select, top=_FOLDERS_A_PAGE)
        level = await self._all_pages([top], asked)
        found: dict[str, dict[str, Any]] = {}
        for _ in range(_MOST_LEVELS):
            fresh = [folder for folder in level if text_of(folder.get("id")) not in found]
            if not fresh:
                break
            found |= {text_of(folder.get("id")): folder for folder in fresh}
            below = [
                with_query(
                    mailbox.folders.by_mailbox_folder_id(
                        text_of(folder.get("id"))
                    ).child_folders.to_get_request_information(),
                    select=select,
                    top=_FOLDERS_A_PAGE,
                )
                for folder in fresh
                if size_of(folder.get("childFolderCount"))
            ]
            level = await self._all_pages(below, asked)
        return list(found.values())

    async def _all_pages(self, infos: Sequence[Any], asked: Asked) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for answer in await self._client.batch(infos, asked) if infos else []:
            if not answer.is_success:
                raise answer.error(asked)
            found += await all_values(self._client, answer, asked)
        return found


def listing_goes_on(page: Mapping[str, Any], listed: ListingCursor) -> tuple[ListingCursor, bool]:
    """The cursor behind a page of a listing, and whether it was the last. Raises SourceUnavailableError for a page that
    names itself as the next one, and for one that is none: taken for the end, it would hide what follows."""
    if not isinstance(page.get("value"), list):
        raise SourceUnavailableError("A page of a listing is no collection.")
    link = text_of(page.get("@odata.nextLink"))
    if link and link == listed.following:
        raise SourceUnavailableError("A page of a listing names itself as the next one.")
    return ListingCursor(link), not link
