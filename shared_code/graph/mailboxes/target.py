"""Mailboxes as a target: items go back in native form by the import/export API, with dates, read state,
attendees and exceptions as they were, and without invitations being sent.

Where an item stands decides what is done with it. *Untouched* (it lives in its folder with the stored change
key): left alone. *Changed* (it lives there with another change key): left alone, restored beside, or made
what it was. *Moved* (its id lives in another folder): left alone, or restored into its folder as a new item.
*Gone*, which Deleted Items counts as: restored as a new item. Before a new item is made, the folder is
looked through for an equal one, so that neither a second restore nor a replayed slice doubles anything.
Everything written is read again and compared.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from shared_code.errors import BackupError
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.recoverable import RECOVERABLE_PROPERTY
from shared_code.graph.mailboxes.source import mailbox_id_of
from shared_code.graph.mailboxes.target_folders import TRASH, MailboxTargetFolders
from shared_code.graph.mailboxes.target_import import LostImportError, MailboxTargetImport
from shared_code.graph.mailboxes.target_items import MailboxTargetItems, StoredItem, difference
from shared_code.graph.mailboxes.target_settings import MailboxTargetSettings
from shared_code.graph.odata import text_of
from shared_code.graph.target_outcomes import each, failed
from shared_code.model.item import ItemKind, ItemVersion
from shared_code.model.resource import Resource
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem, WriteState, Written

# Outlook serves 4 requests at once per app and mailbox ("Microsoft Graph service-specific throttling limits",
# checked 2026-11).
_REQUESTS_AT_ONCE = 4
_GROUP_ITEMS = 20
_GROUP_BYTES = 16 * 1024 * 1024
_MOST_TRIES = 3

_CHANGED = "It is there and was changed since; choose keep_both or replace to have the stored one."
_MOVED = "It was moved to another folder since; choose keep_both to have the stored one in its old place."


@dataclass(frozen=True, slots=True)
class _Work:
    """An item of a group with its stored bytes and its place."""

    item: RestoreItem
    stored: StoredItem
    folder_id: str


class MailboxTarget:
    """Satisfies the port ``Target`` for ResourceKind.MAILBOX."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    def open(self, resource: Resource) -> MailboxTargetSession:
        """Raises SourceError for a resource without a mailbox id."""
        return MailboxTargetSession(self._client, resource)


