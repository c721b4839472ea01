"""The optional purge job: deletion, with an identity of its own, of what the platform should have deleted and has not.

The only place that deletes. It deletes what the expiry calls overdue, judged again here, and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import datetime

from shared_code.errors import BlobLockedError, BlobNotFoundError
from shared_code.model.retention import PurgeReport
from shared_code.vault.blob_store import BlobInfo, BlobStore, Purge
from shared_code.vault.expiry import LeaseState, judge
from shared_code.vault.whole_container import every_version, for_each, resource_of


async def purge(store: BlobStore, identity: Purge, now: datetime, held_resources: Collection[str]) -> PurgeReport:
    """Delete current versions that have been tagged as expired for more than 3 days, and previous ones whose lease
    ended more than 3 days ago. What the store locks is counted and left.

    Safe to repeat and to cut at any point. Raises VaultUnavailableError; VaultError when ``identity`` may not delete.
    """
    held = frozenset(held_resources)
    deleted, deleted_bytes, locked = 0, 0, 0

    async def overdue() -> AsyncIterator[BlobInfo]:
        async for info, is_current in every_version(store):
            verdict = judge(info, is_current=is_current, is_held=resource_of(info.name) in held, now=now)
            if verdict.state is LeaseState.OVERDUE:
                yield info

    async def delete(info: BlobInfo) -> None:
        nonlocal deleted, deleted_bytes, locked
        try:
            await identity.delete(info.name, info.version_id)
        except BlobLockedError:
            locked += 1
        except BlobNotFoundError:
            pass  # gone meanwhile
        else:
            deleted += 1
            deleted_bytes += info.size_bytes

    await for_each(overdue(), delete)
    return PurgeReport(now, deleted, deleted_bytes, locked)
