"""The promises of the BlobStore port about leases, tags, legal holds, versions and deletion, on every implementation.

On stores without WORM (the emulator) leases and holds are kept and told, and protect nothing: the suite says that too.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from shared_code.errors import BlobLockedError, BlobNotFoundError, VaultError
from shared_code.vault.blob_store import BlobInfo, BlobStore
from tests.fakes.blob_stores import SOFT, WORM, OpenedStore, opened

DAY = timedelta(days=1)


@pytest.fixture(params=[*WORM, *SOFT])
async def at(request: pytest.FixtureRequest) -> AsyncIterator[OpenedStore]:
    async with opened(request.param, request) as store:
        await store.store.create_container()
        yield store


@pytest.fixture(params=WORM)
async def worm(request: pytest.FixtureRequest) -> AsyncIterator[OpenedStore]:
    async with opened(request.param, request) as store:
        await store.store.create_container()
        assert await store.store.is_immutable()
        yield store


@pytest.fixture(params=SOFT)
async def soft(request: pytest.FixtureRequest) -> AsyncIterator[OpenedStore]:
    async with opened(request.param, request) as store:
        await store.store.create_container()
        assert not await store.store.is_immutable()
        yield store


async def told(store: BlobStore, name: str, version_id: str = "") -> BlobInfo:
    """What a detailed listing says of that version (empty: the only one)."""
    found = [one async for one in store.list(name, details=True, all_versions=True)]
    (info,) = [one for one in found if one.name == name and version_id in ("", one.version_id)]
    return info


async def versions(store: BlobStore, prefix: str = "") -> list[tuple[str, str]]:
    return [(info.name, info.version_id) async for info in store.list(prefix, all_versions=True)]


def same_second(actual: datetime | None, wanted: datetime) -> bool:
    """A lease may end up to a second late and never early."""
    return actual is not None and wanted <= actual < wanted + timedelta(seconds=1)


# ---- leases


async def test_a_blob_has_its_lease_from_the_first_moment(at: OpenedStore) -> None:
    until = at.now() + 127 * DAY + timedelta(milliseconds=300)
    info = await at.store.create("a/packs/1", b"1", until)
    assert same_second(info.leased_until, until)
    listed = await told(at.store, "a/packs/1")
    assert same_second(listed.leased_until, until)
    assert (listed.version_id, listed.size_bytes, dict(listed.tags), listed.legal_hold) == (
        info.version_id,
        1,
        {},
        False,
    )


async def test_a_blob_without_a_lease_has_none(at: OpenedStore) -> None:
    assert (await at.store.create("a", b"1")).leased_until is None
    assert (await told(at.store, "a")).leased_until is None


async def test_a_plain_listing_tells_names_and_versions_alone(at: OpenedStore) -> None:
    info = await at.store.create("a", b"1", at.now() + DAY)
    await at.store.set_tags("a", {"k": "v"})
    (listed,) = [one async for one in at.store.list("")]
    assert (listed.name, listed.version_id, listed.leased_until, dict(listed.tags)) == ("a", info.version_id, None, {})


async def test_leases_are_extended_and_never_shortened(at: OpenedStore) -> None:
    start = at.now()
    info = await at.store.create("a", b"1", start + 100 * DAY)
    for days, expected in ((130, 130), (120, 130), (130, 130), (200, 200), (1, 200)):
        await at.store.extend_lease("a", info.version_id, start + days * DAY)
        assert same_second((await told(at.store, "a")).leased_until, start + expected * DAY), days


async def test_a_blob_without_a_lease_is_given_one(at: OpenedStore) -> None:
    until = at.now() + 30 * DAY
    await at.store.create("a", b"1")
    await at.store.extend_lease("a", "", until)
    assert same_second((await told(at.store, "a")).leased_until, until)


async def test_extending_changes_nothing_else(at: OpenedStore) -> None:
    info = await at.store.create("a", b"1", at.now() + DAY)
    await at.store.set_tags("a", {"retention": "expired", "of": "x"})
    await at.store.set_legal_hold("a", info.version_id, True)
    await at.store.extend_lease("a", info.version_id, at.now() + 9 * DAY)
    listed = await told(at.store, "a")
    assert (dict(listed.tags), listed.legal_hold) == ({"retention": "expired", "of": "x"}, True)
    assert await at.store.read("a") == b"1"
    assert await versions(at.store) == [("a", info.version_id)]


async def test_tags_are_replaced_and_lease_and_hold_stay(at: OpenedStore) -> None:
    until = at.now() + 5 * DAY
    info = await at.store.create("a", b"1", until)
    await at.store.set_legal_hold("a", info.version_id, True)
    for tags in ({"a": "1", "b": "2"}, {"retention": "expired"}, {}):
        await at.store.set_tags("a", tags)
        listed = await told(at.store, "a")
        assert (dict(listed.tags), listed.legal_hold) == (tags, True)
        assert same_second(listed.leased_until, until)


async def test_a_hold_is_set_and_lifted_and_the_lease_stays(at: OpenedStore) -> None:
    until = at.now() + 5 * DAY
    info = await at.store.create("a", b"1", until)
    for held in (True, True, False, False):
        await at.store.set_legal_hold("a", info.version_id, held)
        listed = await told(at.store, "a")
        assert listed.legal_hold is held
        assert same_second(listed.leased_until, until)


async def test_what_is_not_there_has_no_lease_tags_or_hold(at: OpenedStore) -> None:
    with pytest.raises(BlobNotFoundError):
        await at.store.extend_lease("a", "", at.now() + DAY)
    with pytest.raises(BlobNotFoundError):
        await at.store.set_tags("a", {"k": "v"})
    with pytest.raises(BlobNotFoundError):
        await at.store.set_legal_hold("a", "", True)
    with pytest.raises(BlobNotFoundError):
        await at.purge.delete("a", "")


async def test_a_lease_that_has_ended_already_is_refused(worm: OpenedStore) -> None:
    with pytest.raises(VaultError):
        await worm.store.create("a", b"1", worm.now() - DAY)
    assert await versions(worm.store) == []
    info = await worm.store.create("b", b"1")
    with pytest.raises(VaultError):
        await worm.store.extend_lease("b", info.version_id, worm.now() - DAY)


# ---- versions


async def test_a_write_over_a_name_makes_a_version_and_the_old_one_keeps_its_lease(worm: OpenedStore) -> None:
    until = worm.now() + 9 * DAY
    old = await worm.store.create("a", b"old", until)
    await worm.store.set_tags("a", {"k": "old"})
    await worm.overwrite("a", b"new!")
    assert await worm.store.read("a", version_id=old.version_id) == b"old"
    assert await worm.store.read("a") == b"new!"
    (current,) = [one async for one in worm.store.list("", details=True)]
    assert current.version_id != old.version_id
    assert (current.leased_until, dict(current.tags), current.size_bytes) == (None, {}, 4)
    assert same_second((await told(worm.store, "a", old.version_id)).leased_until, until)
    assert await versions(worm.store) == [("a", old.version_id), ("a", current.version_id)]


async def test_leases_and_holds_go_to_the_named_version_and_tags_to_the_current_one(worm: OpenedStore) -> None:
    start = worm.now()
    old = await worm.store.create("a", b"old", start + DAY)
    await worm.overwrite("a", b"new")
    (current,) = [one async for one in worm.store.list("a")]
    await worm.store.extend_lease("a", old.version_id, start + 50 * DAY)
    await worm.store.set_legal_hold("a", old.version_id, True)
    await worm.store.set_tags("a", {"retention": "expired"})
    previous, now_current = [await told(worm.store, "a", one.version_id) for one in (old, current)]
    assert same_second(previous.leased_until, start + 50 * DAY)
    assert (previous.legal_hold, dict(previous.tags)) == (True, {})
    assert (now_current.leased_until, now_current.legal_hold) == (None, False)
    assert dict(now_current.tags) == {"retention": "expired"}


async def test_a_deleted_current_version_stays_as_a_version_and_its_name_is_free(worm: OpenedStore) -> None:
    old = await worm.store.create("a", b"old")
    await worm.retire("a")
    assert [one async for one in worm.store.list("")] == []
    with pytest.raises(BlobNotFoundError):
        await worm.store.read("a")
    assert await worm.store.read("a", version_id=old.version_id) == b"old"
    assert await versions(worm.store) == [("a", old.version_id)]
    until = worm.now() + DAY
    new = await worm.store.create("a", b"new", until)
    assert await versions(worm.store) == [("a", old.version_id), ("a", new.version_id)]
    assert same_second((await told(worm.store, "a", new.version_id)).leased_until, until)
    assert (await told(worm.store, "a", old.version_id)).leased_until is None


async def test_a_listing_of_versions_is_in_the_order_of_names_and_the_oldest_first(worm: OpenedStore) -> None:
    for round_number in range(4):
        for name in ("b/2", "a/1", "b/10", "c"):
            await worm.overwrite(name, bytes(round_number))
    await worm.retire("b/10")
    for details in (False, True):
        found = [one async for one in worm.store.list("", details=details, all_versions=True)]
        sizes = [(one.name, one.size_bytes) for one in found]
        assert sizes == [(name, size) for name in ("a/1", "b/10", "b/2", "c") for size in range(4)]
        current = [one.name async for one in worm.store.list("", details=details)]
        assert current == ["a/1", "b/2", "c"]
        assert [one.name async for one in worm.store.list("b", details=details)] == ["b/2"]


# ---- deletion


async def test_what_is_leased_is_not_deleted_before_its_lease_ends(worm: OpenedStore) -> None:
    info = await worm.store.create("a", b"1", worm.now() + 2 * DAY)
    with pytest.raises(BlobLockedError):
        await worm.purge.delete("a", info.version_id)
    assert await worm.store.read("a", version_id=info.version_id) == b"1"
    worm.wait(2 * DAY + timedelta(seconds=1))
    await worm.purge.delete("a", info.version_id)
    assert await versions(worm.store) == []


async def test_what_is_held_is_not_deleted_whatever_its_lease(worm: OpenedStore) -> None:
    info = await worm.store.create("a", b"1")
    await worm.store.set_legal_hold("a", info.version_id, True)
    with pytest.raises(BlobLockedError):
        await worm.purge.delete("a", info.version_id)
    assert await worm.store.read("a", version_id=info.version_id) == b"1"
    await worm.store.set_legal_hold("a", info.version_id, False)
    await worm.purge.delete("a", info.version_id)
    assert await versions(worm.store) == []


async def test_a_hold_outlives_the_lease(worm: OpenedStore) -> None:
    info = await worm.store.create("a", b"1", worm.now() + DAY)
    await worm.store.set_legal_hold("a", info.version_id, True)
    worm.wait(3 * DAY)
    with pytest.raises(BlobLockedError):
        await worm.purge.delete("a", info.version_id)
    await worm.store.set_legal_hold("a", info.version_id, False)
    await worm.purge.delete("a", info.version_id)
    assert await versions(worm.store) == []


async def test_deleting_takes_the_named_version_alone_and_for_good(worm: OpenedStore) -> None:
    old = await worm.store.create("a", b"old")
    await worm.overwrite("a", b"new")
    (current,) = [one async for one in worm.store.list("a")]
    await worm.purge.delete("a", old.version_id)
    assert await versions(worm.store) == [("a", current.version_id)]
    with pytest.raises(BlobNotFoundError):
        await worm.purge.delete("a", old.version_id)
    assert await worm.store.read("a") == b"new"
    await worm.purge.delete("a", current.version_id)
    assert await versions(worm.store) == []


async def test_leases_and_holds_of_a_store_without_worm_protect_nothing(soft: OpenedStore) -> None:
    info = await soft.store.create("a", b"1", soft.now() + 100 * DAY)
    assert info.version_id == ""
    await soft.store.set_legal_hold("a", "", True)
    await soft.overwrite("a", b"2")
    assert await soft.store.read("a") == b"2"
    await soft.store.create("b", b"1", soft.now() + 100 * DAY)
    await soft.store.set_legal_hold("b", "", True)
    for name in ("a", "b"):
        await soft.purge.delete(name, "")
    assert await versions(soft.store) == []