class MailboxTargetSession:
    """The write side of one mailbox for one slice. At most four requests are under way; a group of items in
    memory is at most 16 MiB, or one larger item."""

    def __init__(self, client: GraphClient, resource: Resource) -> None:
        mailbox_id = mailbox_id_of(resource)
        user_id = resource.attributes.get("user_id") or resource.source_id
        client.same_mailbox(mailbox_id, user_id)
        self._folders = MailboxTargetFolders(client, mailbox_id)
        self._items = MailboxTargetItems(client, mailbox_id, user_id)
        self._imports = MailboxTargetImport(client, mailbox_id)
        self._settings = MailboxTargetSettings(client, user_id, self._folder_at)
        self._claimed: set[str] = set()

    async def top_folder(self, name: str, like: ItemVersion | None) -> str:
        """Id of the folder ``name`` at the top, made when missing: as a mail folder, which shows everywhere
        and holds folders of every kind, whatever ``like`` is."""
        del like
        return await self._folders.named(name, "", await self._folders.root_id())

    async def folder(self, version: ItemVersion, parent_target_id: str, original: bool) -> str:
        """As the port says; ``original`` does not count a folder in Deleted Items as living, and finds
        well-known folders by their well-known names."""
        if RECOVERABLE_PROPERTY in version.change.properties:
            # Nothing can be put back into Recoverable Items: its folders come back as ordinary ones at the top.
            parent_id = parent_target_id or await self._folders.root_id()
            return await self._folders.named(version.change.name, "", parent_id)
        found = await self._folders.original(version) if original else ""
        if found:
            return found
        parent_id = parent_target_id or await self._folders.root_id()
        kind = text_of(version.change.properties.get("type"))
        hidden = version.change.properties.get("hidden") is True
        return await self._folders.named(version.change.name, kind, parent_id, hidden=hidden)

    async def write(self, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        """Write items back in groups of at most 20; see the port."""
        for item in items:
            if item.version.change.kind is ItemKind.MAILBOX_SETTINGS:
                yield await self._settings.write(item)
        for group in _groups([item for item in items if item.version.change.kind is not ItemKind.MAILBOX_SETTINGS]):
            written, error = await self._write_group(group)
            for outcome in written:
                yield outcome
            if error is not None:
                raise error

    async def _folder_at(self, path: Sequence[ItemVersion]) -> str:
        """The folder at the end of a snapshot's path: itself, where it lives, else one of its name."""
        parent_id = ""
        for version in path:
            parent_id = await self.folder(version, parent_id, original=True)
        return parent_id

    async def _write_group(self, group: Sequence[RestoreItem]) -> tuple[list[Written], BackupError | None]:
        outcomes: list[Written] = []
        works: list[_Work] = []
        for item in group:
            try:
                stored = await StoredItem.read(item)
            except BackupError as error:
                outcomes.append(failed(item, error))
                continue
            works.append(_Work(item, stored, item.parent_target_id or await self._folders.root_id()))
        to_write: list[tuple[_Work, str]] = []
        living, moved = await self._originals(works)
        for work in works:
            done, change_key = await self._standing(work, living, moved)
            if done is None:
                to_write.append((work, change_key))
            else:
                outcomes.append(done)
        jobs = [partial(self._write_one, work, change_key) for work, change_key in to_write]
        written, broken_off = await each(jobs, _REQUESTS_AT_ONCE)
        outcomes += await self._compared(written)
        return outcomes, broken_off

    async def _originals(self, works: Sequence[_Work]) -> tuple[dict[str, dict[str, Any]], set[str]]:
        """Which of the originals live in their folders, and which elsewhere (Deleted Items not counted)."""
        here = await self._items.living({work.item.id: work.folder_id for work in works if work.item.to_original})
        lost = {work.item.id: work for work in works if work.item.to_original and work.item.id not in here}
        trashed = set(await self._items.living(dict.fromkeys(lost, TRASH)))
        # A folder that was deleted lies in Deleted Items with its items, while its target is another by now.
        old_folders = {item_id: work.stored.change.parent_id for item_id, work in lost.items()}
        left_behind = {
            item_id: folder_id
            for item_id, folder_id in old_folders.items()
            if item_id not in trashed and folder_id not in ("", lost[item_id].folder_id)
        }
        trashed |= set(await self._items.living(left_behind))
        # An export finds an item in whichever folder it is, and costs next to nothing where there is none.
        moved = set(await self._items.exported([item_id for item_id in lost if item_id not in trashed]))
        return here, moved

    async def _standing(
        self, work: _Work, living: Mapping[str, Mapping[str, Any]], moved: set[str]
    ) -> tuple[Written | None, str]:
        """The outcome where nothing is to be written; else None, with the change key of what is to be
        replaced (empty: make a new item)."""
        item = work.item
        if item.id in living:
            change_key = text_of(living[item.id].get("changeKey"))
            if change_key == work.stored.change.etag:
                return Written(item.id, WriteState.EXISTING, item.id), ""
            natives = await self._items.exported([item.id])
            if natives.get(item.id) == work.stored.native_digest:
                return self._found(work, item.id), ""
            if item.conflict is ConflictRule.SKIP:
                return Written(item.id, WriteState.OCCUPIED, item.id, error=_CHANGED), ""
            return None, change_key if item.conflict is ConflictRule.REPLACE else ""
        if item.id in moved and item.conflict is ConflictRule.SKIP:
            return Written(item.id, WriteState.OCCUPIED, item.id, error=_MOVED), ""
        return None, ""

    def _found(self, work: _Work, target_id: str) -> Written:
        """An equal item is there: the one that an earlier attempt of this restore wrote, where there was
        one."""
        if work.item.tried_before:
            return Written(work.item.id, WriteState.RESTORED, target_id, len(work.stored.native))
        return Written(work.item.id, WriteState.EXISTING, target_id)

    async def _write_one(self, work: _Work, change_key: str) -> tuple[_Work, Written]:
        """Import one item. An answer that was lost is looked for before it is tried again."""
        fresh = False
        try:
            for attempt in range(1, _MOST_TRIES + 1):
                found = await self._look(work, change_key, fresh)
                if found is not None:
                    return work, found
                try:
                    target_id = await self._import(work, change_key)
                except LostImportError:
                    if attempt == _MOST_TRIES:
                        raise
                    fresh = True
                    continue
                self._claimed.add(target_id)
                size_bytes = len(work.stored.native)
                return work, Written(work.item.id, WriteState.RESTORED, target_id, size_bytes)
        except BackupError as error:
            return work, failed(work.item, error)
        raise AssertionError("unreachable")

    async def _look(self, work: _Work, change_key: str, fresh: bool) -> Written | None:
        item = work.item
        if change_key:
            if not fresh:
                return None
            natives = await self._items.exported([item.id])
            same = natives.get(item.id) == work.stored.native_digest
            return Written(item.id, WriteState.RESTORED, item.id, len(work.stored.native)) if same else None
        found = await self._items.equal_one(item, work.stored, work.folder_id, self._claimed, fresh)
        if not found:
            return None
        if fresh:
            return Written(item.id, WriteState.RESTORED, found, len(work.stored.native))
        return self._found(work, found)

    async def _import(self, work: _Work, change_key: str) -> str:
        native = work.stored.native
        if change_key:
            return await self._imports.update(work.folder_id, work.item.id, change_key, native)
        return await self._imports.create(work.folder_id, native)

    async def _compared(self, written: Sequence[tuple[_Work, Written]]) -> list[Written]:
        """Read again what was written, and let what is not equal differ."""
        fresh = [(work, outcome) for work, outcome in written if outcome.state is WriteState.RESTORED]
        outcomes = [outcome for _, outcome in written if outcome.state is not WriteState.RESTORED]
        folder_of = {outcome.target_id: work.folder_id for work, outcome in fresh}
        messages = {outcome.target_id for work, outcome in fresh if work.stored.mime_digest is not None}
        seen = await self._items.seen(folder_of, messages) if fresh else {}
        for work, outcome in fresh:
            reason = difference(work.stored, seen[outcome.target_id])
            if reason:
                error = f"It was written, and {reason}."
                outcomes.append(
                    Written(work.item.id, WriteState.DIFFERS, outcome.target_id, outcome.written_bytes, error)
                )
            else:
                outcomes.append(outcome)
        return outcomes


def _groups(items: Sequence[RestoreItem]) -> Iterator[list[RestoreItem]]:
    group: list[RestoreItem] = []
    size_bytes = 0
    for item in items:
        own_bytes = sum(representation.size_bytes for representation in item.version.representations)
        if group and (len(group) == _GROUP_ITEMS or size_bytes + own_bytes > _GROUP_BYTES):
            yield group
            group, size_bytes = [], 0
        group.append(item)
        size_bytes += own_bytes
    if group:
        yield group
