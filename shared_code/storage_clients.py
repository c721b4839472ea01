"""Clients of the storage account that the settings name: in Azure by an identity, locally by a connection string."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableServiceClient
from azure.identity.aio import ManagedIdentityCredential
from azure.storage.blob.aio import BlobServiceClient

from shared_code.config import Settings
from shared_code.vault.azure_blob import blob_service


def blobs_of(settings: Settings, credential: AsyncTokenCredential | None) -> BlobServiceClient:
    """Blob storage as the app may use it. Without a credential the settings hold a connection string."""
    if credential is None:
        return blob_service(connection_string=settings.storage_connection)
    return blob_service(account_url=settings.storage_account_url, credential=credential)


@asynccontextmanager
async def purge_blobs_of(settings: Settings) -> AsyncIterator[BlobServiceClient]:
    """Blob storage as the purge job may use it; a local run has one key for everything."""
    if settings.storage_connection:
        async with blob_service(connection_string=settings.storage_connection) as service:
            yield service
        return
    async with (
        ManagedIdentityCredential(client_id=settings.purge_client_id) as credential,
        blob_service(account_url=settings.storage_account_url, credential=credential) as service,
    ):
        yield service


def tables_of(settings: Settings, credential: AsyncTokenCredential | None) -> TableServiceClient:
    """Table storage as the app may use it. Without a credential the settings hold a connection string."""
    transport = AioHttpTransport(use_env_settings=False)  # as that of the blobs
    if credential is None:
        return TableServiceClient.from_connection_string(settings.storage_connection, transport=transport)
    return TableServiceClient(settings.table_account_url, credential=credential, transport=transport)
