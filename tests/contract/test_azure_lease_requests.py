"""What the Azure store asks an account for when it leases: how often, and in which mode. And how it keeps leases on the
emulator."""

from datetime import timedelta

import pytest

from shared_code.vault.azure_blob import AzureBlobStore, PolicyMode, blob_service
from shared_code.vault.memory_blob import MemoryBlobStore
from shared_code.vault.soft_leases import SoftTags
from tests.fakes.blob_stores import Clock
from tests.fakes.worm_account import WormAccount

DAY = timedelta(days=1)


@pytest.mark.parametrize(("mode", "later"), [("Unlocked", "Unlocked"), ("Unlocked", "Locked"), ("Locked", "Unlocked")])
async def test_policies_have_the_mode_of_the_setting_and_locked_ones_stay_locked(
    mode: PolicyMode, later: PolicyMode
) -> None:
    clock = Clock()
    async with (
        WormAccount(MemoryBlobStore(clock), clock) as account,
        blob_service(account_url=account.url, retries=0) as service,
    ):
        info = await AzureBlobStore(service, "c", policy_mode=mode).create("a", b"1", clock() + DAY)
        assert account.modes["a", info.version_id] == mode
        store = AzureBlobStore(service, "c", policy_mode=later)
        await store.extend_lease("a", info.version_id, clock() + 2 * DAY)
        assert account.modes["a", info.version_id] == ("Locked" if "Locked" in (mode, later) else "Unlocked")
        assert [one.leased_until async for one in store.list("a", details=True)] == [clock() + 2 * DAY]


async def test_a_leased_write_is_one_request_and_the_container_is_asked_once() -> None:
    clock = Clock()
    async with (
        WormAccount(MemoryBlobStore(clock), clock) as account,
        blob_service(account_url=account.url, retries=0) as service,
    ):
        store = AzureBlobStore(service, "c")
        infos = [await store.create(f"a/{number}", b"1", clock() + DAY) for number in range(5)]
        assert account.requests == {"GET container": 1, "PUT": 5}
        await store.extend_lease("a/0", infos[0].version_id, clock() + DAY)
        assert account.requests == {"GET container": 1, "PUT": 5, "HEAD": 1}
        await store.extend_lease("a/0", infos[0].version_id, clock() + 2 * DAY)
        assert account.requests["PUT immutabilityPolicies"] == 1
        await store.set_tags("a/0", {"retention": "expired"})
        assert account.requests["PUT tags"] == 1
        assert account.requests["GET tags"] == 0
        assert [one.leased_until async for one in store.list("a/", details=True)] == [clock() + 2 * DAY] + [
            clock() + DAY
        ] * 4
        assert account.requests["GET container"] == 1


async def test_the_emulators_tags_are_kept_apart_from_the_others() -> None:
    until = Clock()() + timedelta(microseconds=1)
    tags = SoftTags(until, True, {"k": "v"})
    assert tags.stored() == {"k": "v", "leased_until": "20261101T120001Z", "legal_hold": "on"}
    assert SoftTags.parse(tags.stored()) == SoftTags(Clock()() + timedelta(seconds=1), True, {"k": "v"})
    assert SoftTags.parse({"leased_until": "tomorrow", "k": "v"}) == SoftTags(None, False, {"k": "v"})
    assert SoftTags.parse(None) == SoftTags()
