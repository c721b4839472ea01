"""The straightforward copier: what the product is measured against.

It has the product's libraries and nothing else of it: aiohttp for the GET, azure-storage-blob's async client for the
PUT; the same number of requests under way, the same delta pages; one GET and one PUT for each file or message, large
files streamed. No hashes, no compression, no catalog; whatever fails ends it. The bare copier is this one with its PUTs
made by hand (``copier_uploads``).

    python -m benchmarks.copier < job.json > result.json
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from benchmarks.copier_job import Destination, Job, Result, Uploads
from benchmarks.copier_uploads import Uploader, open_uploader
from benchmarks.process_meter import ProcessMeter

_URL = "@microsoft.graph.downloadUrl"
_PIECE_BYTES = 4 * 1024 * 1024


class Copier:
    """Copies drives, then mailboxes."""

    def __init__(self, job: Job, session: aiohttp.ClientSession, uploader: Uploader) -> None:
        self._job = job
        self._session = session
        self._uploader = uploader
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
        size_bytes = int(item["size"])
        async with self._session.get(URL(item[_URL], encoded=True), read_bufsize=1 << 20) as response:
            response.raise_for_status()
            if size_bytes > self._job.stream_from_bytes:
                await self._uploader.put_stream(item["id"], response.content.iter_chunked(_PIECE_BYTES), size_bytes)
            else:
                await self._uploader.put(item["id"], await response.read())
        self._count(size_bytes)

    async def _copy_message(self, message: tuple[str, str]) -> None:
        user_id, item_id = message
        url = f"{self._job.graph_url}/v1.0/users/{quote(user_id)}/messages/{quote(item_id, safe='')}/$value"
        headers = {**self._headers, "Prefer": 'IdType="ImmutableId"'}
        async with self._session.get(URL(url, encoded=True), headers=headers) as response:
            response.raise_for_status()
            data = await response.read()
        await self._uploader.put(item_id, data)
        self._count(len(data))

    def _count(self, size_bytes: int) -> None:
        self.result.items += 1
        self.result.size_bytes += size_bytes

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
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=True) as session,
        open_uploader(job.destination, session) as uploader,
    ):
        copier = Copier(job, session, uploader)
        meter = ProcessMeter(os.getpid())
        meter.start()
        began = time.monotonic()
        await copier.run()
        usage = meter.stop()
        copier.result.wall_s = time.monotonic() - began
        copier.result.cpu_s, copier.result.peak_bytes = usage.cpu_s, usage.peak_bytes
        return copier.result


def read_job(text: str) -> Job:
    """The job out of its JSON."""
    fields = json.loads(text)
    destination = fields.pop("destination")
    return Job(destination=Destination(**{**destination, "uploads": Uploads(destination["uploads"])}), **fields)


def main() -> int:
    """Job on the standard input, result on the standard output, both JSON."""
    result = asyncio.run(copy(read_job(sys.stdin.read())))
    json.dump(asdict(result), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
