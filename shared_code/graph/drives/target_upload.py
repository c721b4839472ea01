"""Putting one file's bytes into a drive: in one request when it is small, else by an upload session.

"driveItem: createUploadSession" (Graph v1.0 reference, checked 2026-11): fragments are multiples of 320 KiB
and smaller than 60 MiB, sent one after the other without the Authorization header; ``nextExpectedRanges``
says where to go on after a fault.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared_code.errors import IntegrityError, SourceError, SourceUnavailableError
from shared_code.graph.answer import Answer, Asked, error_of, parsed_or_none
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of

PERMISSION = "Files.ReadWrite.All"
SMALL_BYTES = 4 * 1024 * 1024
FRAGMENT_BYTES = 32 * 320 * 1024
_RANGE_START = re.compile(r"(\d{1,18})-")
_CONFLICT = "@microsoft.graph.conflictBehavior"


class UploadLostError(SourceUnavailableError):
    """The session is gone or its last answer was lost: the file may be there or not."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file goes: the name below a parent (which must be free), or, with ``item_id``, the item whose
    content it becomes; the present content stays in that item's version history."""

    parent_id: str
    name: str
    item_id: str = ""


class DriveTargetUpload:
    """Uploads into one drive. Holds one fragment of a file at a time."""

    def __init__(self, client: GraphClient, drive_id: str) -> None:
        self._client = client
        self._drive_id = drive_id

    async def small(self, place: Place, data: bytes) -> dict[str, Any]:
        """Put a file of at most 4 MiB in one request; returns the item, whose times are still the upload's.
        Raises SourceError with status 409 when the name is taken, perhaps by this very request's first
        try."""
        if place.item_id:
            info = self._client.request(
                "PUT", "/drives/{drive}/items/{item}/content", drive=self._drive_id, item=place.item_id
            )
        else:
            info = self._client.request(
                "PUT",
                "/drives/{drive}/items/{parent}:/{name}:/content{?%40microsoft%2Egraph%2EconflictBehavior}",
                drive=self._drive_id,
                parent=place.parent_id,
                name=place.name,
            )
            info.query_parameters["%40microsoft%2Egraph%2EconflictBehavior"] = "fail"
        info.content = data
        info.headers.add("Content-Type", "application/octet-stream")
        answer = await self._client.send(info, Asked("upload a file", PERMISSION))
        item = parsed_or_none(answer.body)
        if not isinstance(item, dict) or not item.get("id"):
            raise UploadLostError("The answer to an upload is no item.")
        return item

    async def large(
        self, place: Place, chunks: AsyncIterator[bytes], size_bytes: int, file_times: Mapping[str, str]
    ) -> dict[str, Any]:
        """Send a file fragment by fragment; returns the item. Raises UploadLostError when it is to be looked
        for and begun anew, SourceError with status 409 when the name is taken, VaultError of the chunks:
        then nothing has come into being."""
        url = await self._session(place, file_times)
        try:
            offset = 0
            async for fragment in fragments(chunks, size_bytes):
                item = await self._send(url, fragment, offset, size_bytes)
                offset += len(fragment)
                if item is not None:
                    return item
        except Exception:
            await self._cancel(url)
            raise
        raise UploadLostError("An upload session took every fragment and made no file.")

    async def _session(self, place: Place, file_times: Mapping[str, str]) -> str:
        template = "/drives/{drive}/items/{item}/createUploadSession"
        path = {"drive": self._drive_id, "item": place.item_id}
        behavior = "replace"
        if not place.item_id:
            template = "/drives/{drive}/items/{parent}:/{name}:/createUploadSession"
            path = {"drive": self._drive_id, "parent": place.parent_id, "name": place.name}
            behavior = "fail"
        properties: dict[str, Any] = {_CONFLICT: behavior}
        if file_times:
            properties["fileSystemInfo"] = dict(file_times)
        info = self._client.request("POST", template, **path)
        asked = Asked("open an upload session", PERMISSION)
        answer = await self._client.send_json(info, {"item": properties}, asked, idempotent=True)
        url = text_of(answer.get("uploadUrl"))
        if not url:
            raise SourceError("An upload session came without its URL.")
        return url

    async def _send(self, url: str, fragment: bytes, offset: int, size_bytes: int) -> dict[str, Any] | None:
        """Send one fragment; returns the item after the last one. After a fault it asks the session where to
        go on."""
        end = offset + len(fragment)
        start = offset
        for _ in range(4):
            answer = await self._put(url, fragment[start - offset :], start, size_bytes)
            if answer is not None:
                if answer.status in (200, 201):
                    item = parsed_or_none(answer.body)
                    if end == size_bytes and isinstance(item, dict) and item.get("id"):
                        return item
                    raise UploadLostError("An upload session answered a fragment as no session does.")
                if answer.status == 202:
                    start = _next_start(answer, end)
                elif answer.status in (404, 410):
                    raise UploadLostError("An upload session is gone.")
                elif answer.status != 416 and answer.status < 500:
                    raise _error(answer)
            if answer is None or answer.status == 416 or answer.status >= 500:
                start = await self._expected(url, end)
            if start >= end and end < size_bytes:
                return None
            if not offset <= start < end:
                raise UploadLostError("An upload session asks for bytes that were sent before.")
        raise UploadLostError("An upload session makes no progress.")

    async def _put(self, url: str, data: bytes, start: int, size_bytes: int) -> Answer | None:
        """None when the answer was lost."""
        headers = {
            "Content-Range": f"bytes {start}-{start + len(data) - 1}/{size_bytes}",
            "Content-Type": "application/octet-stream",
        }
        try:
            return await self._client.send_preauthenticated("PUT", url, headers=headers, data=data)
        except SourceUnavailableError:
            return None

    async def _expected(self, url: str, end: int) -> int:
        answer = await self._client.send_preauthenticated("GET", url)
        if answer.status in (404, 410):
            raise UploadLostError("An upload session is gone.")
        if not answer.is_success:
            raise _error(answer)
        return _next_start(answer, end)

    async def _cancel(self, url: str) -> None:
        try:
            await self._client.send_preauthenticated("DELETE", url)
        except SourceError:
            return  # it runs out by itself


async def fragments(chunks: AsyncIterator[bytes], size_bytes: int) -> AsyncIterator[bytes]:
    """Cut a stream into fragments of 10 MiB. The last one is given only after the stream has ended with
    exactly ``size_bytes`` bytes, so that a damaged file never comes into being. Raises IntegrityError."""
    held = bytearray()
    given = 0
    async for chunk in chunks:
        held += chunk
        while len(held) > FRAGMENT_BYTES:
            given += FRAGMENT_BYTES
            yield bytes(held[:FRAGMENT_BYTES])
            del held[:FRAGMENT_BYTES]
    if given + len(held) != size_bytes:
        raise IntegrityError("The stored content is not as long as the catalog says.")
    yield bytes(held)


def _next_start(answer: Answer, end: int) -> int:
    """Where the session goes on; ``end`` when it does not say."""
    body = parsed_or_none(answer.body)
    ranges = body.get("nextExpectedRanges") if isinstance(body, dict) else None
    match = _RANGE_START.match(str(ranges[0])) if isinstance(ranges, list) and ranges else None
    return int(match[1]) if match else end


def _error(answer: Answer) -> SourceError:
    asked = Asked("upload a fragment", PERMISSION)
    return error_of(answer.status, answer.headers, parsed_or_none(answer.body), asked)
