"""Mailboxes as a source: the feeds of the import/export API.

``folders`` lists every folder, hidden ones included; each folder brings a feed ``items:{folder id}``. ``settings`` is
one item, read whole each time; ``recoverable`` brings the folders of Recoverable Items where that is switched on.
Reading the items themselves is in ``fetch.py``. Sources: graph-docs mailboxfolder-delta, mailboxitem-delta,
mailbox-exportitems (v1.0, checked 2026-11).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

from shared_code.errors import SourceError, SourceNotFoundError, SourceUnavailableError
from shared_code.graph.answer import Asked
from shared_code.graph.batch import BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.quickxor import QuickXorDigest
from shared_code.graph.listing_mark import one_item
from shared_code.graph.mailboxes.changes import (
    FOLDER_SELECT,
    FOLDERS_FEED,
    ITEM_SELECT,
    ITEMS_FEED,
    folder_change,
    folder_of_feed,
    item_change,
    items_feed,
    without_duplicates,
)
from shared_code.graph.mailboxes.feeds import (
    begun_again,
    concerns_one_feed,
    is_delta,
    later,
    without_room,
)
from shared_code.graph.mailboxes.fetch import MailboxFetch
from shared_code.graph.mailboxes.folders import MailboxFolders
from shared_code.graph.mailboxes.listing import PAGE_SIZE, ListingCursor, MailboxListing, cannot_track, listing_goes_on
from shared_code.graph.mailboxes.recoverable import RECOVERABLE_FEED, MailboxRecoverable
from shared_code.graph.mailboxes.settings import PERMISSION, SETTINGS_FEED, settings_change
from shared_code.graph.mailboxes.settings_source import MailboxSettingsSource
from shared_code.graph.odata import next_cursor, prefer, text_of, values_of, with_query
from shared_code.graph.refused_cursors import Listings, broken_off
from shared_code.model.feed import FeedPage, Fetched, FetchState
from shared_code.model.item import Change, ItemKind
from shared_code.model.resource import Resource

# Exchange limits a message to 150 MB ("Exchange Online limits", checked 2026-11): every item fits into
# memory.
_NEVER_STREAMED = 1 << 62
_SETTINGS_ASKED = Asked("read mailbox settings", PERMISSION)


class MailboxSource:
    """Satisfies the port ``Source`` for ResourceKind.MAILBOX. ``resource.attributes`` need ``mailbox_id``
    (import/export API) and ``user_id``. ``recoverable_items``: whether Recoverable Items are part of it."""

    def __init__(self, client: GraphClient, *, recoverable_items: bool = False) -> None:
        self._client = client
        self._folders = MailboxFolders(client)
        self._settings = MailboxSettingsSource(client)
        self._recoverable = MailboxRecoverable(client, enabled=recoverable_items)
        self._listing = MailboxListing(client)
        self._listings = Listings()
        self._readable: set[str] = set()

    def root_feeds(self) -> tuple[str, ...]:
        """Folders first: they bring the others."""
        more = (RECOVERABLE_FEED,) if self._recoverable.enabled else ()
        return (FOLDERS_FEED, SETTINGS_FEED, *more)

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

        What does not fit into the batch beside the folders' feeds waits for the next poll, so that nothing costs a
        request of its own. The feed of a folder that is not there or cannot be read is finished, without changes and
        with its cursor as it was: a deletion comes by the feed of folders, and one odd folder must not keep the others
        from being read. Where delta does not work, folders are listed (``listing.py``). Raises SourceError
        when the mailbox itself is out of reach.
        """
        infos = {feed: self._requests(resource, feed, cursor) for feed, cursor in cursors.items()}
        pages: dict[str, FeedPage] = {}
        for feed in without_room(infos):
            del infos[feed]
            pages[feed] = FeedPage((), later(cursors[feed]), finished=False)
        refused: dict[str, SourceError] = {}
        untracked: dict[str, SourceError] = {}
        for feed, answers in (await self._answers(resource, infos)).items():
            try:
                pages[feed] = await self._page(resource, feed, cursors[feed], answers)
            except SourceError as error:
                if is_delta(feed, cursors[feed]) and self._listings.is_expired(resource.id, feed, cursors[feed], error):
                    pages[feed] = FeedPage((), None, finished=False, expired=True)
                elif is_delta(feed, cursors[feed]) and cannot_track(error):
                    untracked[feed] = error
                elif feed == FOLDERS_FEED or not concerns_one_feed(error):
                    raise broken_off(error) from error
                elif isinstance(error, SourceNotFoundError) and feed.startswith(ITEMS_FEED):
                    pages[feed] = FeedPage((), cursors[feed], finished=True, gone=True)
                else:
                    refused[feed] = error
        if untracked:
            pages |= await self._listed(resource, untracked, refused)
        for feed, refusal in refused.items():
            if feed.startswith(ITEMS_FEED) and not await self._is_readable(resource):
                raise refusal
            cursor = begun_again(cursors[feed])
            pages[feed] = FeedPage((), cursor, finished=True, gone=True, error=refusal.message)
        return pages

    async def fetch(self, resource: Resource, changes: Sequence[Change]) -> AsyncGenerator[Fetched, None]:
        """Read native and readable forms; see MailboxFetch."""
        items = [change for change in changes if change.kind is not ItemKind.MAILBOX_SETTINGS]
        for change in changes:
            if change.kind is ItemKind.MAILBOX_SETTINGS:
                yield await self._settings.fetch(resource, change)
        if items:
            async with aclosing(MailboxFetch(self._client, resource).fetch(items)) as fetched:
                async for answer in fetched:
                    yield answer

    def _requests(self, resource: Resource, feed: str, cursor: str | None) -> list[Any]:
        if feed == SETTINGS_FEED:
            return self._settings.questions(resource)
        if feed == RECOVERABLE_FEED:
            return self._recoverable.questions(resource, cursor)
        return [self._page_request(resource, feed, cursor)]

    def _page_request(self, resource: Resource, feed: str, cursor: str | None) -> Any:
        listed = ListingCursor.parse(cursor)
        if listed is not None:
            cursor = listed.following or None
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

    async def _answers(
        self, resource: Resource, infos: Mapping[str, Sequence[Any]]
    ) -> dict[str, Sequence[BatchAnswer] | SourceError]:
        flat = [(feed, info) for feed, some in infos.items() for info in some]
        found: dict[str, list[BatchAnswer]] = {feed: [] for feed in infos}
        if len(flat) == 1:
            [(feed, info)] = flat
            try:
                found[feed].append(BatchAnswer(200, {}, await self._client.get_json(info, _asked(resource, feed))))
            except SourceError as error:
                return {**found, feed: error}
        elif flat:
            asked = Asked("read feeds of a mailbox", ids={"resource_id": resource.id})
            answers = await self._client.batch([info for _, info in flat], asked)
            for (feed, _), answer in zip(flat, answers, strict=True):
                found[feed].append(answer)
        return dict(found)

    async def _page(
        self, resource: Resource, feed: str, cursor: str | None, answers: Sequence[BatchAnswer] | SourceError
    ) -> FeedPage:
        if isinstance(answers, SourceError):
            raise answers
        if feed == SETTINGS_FEED:
            return one_item(settings_change(await self._settings.read(resource, answers)), cursor)
        if feed == RECOVERABLE_FEED:
            return self._recoverable.page(resource, cursor, answers)
        [answer] = answers
        if not answer.is_success:
            raise answer.error(_asked(resource, feed))
        page = answer.json_object()
        listed = ListingCursor.parse(cursor)
        if listed is not None and listed.following:
            return await self._listing_page(resource, feed, listed, page)
        if listed is not None:
            # Delta works again: read from its start, as what everything stored is compared with.
            return FeedPage((), None, finished=False, expired=True)
        link, finished = next_cursor(page, cursor)
        following = self._client.checked_link(link)
        self._listings.read(resource.id, feed, cursor, finished=finished)
        return FeedPage(await self._changes(resource, feed, values_of(page)), following, finished)

    async def _changes(self, resource: Resource, feed: str, values: Sequence[dict[str, Any]]) -> tuple[Change, ...]:
        if feed == FOLDERS_FEED:
            living = [text_of(value.get("id")) for value in values if "@removed" not in value]
            known = await self._folders.of(resource) if living else self._folders.nothing
            hidden = await self._folders.hidden(mailbox_id_of(resource), [each for each in living if each])
            changes = [folder_change(value, known.root_id, known.well_known, hidden) for value in values]
        else:
            self._readable.add(resource.id)
            folder_id = folder_of_feed(feed)
            changes = [item_change(value, folder_id) for value in values]
        return without_duplicates([change for change in changes if change])

    async def _listing_page(
        self, resource: Resource, feed: str, listed: ListingCursor, page: Mapping[str, Any]
    ) -> FeedPage:
        cursor, finished = listing_goes_on(page, listed)
        if cursor.following:
            self._client.checked_link(cursor.following)
        return FeedPage(await self._changes(resource, feed, values_of(page)), cursor.text(), finished)

    async def _listed(
        self,
        resource: Resource,
        untracked: Mapping[str, SourceError],
        refused: dict[str, SourceError],
    ) -> dict[str, FeedPage]:
        """The first pages of listings of feeds whose delta fails. Where a listing fails as well, it is delta's error
        that counts."""
        pages: dict[str, FeedPage] = {}
        mailbox_id = mailbox_id_of(resource)
        if FOLDERS_FEED in untracked:
            try:
                folders = await self._listing.folders(resource, mailbox_id)
            except SourceError:
                raise untracked[FOLDERS_FEED] from None
            changes = await self._changes(resource, FOLDERS_FEED, folders)
            pages[FOLDERS_FEED] = FeedPage(changes, ListingCursor().text(), finished=True)
        feeds = [feed for feed in untracked if feed != FOLDERS_FEED]
        infos = {feed: [self._listing.items_request(mailbox_id, feed)] for feed in feeds}
        for feed, answers in (await self._answers(resource, infos)).items():
            if isinstance(answers, SourceError) or not answers[0].is_success:
                refused[feed] = untracked[feed]
                continue
            try:
                pages[feed] = await self._listing_page(resource, feed, ListingCursor(), answers[0].json_object())
            except SourceUnavailableError as error:
                refused[feed] = error
        return pages

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
    if not feed.startswith(ITEMS_FEED):
        return _SETTINGS_ASKED
    ids = {"resource_id": resource.id, "folder_id": folder_of_feed(feed)}
    return Asked("read changed items of a folder", "MailboxItem.Export.All", ids)
