"""Chunks into packs: filled by one job at a time, uploaded beside.

At most two packs are in upload while a third fills; whoever hands over more work waits until there is room.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from shared_code.errors import BlobExistsError, VaultError
from shared_code.model.item import ChunkRef
from shared_code.vault.blob_names import pack_name, random_name
from shared_code.vault.blob_store import BlobInfo, BlobStore
from shared_code.vault.pack import TARGET_BYTES, Buffer, PackBuilder
from shared_code.vault.pack_table import PackTable, Placement

UPLOADS_AT_ONCE = 2

P = ParamSpec("P")
T = TypeVar("T")
Job = Iterator[None]


class PackWriter:
    """The packs of one slice.

    A *job* is a generator that calls ``put`` for its chunks and yields after each. Jobs run one after the other, in the
    order of ``hand_over``, long ones in a thread; one pauses where a pack is full, until there is room for its upload.
    What goes wrong in a job or an upload is raised by the next call, and by every later one.
    """

    def __init__(self, store: BlobStore, resource_id: str, *, target_bytes: int = TARGET_BYTES) -> None:
        self._store = store
        self._resource_id = resource_id
        self.table = PackTable()
        self.written_bytes = 0
        self._builder = PackBuilder(target_bytes)
        # One thread of its own: the allocator then reuses one set of buffers, and nobody else's work waits.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="packs")
        self._number: int | None = None
        self._placed: dict[str, Placement] = {}
        self._slots = asyncio.Semaphore(UPLOADS_AT_ONCE)
        self._job: asyncio.Task[None] | None = None
        self._uploads: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    def put(self, data: Buffer, known: Mapping[str, ChunkRef]) -> Placement:
        """Called by jobs: store one chunk, unless this slice or ``known`` (by SHA-256) has it already."""
        digest = hashlib.sha256(data)
        sha256 = digest.hexdigest()
        placement = self._placed.get(sha256)
        if placement is not None:
            return placement
        stored = known.get(sha256)
        if stored is not None and stored.size_bytes == len(data):
            return self.table.place(stored)
        if self._number is None:
            self._number = self.table.begin(pack_name(self._resource_id, random_name()))
        entry = self._builder.append(digest.digest(), data)
        placement = Placement(self._number, entry.offset, entry.length, entry.size_bytes, sha256)
        self._placed[sha256] = placement
        self.written_bytes += entry.length
        return placement

    async def hand_over(self, job: Job, *, in_thread: bool = True) -> None:
        """Run a job as soon as the one before it is done, and return at its start. ``in_thread``: off the event loop,
        which is worth it where single calls take long; of many short ones, half the time would go into taking turns."""
        await self._settle_job()
        self.raise_failure()
        self._job = self._start(self._work(job, in_thread))

    async def settle(self) -> None:
        """Wait until the job that was handed over last is done. Raises what went wrong."""
        await self._settle_job()
        self.raise_failure()

    async def flush(self) -> None:
        """Upload everything, the pack in the making included, and wait for it."""
        await self.settle()
        if not self._builder.is_empty:
            self._job = self._start(self._upload_full())
            await self._settle_job()
        while self._uploads:
            await asyncio.wait(self._uploads)
        self.raise_failure()

    async def abort(self) -> None:
        """Stop uploads, wait for the thread; safe twice. Whatever is uploaded already is garbage that nothing names."""
        self.give_up()
        for upload in self._uploads:
            upload.cancel()
        tasks = {*self._uploads, *([self._job] if self._job else [])}
        while pending := {task for task in tasks if not task.done()}:
            await asyncio.wait(pending)
        self._placed.clear()
        self._thread.shutdown(wait=False)

    def give_up(self) -> None:
        """Let every later call fail: something of the slice is lost."""
        self._failure = self._failure or VaultError("The slice was given up.")

    def raise_failure(self) -> None:
        """Raise what went wrong in a job or an upload, if anything did."""
        if self._failure is not None:
            raise self._failure

    async def _settle_job(self) -> None:
        # Not awaited itself: when the waiting caller is cancelled, the thread must not lose its task.
        while self._job is not None and not self._job.done():
            await asyncio.wait({self._job})

    async def _work(self, job: Job, in_thread: bool) -> None:
        while await self._in_thread(self._advance, job) if in_thread else self._advance(job):
            await self._upload_full()

    def _advance(self, job: Job) -> bool:
        """Run a job until a pack is full (True) or the job is done."""
        return any(self._builder.is_full for _ in job)

    async def _upload_full(self) -> None:
        """Seal the pack as soon as there is room for its upload: the sealed copy counts as being in upload."""
        await self._slots.acquire()
        self.raise_failure()
        number, self._number = self._number, None
        if number is None:
            raise AssertionError("a pack without a number")
        data = await self._in_thread(self._builder.seal)
        upload = self._start(self._upload(number, data))
        self._uploads.add(upload)
        upload.add_done_callback(self._uploads.discard)

    async def _upload(self, number: int, data: bytes) -> None:
        try:
            self.raise_failure()
            info = await create_or_adopt(self._store, self.table.names[number], data)
            self.table.uploaded(number, info.version_id)
        finally:
            self._slots.release()

    def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        call = functools.partial(function, *args, **kwargs)
        return asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._keep_failure)
        return task

    def _keep_failure(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self.give_up()
        elif (error := task.exception()) is not None:
            self._failure = self._failure or error


async def create_or_adopt(store: BlobStore, name: str, data: bytes) -> BlobInfo:
    """Write a blob whose random name is nobody else's. When the name is taken (the answer to an earlier try got
    lost), take over what is there if it is the same bytes. Raises BlobExistsError otherwise."""
    try:
        return await store.create(name, data)
    except BlobExistsError:
        async for info in store.list(name):
            is_like_it = info.name == name and info.size_bytes == len(data)
            if is_like_it and await store.read(name, version_id=info.version_id) == data:
                return info
        raise
