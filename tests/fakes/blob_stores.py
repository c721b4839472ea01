"""Every implementation of the BlobStore port, opened for the contract suite.

``M365_BACKUP_LIVE_ACCOUNT``: the blob endpoint of an account with version-level WORM, to use with the signed-in
identity, which needs the roles of the app and of the purge job. What a test writes there is deleted after it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity.aio import DefaultAzureCredential
from azure.storage.blob.aio import BlobServiceClient

from shared_code.errors import BlobNotFoundError
from shared_code.vault.azure_blob import AzureBlobStore, AzurePurge, blob_service
from shared_code.vault.blob_store import BlobStore, Purge
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.worm_account import WormAccount

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
SOFT = ("memory without versions", "azurite")
WORM = ("memory", "azure client on a played account", "live")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def pass_time(self, time: timedelta) -> None:
        self.time += time


@dataclass
class OpenedStore:
    """A store, the purge of the same container, and what others could do to it: write over a name, and delete a
    current version. ``pass_time`` is None where nobody can hand it a clock."""

    store: BlobStore
    purge: Purge
    now: Callable[[], datetime]
    overwrite: Callable[[str, bytes], Awaitable[None]]
    retire: Callable[[str], Awaitable[None]]
    pass_time: Callable[[timedelta], None] | None = None

    def wait(self, time: timedelta) -> None:
        """Let time pass, or skip where that would take as long."""
        if self.pass_time is None:
            pytest.skip("a live account has its own clock: what happens when a lease ends is not tested on it")
        self.pass_time(time)


@asynccontextmanager
async def opened(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[OpenedStore]:
    """The store of that kind; its container is not there yet. Skips where there is none."""
    match kind:
        case "memory" | "memory without versions":
            yield _memory(keeps_versions=kind == "memory")
        case "azure client on a played account":
            clock = Clock()
            async with (
                WormAccount(MemoryBlobStore(clock, exists=False), clock) as account,
                blob_service(account_url=account.url, retries=0) as service,
            ):
                opened_store = _azure(service, "vault-played", clock)
                opened_store.pass_time = clock.pass_time
                yield opened_store
        case "azurite":
            async with blob_service(connection_string=request.getfixturevalue("azurite")) as service:
                yield _azure(service, f"vault-{uuid.uuid4().hex[:16]}", _utc_now)
        case "live":
            url = os.environ.get("M365_BACKUP_LIVE_ACCOUNT")
            if not url:
                pytest.skip("no live account: M365_BACKUP_LIVE_ACCOUNT is not set")
            name = f"test-{uuid.uuid4().hex[:16]}"
            async with (
                DefaultAzureCredential() as credential,
                blob_service(account_url=url, credential=credential) as service,
            ):
                try:
                    yield _azure(service, name, _utc_now)
                finally:
                    await _remove(service, name)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _memory(*, keeps_versions: bool) -> OpenedStore:
    clock = Clock()
    store = MemoryBlobStore(clock, exists=False, keeps_versions=keeps_versions)

    async def overwrite(name: str, data: bytes) -> None:
        store.overwrite(name, data)

    async def retire(name: str) -> None:
        store.retire(name)

    return OpenedStore(store, store, clock, overwrite, retire, clock.pass_time)


def _azure(service: BlobServiceClient, container_name: str, now: Callable[[], datetime]) -> OpenedStore:
    container = service.get_container_client(container_name)

    async def overwrite(name: str, data: bytes) -> None:
        await container.upload_blob(name, data, overwrite=True)

    async def retire(name: str) -> None:
        await container.delete_blob(name)

    store = AzureBlobStore(service, container_name, policy_mode="Unlocked")  # else nobody could tidy up a live account
    purge = AzurePurge(service, container_name)
    return OpenedStore(store, purge, now, overwrite, retire)


async def _remove(service: BlobServiceClient, container_name: str) -> None:
    container = service.get_container_client(container_name)
    store = AzureBlobStore(service, container_name, policy_mode="Unlocked")  # else nobody could tidy up a live account
    purge = AzurePurge(service, container_name)
    with suppress(BlobNotFoundError):
        for info in [info async for info in store.list("", details=True, all_versions=True)]:
            blob = container.get_blob_client(info.name)
            if info.legal_hold:
                await store.set_legal_hold(info.name, info.version_id, False)
            if info.leased_until is not None:
                with suppress(HttpResponseError):
                    await blob.delete_immutability_policy(version_id=info.version_id)
            await purge.delete(info.name, info.version_id)
        await container.delete_container()
