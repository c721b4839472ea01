"""Mailboxes as a source: the feeds of the import/export API.

``folders`` lists every folder, hidden ones included; each folder brings a feed ``items:{folder id}``. Reading
the items themselves is in ``mailbox_fetch.py``. Sources: graph-docs mailboxfolder-delta, mailboxitem-delta,
mailbox-exportitems (v1.0, checked 2026-11).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from shared_code.errors import SourceError, SourceNotFoundError, ThrottledError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.listings import Listings, broken_off
from shared_code.graph.mail_changes import (
    FOLDER_SELECT,
    FOLDERS_FEED,
    ITEM_SELECT,
    folder_change,
    folder_of_feed,
    item_change,
    items_feed,
    without_duplicates,
)
from shared_code.graph.mailbox_fetch import MailboxFetch
from shared_code.graph.mailbox_folders import MailboxFolders
from shared_code.graph.odata import next_cursor, prefer, values_of, with_query
from shared_code.graph.quickxor import QuickXorDigest
from shared_code.model.feed import FeedPage, Fetched, FetchState
from shared_code.model.item import Change
from shared_code.model.resource import Resource

PAGE_SIZE = 200

# Exchange limits a message to 150 MB ("Exchange Online limits", checked 2026-11): every item fits into
# memory.
_NEVER_STREAMED = 1 << 62
# 404s that mean the whole mailbox, not a folder of it.
_MAILBOX_GONE = frozenset({"errornonexistentmailbox", "mailboxnotenabledforrestapi", "request_resourcenotfound"})


class MailboxSource:
    """Satisfies the port ``Source`` for ResourceKind.MAILBOX. ``resource.attributes`` need ``mailbox_id``
    (import/export API) and ``user_id``."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._folders = MailboxFolders(client)
        self._listings = Listings()
        self._readable: set[str] = set()

    def root_feeds(self) -> tuple[str, ...]:
        """Folders first: they bring the others."""
        return (FOLDERS_FEED,)

    @property
    def stream_from_bytes(self) -> int:
        """No item of a mailbox is ever streamed."""
        return _NEVER_STREAMED

    def digest(self, state: str = "") -> QuickXorDigest:
        """Items of mailboxes have no content hash: it matches anything."""
        return QuickXorDigest.resumed(state)

    async def open_stream(self, resource: Resource, change: Change, offset: int) -> Fetched:
        """Never asked, since nothing is larger than ``stream_from_bytes``; answers as a failure all the
        same."""
        del resource, offset
        return Fetched(change, change, FetchState.FAILED, {}, error="items of mailboxes are not streamed")

    async def poll(self, resource: Resource, cursors: Mapping[str, str | None]) -> Mapping[str, FeedPage]:
        """Read one page of each feed: one GET for one feed, else batches of 20.

        The feed of a folder that is not there or cannot be read is finished, without changes and with its cursor as
        it was: a deletion comes by the feed of folders, and one odd folder must not keep the others from being read.
        Raises SourceError when the mailbox itself is out of reach.
        """
        infos = {feed: self._page_request(resource, feed, cursor) for feed, cursor in cursors.items()}
        pages: dict[str, FeedPage] = {}
        refused: dict[str, SourceError] = {}
        for feed, answer in (await self._answers(resource, infos)).items():
            try:
                pages[feed] = await self._page(resource, feed, cursors[feed], answer)
            except SourceError as error:
                if self._listings.is_expired(resource.id, feed, cursors[feed], error):
                    pages[feed] = FeedPage((), None, finished=False, expired=True)
                elif feed == FOLDERS_FEED or not _concerns_one_folder(error):
                    raise broken_off(error) from error
                elif isinstance(error, SourceNotFoundError):
                    pages[feed] = FeedPage((), cursors[feed], finished=True, gone=True)
                else:
                    refused[feed] = error
        for feed, refusal in refused.items():
            if not await self._is_readable(resource):
                raise refusal
            pages[feed] = FeedPage((), cursors[feed], finished=True, gone=True, error=refusal.message)
        return pages

    def fetch(self, resource: Resource, changes: Sequence[Change]) -> AsyncIterator[Fetched]:
        """Read native and readable forms; see MailboxFetch."""
        return MailboxFetch(self._client, resource).fetch(changes)

    def _page_request(self, resource: Resource, feed: str, cursor: str | None) -> Any:
        if cursor is not None:
            info = self._client.link(cursor)
        else:
            mailbox = self._client.graph.admin.exchange.mailboxes.by_mailbox_id(mailbox_id_of(resource))
            if feed == FOLDERS_FEED:
                info = with_query(mailbox.folders.delta.to_get_request_information(), select=FOLDER_SELECT)
            else:
                folder = mailbox.folders.by_mailbox_folder_id(folder_of_feed(feed))
                info = with_query(folder.items.delta.to_get_request_information(), select=ITEM_SELECT)
        return prefer(info, f"odata.maxpagesize={PAGE_SIZE}")

    async def _answers(self, resource: Resource, infos: Mapping[str, Any]) -> dict[str, dict[str, Any] | SourceError]:
        asked = {feed: _asked(resource, feed) for feed in infos}
        if len(infos) == 1:
            [(feed, info)] = infos.items()
            try:
                return {feed: await self._client.get_json(info, asked[feed])}
            except SourceError as error:
                return {feed: error}
        batch_asked = Asked("read feeds of a mailbox", ids={"resource_id": resource.id})
        answers = await self._client.batch(list(infos.values()), batch_asked)
        return {
            feed: answer.json_object() if answer.is_success else answer.error(asked[feed])
            for feed, answer in zip(infos, answers, strict=True)
        }

    async def _page(
        self, resource: Resource, feed: str, cursor: str | None, page: dict[str, Any] | SourceError
    ) -> FeedPage:
        if isinstance(page, SourceError):
            raise page
        values = values_of(page)
        link, finished = next_cursor(page, cursor)
        following = self._client.checked_link(link)
        self._listings.read(resource.id, feed, cursor, finished=finished)
        if feed == FOLDERS_FEED:
            living = any("@removed" not in value for value in values)
            known = await self._folders.of(resource) if living else self._folders.nothing
            changes = [folder_change(value, known.root_id, known.well_known) for value in values]
        else:
            self._readable.add(resource.id)
            folder_id = folder_of_feed(feed)
            changes = [item_change(value, folder_id) for value in values]
        return FeedPage(without_duplicates([change for change in changes if change]), following, finished)

    async def _is_readable(self, resource: Resource) -> bool:
        """Whether items of the mailbox can be read at all: some were already, or those of the inbox can be now. If not,
        a permission is missing or the service is down, and no folder is to blame."""
        if resource.id not in self._readable:
            inbox = items_feed("inbox")
            with suppress(SourceError):
                await self._client.get_json(self._page_request(resource, inbox, None), _asked(resource, inbox))
                self._readable.add(resource.id)
        return resource.id in self._readable


def mailbox_id_of(resource: Resource) -> str:
    """The mailbox's id in the import/export API. Raises SourceError for a resource without it."""
    mailbox_id = resource.attributes.get("mailbox_id")
    if not mailbox_id:
        raise SourceError("The resource has no mailbox_id: list the tenant's resources again.")
    return mailbox_id


def _asked(resource: Resource, feed: str) -> Asked:
    if feed == FOLDERS_FEED:
        return Asked("read changed folders", "MailboxFolder.Read.All", {"resource_id": resource.id})
    ids = {"resource_id": resource.id, "folder_id": folder_of_feed(feed)}
    return Asked("read changed items of a folder", "MailboxItem.Export.All", ids)


def _concerns_one_folder(error: SourceError) -> bool:
    """Not throttling, not the token, not the mailbox as a whole."""
    if isinstance(error, ThrottledError) or error.context.get("status") == 401:
        return False
    return str(error.context.get("code", "")).lower() not in _MAILBOX_GONE
