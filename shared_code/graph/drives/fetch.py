"""Reading the files of a drive: small ones whole, and the fresh metadata that every way of reading needs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

from shared_code.errors import (
    AccessDeniedError,
    CursorExpiredError,
    SourceContentError,
    SourceError,
    SourceNotFoundError,
    SourceUnavailableError,
    ThrottledError,
)
from shared_code.graph.answer import Asked
from shared_code.graph.byte_budget import ByteBudget
from shared_code.graph.client import GraphClient
from shared_code.graph.concurrency import as_they_come
from shared_code.graph.download import Download
from shared_code.graph.drives.changes import DOWNLOAD_URL, ITEM_SELECT, drive_change
from shared_code.graph.drives.permissions import with_permissions_of
from shared_code.graph.drives.quickxor import QuickXorDigest
from shared_code.graph.drives.versions import file_and_version, with_versions_of
from shared_code.graph.failure_run import FailureRun
from shared_code.graph.odata import with_query
from shared_code.model.feed import Fetched, FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.outcome import SkipCause

_FILES_AT_ONCE = 32
_BYTES_AT_ONCE = 32 * 1024 * 1024
_ATTEMPTS = 4
_ADDRESSES = 3
_MAX_FAILURES_IN_A_ROW = 16


class DriveFetch:
    """Reads items of one drive."""

    def __init__(self, client: GraphClient, drive_id: str) -> None:
        self._client = client
        self._drive_id = drive_id
        self._failures = FailureRun(_MAX_FAILURES_IN_A_ROW)

    async def fetch(self, changes: Sequence[Change]) -> AsyncGenerator[Fetched, None]:
        """One answer for each file: 32 downloads and 32 MiB at a time, what was not taken yet included."""
        budget = ByteBudget(_BYTES_AT_ONCE)
        jobs: list[Callable[[], Awaitable[Fetched]]] = [
            partial(self._fetch_within, budget, change) for change in changes
        ]
        async with aclosing(as_they_come(jobs, _FILES_AT_ONCE)) as results:
            async for fetched in results:
                try:
                    yield fetched
                finally:
                    budget.give_back(fetched.asked.size_bytes)

    async def fresh(self, item_id: str) -> Change | Fetched:
        """The item's metadata now, with a download URL that has just been made; a Fetched without ``asked``
        of use (gone or skipped) when it cannot be read any more. Raises SourceError when the drive is out of
        reach."""
        drive = self._client.graph.drives.by_drive_id(self._drive_id)
        request = drive.items.by_drive_item_id(item_id).to_get_request_information()
        asked = Asked("read a file's metadata", "Files.Read.All", {"drive_id": self._drive_id, "item_id": item_id})
        try:
            value: dict[str, Any] = await self._client.get_json(with_query(request, select=ITEM_SELECT), asked)
        except SourceNotFoundError:
            gone = Change(item_id, ItemKind.FILE, deleted=True)
            return Fetched(gone, gone, FetchState.GONE, {})
        except AccessDeniedError as error:
            # The drive as a whole could be read, or there would be no such item to ask for.
            return _failed(Change(item_id, ItemKind.FILE), error.message)
        change = drive_change(value)
        if change is None or change.item_id != item_id:
            raise SourceUnavailableError("A file's metadata came without its id.", item_id=item_id)
        if change.deleted or change.kind is not ItemKind.FILE:
            return Fetched(change, change, FetchState.GONE, {})
        if change.skip_cause:
            return Fetched(change, change, FetchState.SKIPPED, {}, SkipCause(change.skip_cause))
        return change

    async def fresh_of(self, change: Change) -> Change | Fetched:
        """As ``fresh``, for an item or an earlier version of one, with what ``change`` knows besides."""
        if change.kind is ItemKind.FILE_VERSION:
            return await self._fresh_version(change)
        read = await self.fresh(change.item_id)
        return read if isinstance(read, Fetched) else with_versions_of(with_permissions_of(read, change), change)

    async def _fresh_version(self, change: Change) -> Change | Fetched:
        """An earlier version never changes: only its address is made anew."""
        file_id, version_id = file_and_version(change.item_id)
        drive = self._client.graph.drives.by_drive_id(self._drive_id)
        version = drive.items.by_drive_item_id(file_id).versions.by_drive_item_version_id(version_id)
        ids = {"drive_id": self._drive_id, "item_id": change.item_id}
        asked = Asked("read an earlier version", "Files.Read.All", ids)
        try:
            answer = await self._client.send(version.content.to_get_request_information(), asked)
        except SourceNotFoundError:
            return Fetched(change, change, FetchState.GONE, {})
        except AccessDeniedError as error:
            return _failed(change, error.message)
        return replace(change, transient={DOWNLOAD_URL: answer.headers.get("location", "")})

    async def open_download(self, change: Change, offset: int) -> tuple[Change, Download] | Fetched:
        """Open a file, with a fresh URL where it has none or the one it has has run out."""
        known = change
        for attempt in range(_ADDRESSES):
            if attempt or not known.transient.get(DOWNLOAD_URL):
                read = await self.fresh_of(change)
                if isinstance(read, Fetched):
                    return replace(read, asked=change)
                known = read
            url = known.transient.get(DOWNLOAD_URL)
            if not url:
                return _failed(change, "the source gives no download address for this file")
            try:
                return known, await self._client.open_download(url, offset)
            except (AccessDeniedError, SourceNotFoundError, CursorExpiredError):
                continue  # 401, 403, 404, 410: the address has run out
            except (ThrottledError, SourceUnavailableError):
                raise
            except SourceError as error:
                return _failed(change, error.message)
        return _failed(change, "the download address of this file is refused, a fresh one too")

    async def _fetch_within(self, budget: ByteBudget, change: Change) -> Fetched:
        await budget.take(change.size_bytes)
        try:
            return await self._fetch_one(change)
        except BaseException:
            budget.give_back(change.size_bytes)
            raise

    async def _fetch_one(self, change: Change) -> Fetched:
        if change.kind not in (ItemKind.FILE, ItemKind.FILE_VERSION):
            return _failed(change, "only files have content")
        error = ""
        known = change
        for attempt in range(_ATTEMPTS):
            if attempt:
                # What arrived did not fit what was announced: the file may have changed since.
                known = replace(known, transient={})
            try:
                opened = await self.open_download(known, 0)
                if isinstance(opened, Fetched):
                    return replace(opened, asked=change)
                known, download = opened
                data = await download.read(known.size_bytes)
                _check(data, known)
            except SourceUnavailableError as failure:
                error = self._failures.failure(failure)
                continue
            except SourceContentError as failure:
                error = failure.message
                continue
            self._failures.success()
            return Fetched(change, known, FetchState.FETCHED, {Form.NATIVE: data})
        return _failed(change, error)


def _check(data: bytes, change: Change) -> None:
    if len(data) != change.size_bytes:
        raise SourceContentError("A download holds fewer bytes than its item announced.")
    if change.content_hash:
        digest = QuickXorDigest()
        digest.update(data)
        if not digest.matches(change.content_hash):
            raise SourceContentError("The bytes of a download are not those of the hash that its item announced.")


def _failed(change: Change, error: str) -> Fetched:
    return Fetched(change, change, FetchState.FAILED, {}, error=error)
