"""Copies one file that is too large to hold, across as many slices as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared_code.backup.budget import Meter
from shared_code.backup.ports import ContentDigest, ContentStream, FileWriter, SliceWriter, Source
from shared_code.backup.state import SliceState
from shared_code.errors import SourceContentError, SourceError, SourceNotFoundError, ThrottledError
from shared_code.model.feed import Fetched, FetchState
from shared_code.model.item import Change, ItemVersion
from shared_code.model.progress import PartialFile

# A slice reads at least this much of a file, so that every slice ends behind a new chunk boundary
# (a chunk is at most 4 MiB).
_LEAST_BYTES = 8 * 1024 * 1024
# A file that an earlier run failed on may be one that changes all the time: it is read in one slice, if that can be.
_ONE_GO_BYTES = 4 * 1024**3


class LargeFileCopier:
    """Works on the state of one slice."""

    def __init__(self, source: Source, state: SliceState, writer: SliceWriter, meter: Meter) -> None:
        self._source = source
        self._state = state
        self._writer = writer
        self._meter = meter

    async def copy(self, partial: PartialFile, known: Sequence[ItemVersion]) -> Fetched | None:
        """Go on with ``partial``. Returns what came of it when it is not stored (skipped, failed, gone); None when it
        is stored, or when the budget ran out and ``state.partial`` tells the next slice where to go on."""
        change = partial.pending.change
        self._state.partial = None
        try:
            stream = await self._source.open_stream(self._state.resource, change, partial.offset)
            if isinstance(stream, Fetched):
                return stream
            try:
                if partial.offset and _content_of(stream.change) != _content_of(change):
                    raise SourceContentError("the file changed between two slices")
                return await self._copy_stream(stream, partial, known)
            finally:
                await stream.aclose()
        except ThrottledError:
            self._state.partial = partial  # nothing is wrong with this file: the next slice goes on with it
            raise
        except SourceError as error:
            # Away in the middle of reading: whether for good, the next run will hear when it asks for the item.
            if not error.retryable and not isinstance(error, SourceNotFoundError):
                raise
            return Fetched(change, change, FetchState.FAILED, {}, error=error.message)

    async def _copy_stream(
        self, stream: ContentStream, partial: PartialFile, known: Sequence[ItemVersion]
    ) -> Fetched | None:
        entry, fresh = partial.pending, stream.change
        digest = self._source.digest(partial.hash_state)
        file = self._writer.open_file(entry.feed, digest, partial.chunks, known)
        read_bytes = 0
        in_one_go = entry.attempts > 0 and fresh.size_bytes <= _ONE_GO_BYTES
        async for data in stream.chunks():
            await file.write(data)
            read_bytes += len(data)
            self._meter.add(read_bytes=len(data))
            at_end = partial.offset + read_bytes >= fresh.size_bytes
            if self._meter.spent and read_bytes >= _LEAST_BYTES and not at_end and not in_one_go:
                await self._suspend(file, digest, partial, fresh)
                return None
        size_bytes = await file.complete()
        self._state.count(read_bytes=size_bytes - partial.offset)
        if size_bytes != fresh.size_bytes or not digest.matches(fresh.content_hash):
            raise SourceContentError("the bytes that arrived are not those that the source announced")
        await file.finish(fresh)
        self._state.note(entry.feed, fresh)
        self._state.settle_stored(entry.feed, fresh)
        self._state.mend(entry)
        self._state.count(stored=1)
        self._meter.add(items=1)
        return None

    async def _suspend(self, file: FileWriter, digest: ContentDigest, partial: PartialFile, fresh: Change) -> None:
        offset, chunks = await file.suspend()
        pending = replace(partial.pending, change=fresh)
        self._state.partial = PartialFile(pending, offset, chunks, digest.state())
        self._state.count(read_bytes=offset - partial.offset)


def _content_of(change: Change) -> tuple[object, ...]:
    """What stays the same while only names, places or permissions change."""
    tag = change.properties.get("cTag")
    known = (change.content_hash, tag, change.size_bytes)
    return known if change.content_hash or tag else (change.etag, change.size_bytes)
