"""Walking a whole container: every version with the word whether it is the current one, and writes side by side.

Memory stays flat whatever the container holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from shared_code.errors import BlobNotFoundError
from shared_code.vault.blob_store import BlobInfo, BlobStore

_T = TypeVar("_T")
_AT_ONCE = 16


def resource_of(name: str) -> str:
    """The resource that a blob belongs to: the first segment of its name."""
    return name.partition("/")[0]


async def every_version(store: BlobStore) -> AsyncIterator[tuple[BlobInfo, bool]]:
    """Every version in the container, with details, by name and the oldest of a name first; True with a current one.
    Nothing where there is no container.

    Two listings side by side, in the same order. What changes between them may be told as a previous version when it
    is the current one, and the other way round.
    """
    try:
        current = store.list("")
        head = await anext(current, None)
        async for info in store.list("", details=True, all_versions=True):
            while head is not None and head.name < info.name:
                head = await anext(current, None)
            yield info, head is not None and (head.name, head.version_id) == (info.name, info.version_id)
    except BlobNotFoundError:
        return


async def for_each(items: AsyncIterator[_T], act: Callable[[_T], Awaitable[None]]) -> None:
    """``act`` on every item, 16 at a time. Raises what the first of them that failed raised, after those begun with it
    have ended."""
    batch: list[_T] = []
    async for item in items:
        batch.append(item)
        if len(batch) == _AT_ONCE:
            await _all(batch, act)
            batch.clear()
    await _all(batch, act)


async def _all(batch: list[_T], act: Callable[[_T], Awaitable[None]]) -> None:
    for result in await asyncio.gather(*(act(item) for item in batch), return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
