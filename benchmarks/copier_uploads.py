"""The two ways in which a copier puts blobs: through the SDK, and by hand."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import quote

import aiohttp
from azure.storage.blob.aio import ContainerClient
from yarl import URL

from benchmarks.copier_job import Destination, Uploads

_STORAGE_VERSION = "2025-05-05"


class Uploader(Protocol):
    """Puts blobs into one container, over blobs of the same names. Any failure is an exception."""

    async def put(self, name: str, data: bytes) -> None:
        """A blob in one request."""
        ...

    async def put_stream(self, name: str, pieces: AsyncIterator[bytes], size_bytes: int) -> None:
        """A large blob in blocks, some of which go up while the next ones arrive."""
        ...


@asynccontextmanager
async def open_uploader(destination: Destination, session: aiohttp.ClientSession) -> AsyncIterator[Uploader]:
    """The uploader that the destination asks for. ``session`` is for bare uploads; the SDK has one of its own."""
    if destination.uploads is Uploads.BARE:
        yield _BareUploader(destination, session)
        return
    connection = destination.connection_string
    async with ContainerClient.from_connection_string(connection, destination.container_name) as container:
        yield _SdkUploader(container, destination.blocks_at_once)


class _SdkUploader:
    """``upload_blob``, with nothing set but what its documentation tells one to set for parallel blocks."""

    def __init__(self, container: ContainerClient, blocks_at_once: int) -> None:
        self._container = container
        self._blocks_at_once = blocks_at_once

    async def put(self, name: str, data: bytes) -> None:
        """See Uploader."""
        await self._container.upload_blob(name, data, overwrite=True)

    async def put_stream(self, name: str, pieces: AsyncIterator[bytes], size_bytes: int) -> None:
        """See Uploader."""
        await self._container.upload_blob(
            name, pieces, length=size_bytes, overwrite=True, max_concurrency=self._blocks_at_once
        )


class _BareUploader:
    """PUT requests with a SAS: nothing is signed, retried, traced or parsed."""

    def __init__(self, destination: Destination, session: aiohttp.ClientSession) -> None:
        self._destination = destination
        self._session = session

    async def put(self, name: str, data: bytes) -> None:
        """See Uploader."""
        await self._send(name, "", data, {"x-ms-blob-type": "BlockBlob"})

    async def put_stream(self, name: str, pieces: AsyncIterator[bytes], size_bytes: int) -> None:
        """See Uploader."""
        slots = asyncio.Semaphore(self._destination.blocks_at_once)
        ids: list[str] = []
        block: list[bytes] = []
        held_bytes = 0

        async def put_block(block_id: str, data: bytes) -> None:
            try:
                await self._send(name, f"&comp=block&blockid={quote(block_id)}", data, {})
            finally:
                slots.release()

        async with asyncio.TaskGroup() as uploads:

            async def begin_block() -> None:
                await slots.acquire()
                ids.append(base64.b64encode(b"%08d" % len(ids)).decode())
                uploads.create_task(put_block(ids[-1], b"".join(block)))

            async for data in pieces:
                block.append(data)
                held_bytes += len(data)
                if held_bytes >= self._destination.bare_block_bytes:
                    await begin_block()
                    block, held_bytes = [], 0
            if block:
                await begin_block()
        listed = "".join(f"<Latest>{block_id}</Latest>" for block_id in ids)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
        await self._send(name, "&comp=blocklist", body.encode(), {})

    async def _send(self, name: str, query: str, data: bytes, headers: dict[str, str]) -> None:
        url = f"{self._destination.container_url}/{quote(name, safe='')}?{self._destination.container_sas}{query}"
        everything = {"x-ms-version": _STORAGE_VERSION, "Content-Type": "application/octet-stream", **headers}
        async with self._session.put(URL(url, encoded=True), data=data, headers=everything) as response:
            response.raise_for_status()
