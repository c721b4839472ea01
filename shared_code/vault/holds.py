"""Legal holds: what the ledger says is on hold is held blob by blob, so that the store itself refuses to delete it.

Holding and releasing are apart. That the ledger names no hold releases nothing: it may have been lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from shared_code.errors import BlobNotFoundError
from shared_code.vault.blob_store import BlobInfo, BlobStore
from shared_code.vault.customer_record import ROOM
from shared_code.vault.whole_container import for_each, resource_of


async def apply_holds(store: BlobStore, held_resources: Collection[str]) -> dict[str, int]:
    """Set a legal hold on every version of these resources, and, if there are any, on what the vault tells of its
    customer; returns how many versions of each resource are held now. Releases nothing.

    Run it after each backup and before each expiry: what was written since is not held yet (its lease protects it
    meanwhile, and the expiry is told of the holds anyway). Safe to repeat and to cut at any point. Raises
    VaultUnavailableError.
    """
    counts = {resource_id: await _set(store, resource_id, True) for resource_id in sorted(held_resources)}
    if counts:
        await _set(store, ROOM, True)
    return counts


async def release_holds(store: BlobStore, resources: Collection[str], *, is_last: bool) -> None:
    """Release every version of these resources, of which every hold is lifted. ``is_last``: nothing of the customer's
    is on hold any more, so that what the vault tells of it is released too. Safe to repeat and to cut at any point.
    Raises VaultUnavailableError."""
    for resource_id in sorted(resources):
        await _set(store, resource_id, False)
    if is_last:
        await _set(store, ROOM, False)


async def held_in_store(store: BlobStore) -> set[str]:
    """What has a blob with a legal hold, by the first segment of its name. Lists the whole container. Raises
    VaultUnavailableError."""
    try:
        return {
            resource_of(info.name) async for info in store.list("", details=True, all_versions=True) if info.legal_hold
        }
    except BlobNotFoundError:  # no container
        return set()


async def has_blobs(store: BlobStore, resource_id: str) -> bool:
    """Whether anything of a resource is stored. Raises VaultUnavailableError."""
    try:
        async for _ in store.list(f"{resource_id}/", all_versions=True):
            return True
    except BlobNotFoundError:  # no container
        pass
    return False


async def _set(store: BlobStore, first_segment: str, held: bool) -> int:
    """Let all these versions be held, or none; how many there are."""
    count = 0

    async def to_change() -> AsyncIterator[BlobInfo]:
        nonlocal count
        try:
            async for info in store.list(f"{first_segment}/", details=True, all_versions=True):
                count += 1
                if info.legal_hold is not held:
                    yield info
        except BlobNotFoundError:
            return  # no container: nothing to hold

    async def change(info: BlobInfo) -> None:
        nonlocal count
        try:
            await store.set_legal_hold(info.name, info.version_id, held)
        except BlobNotFoundError:  # gone since it was listed
            count -= 1

    await for_each(to_change(), change)
    return count
