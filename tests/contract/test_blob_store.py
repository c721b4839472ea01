"""One suite for every implementation of the BlobStore port: memory, the emulator, the Azure client on a played account,
and a live account where its settings are there (tests/fakes/blob_stores.py). Here: writing, reading, listing and how
errors are told apart; leases are in test_blob_leases.py."""

import os
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web

from shared_code.errors import (
    BlobExistsError,
    BlobLockedError,
    BlobNotFoundError,
    VaultError,
    VaultUnavailableError,
)
from shared_code.vault.azure_blob import AzureBlobStore, blob_service
from shared_code.vault.blob_store import BlobStore
from tests.fakes.blob_stores import SOFT, WORM, opened

HOSTILE_NAMES = [
    "../a",
    "a/../b",
    "/a",
    "a//b",
    "a/",
    "",
    "a\x00b",
    "ä",
    "a b",
    "a?b",
    "a%2fb",
    "a\\b",
    "a/b.",
    "x" * 1025,
]


@pytest.fixture(params=[*WORM, *SOFT])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[BlobStore]:
    async with opened(request.param, request) as at:
        yield at.store


@pytest.fixture
async def container(store: BlobStore) -> BlobStore:
    await store.create_container()
    return store


async def test_before_the_container_is_made_everything_says_that_it_is_missing(store: BlobStore) -> None:
    with pytest.raises(BlobNotFoundError):
        await store.is_immutable()
    for leased_until in (None, datetime(2100, 1, 1, tzinfo=UTC)):
        with pytest.raises(BlobNotFoundError):
            await store.create("a/b", b"x", leased_until)
    with pytest.raises(BlobNotFoundError):
        await store.read("a/b")
    with pytest.raises(BlobNotFoundError):
        [info async for info in store.list("")]
    with pytest.raises(BlobNotFoundError):
        [info async for info in store.list("", details=True, all_versions=True)]


async def test_making_the_container_twice_is_harmless(store: BlobStore) -> None:
    await store.create_container()
    await store.create("kept", b"1")
    await store.create_container()
    assert await store.read("kept") == b"1"


async def test_what_was_created_is_read_whole_and_by_range_and_version(container: BlobStore) -> None:
    data = bytes(range(256)) * 300
    info = await container.create("mailbox.a/packs/01", data)
    assert (info.name, info.size_bytes) == ("mailbox.a/packs/01", len(data))
    for version_id in ("", info.version_id):
        read = container.read
        assert await read(info.name, version_id=version_id) == data
        assert await read(info.name, version_id=version_id, offset=257, length=1000) == data[257:1257]
        assert await read(info.name, version_id=version_id, offset=70_000) == data[70_000:]


async def test_reads_over_the_end_are_short(container: BlobStore) -> None:
    await container.create("a", b"12345")
    assert await container.read("a", offset=3, length=100) == b"45"
    assert await container.read("a", offset=5, length=1) == b""
    assert await container.read("a", offset=99) == b""
    assert await container.read("a", offset=1, length=0) == b""


async def test_an_empty_blob_is_a_blob(container: BlobStore) -> None:
    assert (await container.create("empty", b"")).size_bytes == 0
    assert await container.read("empty") == b""


async def test_a_name_is_written_once(container: BlobStore) -> None:
    await container.create("a", b"first")
    with pytest.raises(BlobExistsError):
        await container.create("a", b"second")
    with pytest.raises(BlobExistsError):
        await container.create("a", b"first")
    assert await container.read("a") == b"first"


async def test_what_is_not_there_is_said_to_be_not_there(container: BlobStore) -> None:
    await container.create("a", b"1")
    with pytest.raises(BlobNotFoundError):
        await container.read("b")
    with pytest.raises(BlobNotFoundError):
        await container.read("a/b", offset=1, length=2)


async def test_listing_gives_what_begins_with_the_prefix_in_the_order_of_names(container: BlobStore) -> None:
    names = ["a/2", "a/10", "a/1", "ab/1", "b/a/1", "a!x/1"]
    versions = {name: (await container.create(name, name.encode())).version_id for name in names}
    found = [info async for info in container.list("a/")]
    assert [info.name for info in found] == ["a/1", "a/10", "a/2"]
    assert [info.size_bytes for info in found] == [3, 4, 3]
    assert [info.version_id for info in found] == [versions[info.name] for info in found]
    assert [info.name async for info in container.list("")] == sorted(names)
    assert [info.name async for info in container.list("nothing")] == []


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_a_hostile_name_is_refused_before_anything_is_sent(container: BlobStore, name: str) -> None:
    with pytest.raises(VaultError):
        await container.create(name, b"x")
    assert [info async for info in container.list("")] == []


@pytest.mark.parametrize("name", [name for name in HOSTILE_NAMES if name])
async def test_what_no_blob_is_called_is_neither_read_nor_listed(container: BlobStore, name: str) -> None:
    await container.create("a/b", b"x")
    with pytest.raises(BlobNotFoundError, match="such a name"):
        await container.read(name)
    if name not in ("a/", "a/b."):  # names can begin with these
        with pytest.raises(VaultError, match="begin with"):
            [info async for info in container.list(name)]


async def test_a_pack_of_full_size_goes_in_and_comes_out(container: BlobStore) -> None:
    data = os.urandom(1024) * 20 * 1024
    info = await container.create("packs/large", data)
    assert await container.read("packs/large", version_id=info.version_id) == data
    assert await container.read("packs/large", offset=19 * 1024 * 1024, length=777) == data[19 * 1024 * 1024 :][:777]


async def test_a_store_without_versions_says_that_it_is_not_immutable(container: BlobStore) -> None:
    info = await container.create("a", b"1")
    assert await container.is_immutable() is bool(info.version_id)


async def test_an_unreachable_account_is_a_retryable_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with blob_service(account_url=f"http://127.0.0.1:{port}/account", retries=0) as service:
        with pytest.raises(VaultUnavailableError) as caught:
            await AzureBlobStore(service, "vault-x").read("a")
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (409, "BlobImmutableDueToPolicy", BlobLockedError),
        (409, "BlobImmutableDueToLegalHold", BlobLockedError),
        (403, "UnauthorizedBlobOverwrite", BlobExistsError),
        (503, "ServerBusy", VaultUnavailableError),
        (500, "InternalError", VaultUnavailableError),
        (409, "ContainerBeingDeleted", VaultUnavailableError),
        (403, "AuthorizationPermissionMismatch", VaultError),
        (401, "InvalidAuthenticationInfo", VaultError),
        (404, "BlobNotFound", BlobNotFoundError),
        (409, "BlobAlreadyExists", BlobExistsError),
        (412, "ConditionNotMet", BlobExistsError),
    ],
)
async def test_the_accounts_answers_are_told_apart(status: int, code: str, expected: type[VaultError]) -> None:
    async def answer(request: web.Request) -> web.Response:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no secrets</Message></Error>"
        return web.Response(status=status, headers={"x-ms-error-code": code}, text=body, content_type="application/xml")

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with blob_service(account_url=f"http://127.0.0.1:{port}/account", retries=0) as service:
        with pytest.raises(VaultError) as caught:
            await AzureBlobStore(service, "vault-x").create("a/b", b"x")
    await runner.cleanup()
    assert type(caught.value) is expected
    assert caught.value.retryable is (expected is VaultUnavailableError)
    assert "secrets" not in str(caught.value)
