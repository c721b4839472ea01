"""The straightforward copier: what the product is measured against.

The same HTTP library as the product (aiohttp), the same number of requests under way, the same delta pages; then one
GET and one PUT for each file or message, large files streamed into staged blocks while they arrive. No hashes, no
compression, no catalog, no retries: whatever fails ends it.

    python -m benchmarks.copier < job.json > result.json
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from benchmarks.process_meter import ProcessMeter

_STORAGE_VERSION = "2025-05-05"
_URL = "@microsoft.graph.downloadUrl"


@dataclass(frozen=True)
class Job:
    """``container_url`` and ``container_sas`` make a blob's address; ``cursors`` (feed address -> delta link) come from
    an earlier result, and then only changes are copied."""

    graph_url: str
    tenant_id: str
    client_id: str
    client_secret: str
    container_url: str
    container_sas: str
    drive_ids: list[str]
    mailboxes: list[list[str]]
    """Pairs of user id and mailbox id."""
    file_select: list[str]
    file_page_size: int
    mail_select: list[str]
    mail_page_size: int
    files_at_once: int
    messages_at_once: int
    stream_from_bytes: int
    block_bytes: int
    blocks_at_once: int
    cursors: dict[str, str] = field(default_factory=dict)


@dataclass
class Result:
    """What was copied, what it cost, and where to go on."""

    items: int = 0
    size_bytes: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    cursors: dict[str, str] = field(default_factory=dict)


class Copier:
    """Copies drives, then mailboxes."""

    def __init__(self, job: Job, session: aiohttp.ClientSession) -> None:
        self._job = job
        self._session = session
        self._headers: dict[str, str] = {}
        self.result = Result()

    async def run(self) -> None:
        """Sign in and copy everything."""
        await self._sign_in()
        await self._all(self._files(), self._copy_file, self._job.files_at_once)
        await self._all(self._messages(), self._copy_message, self._job.messages_at_once)

    async def _all(self, items: AsyncIterator[Any], copy: Any, at_once: int) -> None:
        """Workers beside the listing, so that pages are read while items are copied."""
        queue: asyncio.Queue[Any] = asyncio.Queue(maxsize=1000)

        async def work() -> None:
            while (item := await queue.get()) is not None:
                await copy(item)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(work())
            async for item in items:
                await queue.put(item)
            for _ in range(at_once):
                await queue.put(None)

    async def _files(self) -> AsyncIterator[dict[str, Any]]:
        job = self._job
        select = quote(",".join(job.file_select))
        for drive_id in job.drive_ids:
            first = f"{job.graph_url}/v1.0/drives/{quote(drive_id)}/items/root/delta"
            async for item in self._feed(first, f"$select={select}&$top={job.file_page_size}"):
                if "file" in item and "deleted" not in item:
                    yield item

    async def _messages(self) -> AsyncIterator[tuple[str, str]]:
        job = self._job
        select = quote(",".join(job.mail_select))
        for user_id, mailbox_id in job.mailboxes:
            root = f"{job.graph_url}/v1.0/admin/exchange/mailboxes/{quote(mailbox_id)}/folders"
            known = [
                feed.split("/")[-3] for feed in job.cursors if feed.startswith(root) and feed.endswith("/items/delta")
            ]
            folders = [quote(entry["id"]) async for entry in self._feed(f"{root}/delta", "$select=id")]
            for folder in dict.fromkeys([*known, *folders]):
                async for item in self._feed(f"{root}/{folder}/items/delta", f"$select={select}"):
                    if "@removed" not in item:
                        yield user_id, item["id"]

    async def _feed(self, feed: str, query: str) -> AsyncIterator[dict[str, Any]]:
        url: str | None = self._job.cursors.get(feed) or f"{feed}?{query}"
        headers = {**self._headers, "Prefer": f"odata.maxpagesize={self._job.mail_page_size}"}
        while url:
            async with self._session.get(URL(url, encoded=True), headers=headers) as response:
                response.raise_for_status()
                page = json.loads(await response.read())
            for value in page["value"]:
                yield value
            self.result.cursors[feed] = page.get("@odata.deltaLink", "")
            url = page.get("@odata.nextLink")

    async def _copy_file(self, item: dict[str, Any]) -> None:
        async with self._session.get(URL(item[_URL], encoded=True), read_bufsize=1 << 20) as response:
            response.raise_for_status()
            if int(item["size"]) > self._job.stream_from_bytes:
                await self._put_blocks(item["id"], response)
            else:
                await self._put(item["id"], await response.read())

    async def _copy_message(self, message: tuple[str, str]) -> None:
        user_id, item_id = message
        url = f"{self._job.graph_url}/v1.0/users/{quote(user_id)}/messages/{quote(item_id, safe='')}/$value"
        headers = {**self._headers, "Prefer": 'IdType="ImmutableId"'}
        async with self._session.get(URL(url, encoded=True), headers=headers) as response:
            response.raise_for_status()
            await self._put(item_id, await response.read())

    async def _put(self, name: str, data: bytes) -> None:
        await self._send(name, "", data, {"x-ms-blob-type": "BlockBlob"})
        self.result.items += 1
        self.result.size_bytes += len(data)

    async def _put_blocks(self, name: str, response: aiohttp.ClientResponse) -> None:
        """A block goes up while the next one arrives."""
        slots = asyncio.Semaphore(self._job.blocks_at_once)
        ids: list[str] = []
        block: list[bytes] = []
        held = 0

        async def put_block(block_id: str, data: bytes) -> None:
            try:
                await self._send(name, f"&comp=block&blockid={quote(block_id)}", data, {})
            finally:
                slots.release()

        async with asyncio.TaskGroup() as uploads:
            async for data in response.content.iter_any():
                block.append(data)
                held += len(data)
                if held >= self._job.block_bytes:
                    await slots.acquire()
                    ids.append(base64.b64encode(b"%08d" % len(ids)).decode())
                    uploads.create_task(put_block(ids[-1], b"".join(block)))
                    self.result.size_bytes += held
                    block, held = [], 0
            if held:
                await slots.acquire()
                ids.append(base64.b64encode(b"%08d" % len(ids)).decode())
                uploads.create_task(put_block(ids[-1], b"".join(block)))
                self.result.size_bytes += held
        listed = "".join(f"<Latest>{block_id}</Latest>" for block_id in ids)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
        await self._send(name, "&comp=blocklist", body.encode(), {})
        self.result.items += 1

    async def _send(self, name: str, query: str, data: bytes, headers: dict[str, str]) -> None:
        url = f"{self._job.container_url}/{quote(name, safe='')}?{self._job.container_sas}{query}"
        everything = {"x-ms-version": _STORAGE_VERSION, "Content-Type": "application/octet-stream", **headers}
        async with self._session.put(URL(url, encoded=True), data=data, headers=everything) as response:
            response.raise_for_status()

    async def _sign_in(self) -> None:
        job = self._job
        form = {
            "grant_type": "client_credentials",
            "client_id": job.client_id,
            "client_secret": job.client_secret,
            "scope": "https://graph.microsoft.com/.default",
        }
        async with self._session.post(f"{job.graph_url}/{job.tenant_id}/oauth2/v2.0/token", data=form) as response:
            response.raise_for_status()
            token = (await response.json())["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}


async def copy(job: Job) -> Result:
    """Do the job and measure this process meanwhile."""
    connector = aiohttp.TCPConnector(limit=64)
    timeout = aiohttp.ClientTimeout(total=None, sock_read=100)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=True) as session:
        copier = Copier(job, session)
        meter = ProcessMeter(os.getpid())
        meter.start()
        began = time.monotonic()
        await copier.run()
        usage = meter.stop()
        copier.result.wall_s = time.monotonic() - began
        copier.result.cpu_s, copier.result.peak_bytes = usage.cpu_s, usage.peak_bytes
        return copier.result


def main() -> int:
    """Job on the standard input, result on the standard output, both JSON."""
    result = asyncio.run(copy(Job(**json.load(sys.stdin))))
    json.dump(asdict(result), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
