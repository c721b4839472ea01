"""The reference store: what it refuses, counts and lets tests do. The port's own promises: tests/contract."""

from datetime import UTC, datetime, timedelta

import pytest

from shared_code.errors import BlobExistsError, BlobLockedError, BlobNotFoundError, VaultError
from shared_code.vault.memory_blob import MemoryBlobStore, Moment

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class World:
    def __init__(self, *, keeps_versions: bool = True) -> None:
        self.now = NOW
        self.store = MemoryBlobStore(lambda: self.now, keeps_versions=keeps_versions)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_lease_ends_when_the_handed_clock_says_so(world: World) -> None:
    info = await world.store.create("a", b"1", NOW + DAY)
    world.now = NOW + DAY - timedelta(seconds=1)
    with pytest.raises(BlobLockedError) as caught:
        await world.store.delete("a", info.version_id)
    assert caught.value.until == NOW + DAY
    world.now = NOW + DAY
    await world.store.delete("a", info.version_id)
    assert world.store.blobs == {}


async def test_what_worm_forbade_is_counted(world: World) -> None:
    info = await world.store.create("a", b"1", NOW + DAY)
    with pytest.raises(BlobLockedError):
        await world.store.delete("a", info.version_id)
    with pytest.raises(BlobLockedError):
        world.store.set_metadata("a")
    with pytest.raises(VaultError):
        await world.store.create("b", b"1", NOW)
    assert world.store.refused == {"delete": 1, "set_metadata": 1, "create": 1}
    assert list(world.store.blobs) == ["a"]


async def test_looking_whether_a_version_could_be_deleted_counts_nothing(world: World) -> None:
    info = await world.store.create("a", b"1", NOW + DAY)
    with pytest.raises(BlobLockedError):
        world.store.check_deletable(info)
    assert not world.store.refused


async def test_metadata_of_what_had_a_policy_stay_fixed_after_it(world: World) -> None:
    await world.store.create("leased", b"1", NOW + DAY)
    await world.store.create("free", b"1")
    world.now = NOW + 9 * DAY
    with pytest.raises(BlobLockedError):
        world.store.set_metadata("leased")
    world.store.set_metadata("free")
    await world.store.set_legal_hold("free", "", True)
    with pytest.raises(BlobLockedError):
        world.store.set_metadata("free")


async def test_a_lease_that_has_run_out_can_be_given_again(world: World) -> None:
    info = await world.store.create("a", b"1", NOW + DAY)
    world.now = NOW + 2 * DAY
    await world.store.extend_lease("a", info.version_id, NOW + DAY)
    with pytest.raises(VaultError):
        await world.store.extend_lease("a", info.version_id, NOW + 2 * DAY)
    await world.store.extend_lease("a", info.version_id, NOW + 3 * DAY)
    with pytest.raises(BlobLockedError):
        await world.store.delete("a", info.version_id)


async def test_operations_are_counted_by_kind(world: World) -> None:
    store = world.store
    info = await store.create("a", b"1")
    with pytest.raises(BlobExistsError):
        await store.create("a", b"1")
    await store.read("a")
    [one async for one in store.list("")]
    await store.extend_lease("a", info.version_id, NOW + DAY)
    await store.set_tags("a", {})
    await store.set_legal_hold("a", "", False)
    await store.is_immutable()
    assert store.operations == {
        "create": 2,
        "read": 1,
        "list": 1,
        "extend_lease": 1,
        "set_tags": 1,
        "set_legal_hold": 1,
        "is_immutable": 1,
    }


@pytest.mark.parametrize("moment", list(Moment))
async def test_a_fault_before_leaves_nothing_and_a_fault_after_everything(world: World, moment: Moment) -> None:
    seen: list[tuple[str, str, Moment]] = []

    def hook(operation: str, name: str, at: Moment) -> None:
        seen.append((operation, name, at))
        if at is moment:
            raise ConnectionError

    world.store.hook = hook
    with pytest.raises(ConnectionError):
        await world.store.create("a", b"1", NOW + DAY)
    assert list(world.store.blobs) == ([] if moment is Moment.BEFORE else ["a"])
    assert seen[-1] == ("create", "a", moment)


async def test_lost_bytes_are_gone_with_all_their_versions(world: World) -> None:
    info = await world.store.create("a", b"1", NOW + DAY)
    world.store.overwrite("a", b"2")
    world.store.lose("a")
    for version_id in ("", info.version_id):
        with pytest.raises(BlobNotFoundError):
            await world.store.read("a", version_id=version_id)


async def test_a_version_can_be_loaded_under_its_own_id(world: World) -> None:
    world.store.put_version("a", "2025-01-01T00:00:00.0000000Z", b"1")
    assert await world.store.read("a", version_id="2025-01-01T00:00:00.0000000Z") == b"1"
    assert [one.version_id async for one in world.store.list("")] == ["2025-01-01T00:00:00.0000000Z"]


async def test_without_versions_a_name_has_one_state_and_nothing_is_refused() -> None:
    store = World(keeps_versions=False).store
    assert (await store.create("a", b"1", NOW - DAY)).version_id == ""
    await store.set_legal_hold("a", "", True)
    store.set_metadata("a")
    store.overwrite("a", b"2")
    assert [one.size_bytes async for one in store.list("", all_versions=True)] == [1]
    store.retire("a")
    assert store.blobs == {}
    assert not store.refused
