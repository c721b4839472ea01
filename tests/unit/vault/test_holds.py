"""Legal holds, blob by blob."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared_code.errors import BlobLockedError, VaultUnavailableError
from shared_code.vault.holds import apply_holds, has_blobs, held_in_store, release_holds
from shared_code.vault.memory_blob import MemoryBlobStore, Moment

NOW = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
HELD = "drive.one"


@pytest.fixture
async def store() -> MemoryBlobStore:
    """Two resources, of which one's name begins with the other's; the held one has a previous version."""
    made = MemoryBlobStore(lambda: NOW)
    for name in (
        "drive.one/packs/A",
        "drive.one/snapshots/00000001.json",
        "drive.one-more/packs/A",
        "mailbox.x/packs/A",
    ):
        await made.create(name, b"x", NOW + timedelta(days=1))
    made.overwrite("drive.one/packs/A", b"y")
    return made


async def _held(store: MemoryBlobStore) -> list[str]:
    return [info.name async for info in store.list("", details=True, all_versions=True) if info.legal_hold]


async def test_every_version_of_a_held_resource_is_held_and_no_other(store: MemoryBlobStore) -> None:
    assert await apply_holds(store, [HELD]) == {HELD: 3}
    assert await _held(store) == ["drive.one/packs/A", "drive.one/packs/A", "drive.one/snapshots/00000001.json"]
    assert await apply_holds(store, [HELD]) == {HELD: 3}
    assert store.operations["set_legal_hold"] == 3
    assert await held_in_store(store) == {HELD}


async def test_a_hold_that_nobody_names_any_more_is_not_released(store: MemoryBlobStore) -> None:
    await apply_holds(store, [HELD, "mailbox.x"])
    assert await apply_holds(store, ["mailbox.x"]) == {"mailbox.x": 1}
    assert await apply_holds(store, []) == {}
    assert await held_in_store(store) == {HELD, "mailbox.x"}


async def test_a_lifted_hold_releases_that_resource_alone(store: MemoryBlobStore) -> None:
    await store.create("customer/A.json", b"x", NOW + timedelta(days=1))
    await apply_holds(store, [HELD, "mailbox.x"])
    assert await held_in_store(store) == {HELD, "mailbox.x", "customer"}
    await release_holds(store, [HELD], is_last=False)
    assert await _held(store) == ["customer/A.json", "mailbox.x/packs/A"], "what names the other hold is kept with it"
    await release_holds(store, ["mailbox.x"], is_last=True)
    assert await _held(store) == []


async def test_what_is_not_stored_is_not_held(store: MemoryBlobStore) -> None:
    assert await apply_holds(store, ["drive.on"]) == {"drive.on": 0}
    assert (await has_blobs(store, HELD), await has_blobs(store, "drive.on")) == (True, False)
    nowhere = MemoryBlobStore(lambda: NOW, exists=False)
    assert await apply_holds(nowhere, [HELD]) == {HELD: 0}
    assert (await has_blobs(nowhere, HELD), await held_in_store(nowhere)) == (False, set())


async def test_new_blobs_are_held_by_the_next_pass(store: MemoryBlobStore) -> None:
    await apply_holds(store, [HELD])
    await store.create("drive.one/packs/B", b"new")
    assert await apply_holds(store, [HELD]) == {HELD: 4}
    assert store.operations["set_legal_hold"] == 4


async def test_the_store_refuses_to_delete_what_is_held(store: MemoryBlobStore) -> None:
    info = await store.create("drive.one/packs/unleased", b"x")
    await apply_holds(store, [HELD])
    with pytest.raises(BlobLockedError):
        await store.delete(info.name, info.version_id)
    await release_holds(store, [HELD], is_last=True)
    await store.delete(info.name, info.version_id)


@pytest.mark.parametrize("moment", list(Moment))
async def test_a_pass_that_is_cut_is_made_good_by_the_next(store: MemoryBlobStore, moment: Moment) -> None:
    def hook(operation: str, name: str, at: Moment) -> None:
        if operation == "set_legal_hold" and at is moment:
            raise VaultUnavailableError("The process is gone.")

    store.hook = hook
    with pytest.raises(VaultUnavailableError):
        await apply_holds(store, [HELD])
    store.hook = None
    await apply_holds(store, [HELD])
    assert len(await _held(store)) == 3
    store.hook = hook
    with pytest.raises(VaultUnavailableError):
        await release_holds(store, [HELD], is_last=True)
    store.hook = None
    await release_holds(store, [HELD], is_last=True)
    assert await _held(store) == []


async def test_a_blob_that_vanishes_meanwhile_is_passed_over(store: MemoryBlobStore) -> None:
    def hook(operation: str, name: str, at: Moment) -> None:
        if operation == "set_legal_hold" and at is Moment.BEFORE and name.endswith(".json"):
            store.lose(name)

    store.hook = hook
    assert await apply_holds(store, [HELD]) == {HELD: 2}
