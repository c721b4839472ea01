"""One large file, read from an offset to its end across broken connections and expired addresses."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Self

from shared_code.errors import SourceContentError, SourceNotFoundError, SourceUnavailableError
from shared_code.graph.download import Download
from shared_code.graph.drives.changes import DOWNLOAD_URL
from shared_code.graph.drives.fetch import DriveFetch
from shared_code.model.feed import Fetched
from shared_code.model.item import Change

# Breaks without a single byte in between; progress sets the count back.
_MAX_BREAKS = 4


class DriveStream:
    """Satisfies the port ``ContentStream``."""

    def __init__(self, fetch: DriveFetch, change: Change, download: Download, offset: int) -> None:
        self._fetch = fetch
        self._change = change
        self._download: Download | None = download
        self._offset = offset

    @classmethod
    async def open(cls, fetch: DriveFetch, change: Change, offset: int) -> Self | Fetched:
        """Open with fresh metadata, unless there is an address still; a Fetched when the file is gone,
        skipped or refused. Raises SourceContentError when the file has changed and ``offset`` means nothing
        in it any more."""
        read: Change | Fetched = change
        if offset or not change.transient.get(DOWNLOAD_URL):
            read = await fetch.fresh_of(change)
        if isinstance(read, Fetched):
            return replace(read, asked=change)
        if offset and _version(read) != _version(change):
            raise SourceContentError("The file has changed since its beginning was read.", item_id=change.item_id)
        opened = await fetch.open_download(read, offset)
        if isinstance(opened, Fetched):
            return replace(opened, asked=change)
        return cls(fetch, opened[0], opened[1], offset)

    @property
    def change(self) -> Change:
        """The file as it is being read."""
        return self._change

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes from the offset to the end. Raises SourceContentError when the file changes meanwhile or
        does not have the announced length, SourceUnavailableError when it cannot be read on."""
        breaks = 0
        while True:
            download = self._download
            if download is None:
                download = await self._reopen()
            try:
                async for data in download.chunks():
                    self._offset += len(data)
                    if self._offset > self._change.size_bytes:
                        raise self._wrong_length()
                    breaks = 0
                    yield data
                if self._offset == self._change.size_bytes:
                    return
                # It ended early and called that an end: the rest is asked for like after a break.
                failure: Exception = self._wrong_length()
            except SourceUnavailableError as error:
                failure = error
            await self.aclose()
            breaks += 1
            if breaks > _MAX_BREAKS:
                raise failure

    async def aclose(self) -> None:
        """Let go of the connection; safe to call twice."""
        download, self._download = self._download, None
        if download is not None:
            await download.aclose()

    async def _reopen(self) -> Download:
        read = await self._fetch.fresh_of(self._change)
        if isinstance(read, Fetched):
            raise SourceNotFoundError("The file went away while it was read.", item_id=self._change.item_id)
        if _version(read) != _version(self._change):
            raise SourceContentError("The file changed while it was read.", item_id=self._change.item_id)
        opened = await self._fetch.open_download(read, self._offset)
        if isinstance(opened, Fetched):
            raise SourceUnavailableError("The file cannot be read on.", item_id=self._change.item_id)
        self._download = opened[1]
        return opened[1]

    def _wrong_length(self) -> SourceContentError:
        return SourceContentError(
            "The file does not have the length that the source announced.", item_id=self._change.item_id
        )


def _version(change: Change) -> tuple[object, ...]:
    """What tells contents apart: the cTag, which changes with the bytes only, else the eTag."""
    return change.properties.get("cTag") or change.etag, change.size_bytes, change.content_hash
