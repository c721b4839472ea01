"""Deals with the changes that wait in a slice: a batch of small items at a time, or one large file."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared_code.backup.budget import Meter
from shared_code.backup.decide import Action, decide
from shared_code.backup.large_file import LargeFileCopier
from shared_code.backup.ports import CatalogLookup, SliceWriter, Source, Vault
from shared_code.backup.state import SliceState
from shared_code.errors import ThrottledError
from shared_code.model.feed import Fetched, FetchState
from shared_code.model.item import Change, ItemKind, ItemVersion
from shared_code.model.outcome import SkipCause
from shared_code.model.progress import FeedState, PartialFile, PendingChange
from shared_code.model.versions import PreviousVersions

BATCH_ITEMS = 500
_BATCH_BYTES = 32 * 1024 * 1024
_UNSTORED = (FetchState.GONE, FetchState.SKIPPED)
# Causes that say nothing of what a folder is now: how it was stored before remains the last that is known of it.
_UNREAD = frozenset({SkipCause.LIBRARY_UNREADABLE, SkipCause.DEFINITION_UNREADABLE})
_log = logging.getLogger(__name__)


class BatchCopier:
    """Works on the state of one slice."""

    def __init__(self, vault: Vault, source: Source, state: SliceState, writer: SliceWriter, meter: Meter) -> None:
        self._vault = vault
        self._source = source
        self._state = state
        self._writer = writer
        self._meter = meter
        self._catalog: CatalogLookup | None = None
        self._files = LargeFileCopier(source, state, writer, meter)

    async def copy_next(self) -> None:
        """Go on with the file that an earlier slice could not finish, or else take the next batch."""
        if self._state.partial:
            partial = self._state.partial
            previous = await self._previous([partial.pending])
            await self._copy_large(partial, previous)
            return
        batch = self._take_batch()
        previous = await self._previous(batch)
        fetches: list[PendingChange] = []
        streams: list[PendingChange] = []
        for entry in batch:
            await self._apply(entry, previous, fetches, streams)
        # One large file at a time, and each may use up the budget: they wait at the head of the line.
        self._state.pending.extendleft(reversed(streams))
        if fetches:
            await self._fetch(fetches, previous)
        if streams:
            self._state.pending.popleft()
            await self._copy_large(PartialFile(streams[0], 0, (), ""), previous)

    async def aclose(self) -> None:
        """Let go of the catalog."""
        if self._catalog:
            await self._catalog.aclose()
            self._catalog = None

    def _take_batch(self) -> list[PendingChange]:
        """The next changes, no item id twice (not even of two feeds), not more content than fits in memory."""
        batch: list[PendingChange] = []
        item_ids: set[str] = set()
        total_bytes = 0
        pending = self._state.pending
        while pending and len(batch) < BATCH_ITEMS:
            entry = pending[0]
            item_id, size_bytes = entry.change.item_id, entry.change.size_bytes
            if size_bytes > self._source.stream_from_bytes:
                size_bytes = 0  # streamed, not held
            if item_id in item_ids or (batch and total_bytes + size_bytes > _BATCH_BYTES):
                break
            item_ids.add(item_id)
            total_bytes += size_bytes
            batch.append(pending.popleft())
        return batch

    async def _previous(self, batch: Sequence[PendingChange]) -> PreviousVersions:
        own_keys = [(entry.feed, entry.change.item_id) for entry in batch]
        # A version's file as it was stored before: its content then is likely to be the version's.
        files = {(entry.feed, entry.change.parent_id) for entry in batch if _is_version(entry)} - self._state.damaged
        keys = [*own_keys, *sorted(files)]
        previous = PreviousVersions({}, {}, {})
        if self._state.all_segments:
            if self._catalog is None:
                self._catalog = await self._vault.open_catalog(self._state.all_segments)
            hashes = {entry.change.content_hash for entry in batch} - {""}
            previous = await self._catalog.previous(keys, sorted(hashes))
            if self._state.damaged:
                previous = replace(previous, by_hash=self._sound(previous.by_hash))
        written = {key: self._state.written[key] for key in own_keys if key in self._state.written}
        return replace(previous, by_key={**previous.by_key, **written}) if written else previous

    def _sound(self, by_hash: Mapping[str, ItemVersion]) -> dict[str, ItemVersion]:
        damaged = self._state.damaged
        return {key: entry for key, entry in by_hash.items() if (entry.feed, entry.change.item_id) not in damaged}

    async def _apply(
        self,
        entry: PendingChange,
        previous: PreviousVersions,
        fetches: list[PendingChange],
        streams: list[PendingChange],
    ) -> None:
        state, change = self._state, entry.change
        if (entry.feed, change.item_id) in state.damaged:
            entry = replace(entry, force=True)
        feed_state = state.feeds.get(entry.feed)
        relisting = feed_state is not None and feed_state.relisted_from is not None
        decision = decide(
            entry.feed,
            change,
            previous,
            relisting=relisting,
            stream_from_bytes=self._source.stream_from_bytes,
            force=entry.force,
        )
        match decision.action:
            case Action.FETCH | Action.STREAM if state.is_given_up(entry) and not entry.force:
                state.skip_again(entry)
                await self._keep(entry, decision.version)
                self._meter.add(items=1)
                return
            case Action.FETCH:
                fetches.append(entry)
                return
            case Action.STREAM:
                streams.append(entry)
                return
            case Action.SKIP:
                await self._skip(entry, SkipCause(change.skip_cause), decision.version)
            case Action.BURY if decision.version:
                await bury(state, self._writer, decision.version)
                state.folder_gone = state.folder_gone or bool(change.properties.get("versions"))
            case Action.CONFIRM if decision.version:
                await self._confirm(decision.version)
            case Action.REUSE if decision.version:
                await self._write(ItemVersion(entry.feed, change, representations=decision.version.representations))
                state.count(reused=1)
            case Action.RECORD:
                await self._record(entry, previous)
        if decision.action is not Action.SKIP:
            state.settle_stored(entry.feed, change)
        if not change.deleted and change.opens_feed and change.opens_feed not in state.feeds:
            state.feeds[change.opens_feed] = FeedState(None)
        self._meter.add(items=1)

    async def _fetch(self, entries: Sequence[PendingChange], previous: PreviousVersions) -> None:
        waiting = {entry.change.item_id: entry for entry in entries}
        try:
            async for fetched in self._source.fetch(self._state.resource, [entry.change for entry in entries]):
                entry = waiting.pop(fetched.asked.item_id)
                await self._settle_fetched(entry, fetched, previous)
        except ThrottledError:
            self._state.pending.extendleft(reversed(list(waiting.values())))
            raise
        for entry in waiting.values():
            self._state.fail(entry, "the source gave no answer for this item")

    async def _settle_fetched(self, entry: PendingChange, fetched: Fetched, previous: PreviousVersions) -> None:
        state = self._state
        self._meter.add(items=1)
        living = _living(entry, previous)
        is_other = fetched.state is FetchState.FETCHED and fetched.change.etag != entry.change.etag
        is_doubted = (is_other or fetched.state in _UNSTORED) and state.doubt_listing(entry.feed)
        match fetched.state:
            case FetchState.FETCHED:
                read_bytes = sum(len(data) for data in fetched.forms.values())
                self._meter.add(read_bytes=read_bytes)
                await self._writer.add(entry.feed, fetched.change, fetched.forms, _known(entry, fetched, previous))
                state.note(entry.feed, fetched.change)
                state.settle_stored(entry.feed, fetched.change)
                state.mend(entry)
                state.count(stored=1, read_bytes=read_bytes)
            case FetchState.GONE:
                await self._gone(entry, living)
                if is_doubted and not entry.attempts and not entry.force:
                    state.skip(entry, SkipCause.LISTED_NOT_FOUND)
            case FetchState.SKIPPED:
                await self._skip(entry, fetched.skip_cause or SkipCause.CORRUPT_AT_SOURCE, living)
            case FetchState.FAILED:
                await self._fail(entry, fetched.error, living)

    async def _copy_large(self, partial: PartialFile, previous: PreviousVersions) -> None:
        """Copy a large file, or as much of it as the budget allows."""
        entry = partial.pending
        outcome = await self._files.copy(partial, _known_versions(entry, previous))
        if outcome is not None:
            await self._settle_fetched(entry, outcome, previous)

    async def _gone(self, entry: PendingChange, living: ItemVersion | None) -> None:
        if living:
            await bury(self._state, self._writer, living)
            self._state.folder_gone = True  # there may be earlier versions of it
        self._state.settle(entry.feed, entry.change.item_id)
        self._state.mend(entry)
        self._state.count(gone=1)

    async def _skip(self, entry: PendingChange, cause: SkipCause, living: ItemVersion | None) -> None:
        self._state.skip(entry, cause)
        if entry.change.kind.is_folder and not _is_better(living, entry.change, cause):
            # What lies in it may well be stored, and needs its place.
            await self._write(ItemVersion(entry.feed, entry.change))
        else:
            await self._keep(entry, living)

    async def _fail(self, entry: PendingChange, error: str, living: ItemVersion | None) -> None:
        _log.warning("item %s of %s failed: %s", entry.change.item_id, self._state.resource.id, error)
        self._state.fail(entry, error)
        await self._keep(entry, living)

    async def _keep(self, entry: PendingChange, living: ItemVersion | None) -> None:
        """The older stored version stays restorable; while a feed is listed anew that has to be said."""
        feed = self._state.feeds.get(entry.feed)
        if living and feed and feed.relisted_from is not None:
            await self._confirm(living)

    async def _confirm(self, version: ItemVersion) -> None:
        """Say that a stored version stands. What this very slice has written says so by itself, and is known here
        without its content."""
        if (version.feed, version.change.item_id) not in self._state.written:
            await self._write(version)

    async def _record(self, entry: PendingChange, previous: PreviousVersions) -> None:
        """A folder. One that was deleted and is back brings things with it that its feed may not tell."""
        newest = previous.by_key.get((entry.feed, entry.change.item_id))
        if newest and newest.change.deleted and not entry.change.opens_feed:
            self._state.reappeared.add(entry.feed)
        await self._write(ItemVersion(entry.feed, entry.change))

    async def _write(self, version: ItemVersion) -> None:
        await self._writer.add_version(version)
        self._state.note(version.feed, version.change)


async def bury(state: SliceState, writer: SliceWriter, version: ItemVersion) -> None:
    """Write the tombstone of one version, close the feed that it opened, forget what was to be done about it."""
    tombstone = replace(version.change, deleted=True)
    await writer.add_version(ItemVersion(version.feed, tombstone))
    state.note(version.feed, tombstone)
    state.settle(version.feed, version.change.item_id)
    state.count(deleted=1)
    if version.change.kind.is_folder:
        state.folder_gone = True
        state.close_feed(version.change.opens_feed)


def _living(entry: PendingChange, previous: PreviousVersions) -> ItemVersion | None:
    newest = previous.by_key.get((entry.feed, entry.change.item_id))
    return newest if newest and not newest.change.deleted else None


def _is_better(living: ItemVersion | None, change: Change, cause: SkipCause) -> bool:
    """Whether what is stored of a folder tells more than this change does, which could not read it."""
    return living is not None and cause in _UNREAD and change.opens_feed in ("", living.change.opens_feed)


def _known(entry: PendingChange, fetched: Fetched, previous: PreviousVersions) -> list[ItemVersion]:
    by_hash: Mapping[str, ItemVersion] = previous.by_hash
    same = None if entry.force else by_hash.get(fetched.change.content_hash)
    return [*_known_versions(entry, previous), *([same] if same else [])]


def _known_versions(entry: PendingChange, previous: PreviousVersions) -> list[ItemVersion]:
    """Stored versions whose chunks are likely to come again: this item's, in this or another folder."""
    if entry.force:  # what is stored is damaged: nothing of it is referred to again
        return []
    candidates = [_living(entry, previous), previous.by_item.get(entry.change.item_id)]
    if _is_version(entry):  # what was the current one yesterday
        candidates.append(previous.by_key.get((entry.feed, entry.change.parent_id)))
    return [version for version in candidates if version]


def _is_version(entry: PendingChange) -> bool:
    return entry.change.kind is ItemKind.FILE_VERSION and not entry.change.deleted
