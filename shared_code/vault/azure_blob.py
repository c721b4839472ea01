"""The port on Azure Blob storage. The only file of the vault that knows Azure.

A container is one customer's; the account has versioning and version-level immutability where it is a real one. The
emulator (Azurite) has neither: version ids are empty there and ``is_immutable`` says no.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, cast

from aiohttp import Payload
from aiohttp.abc import AbstractStreamWriter
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpResponse, HttpRequest
from azure.storage.blob.aio import BlobServiceClient

from shared_code.errors import (
    BlobExistsError,
    BlobLockedError,
    BlobNotFoundError,
    VaultError,
    VaultUnavailableError,
)
from shared_code.vault.blob_store import BlobInfo, check_blob_name

MAX_SINGLE_PUT_BYTES = 1024 * 1024 * 1024
"""One Put Blob takes up to 5,000 MiB (Scalability and performance targets for Blob storage, checked November 2026);
the client would cut what is above its own limit of 64 MiB into blocks, and a blob of ours is one request."""

_RETRIES = 5
_CONNECTION_TIMEOUT_S = 20
_READ_TIMEOUT_S = 120
_STREAM_FROM_BYTES = 512 * 1024
_PIECE_BYTES = 256 * 1024
_RANGE_NOT_SATISFIABLE = 416
_TRY_LATER = frozenset({408, 429})
_TRY_LATER_CODES = frozenset({"ContainerBeingDeleted", "ServerBusy", "OperationTimedOut", "InternalError"})


def blob_service(
    *,
    account_url: str = "",
    credential: AsyncTokenCredential | None = None,
    connection_string: str = "",
    retries: int = _RETRIES,
) -> BlobServiceClient:
    """The client of one storage account, for the stores of all its containers. Its ``close`` is the caller's.

    In Azure with ``account_url`` (``https://{account}.blob.core.windows.net``) and an identity, which stays the
    caller's to close; in local runs with a ``connection_string``.
    """
    options: dict[str, Any] = {
        "max_single_put_size": MAX_SINGLE_PUT_BYTES,
        "retry_total": retries,
        "transport": _Transport(connection_timeout=_CONNECTION_TIMEOUT_S, read_timeout=_READ_TIMEOUT_S),
    }
    if connection_string:
        return BlobServiceClient.from_connection_string(connection_string, **options)
    return BlobServiceClient(account_url, credential=credential, **options)


class AzureBlobStore:
    """One container, which need not exist yet. Satisfies ``BlobStore``; see there for what the methods do."""

    def __init__(self, service: BlobServiceClient, container_name: str) -> None:
        self._container = service.get_container_client(container_name)

    async def create_container(self) -> None:
        """See BlobStore."""
        with _translated(""):
            try:
                await self._container.create_container()
            except ResourceExistsError as error:
                if _code_of(error) in _TRY_LATER_CODES:
                    raise

    async def is_immutable(self) -> bool:
        """See BlobStore."""
        with _translated(""):
            properties = await self._container.get_container_properties()
        return properties.immutable_storage_with_versioning_enabled is True

    async def create(self, name: str, data: bytes) -> BlobInfo:
        """See BlobStore."""
        check_blob_name(name)
        with _translated(name):
            answer: dict[str, Any] = await self._container.get_blob_client(name).upload_blob(
                data, length=len(data), overwrite=False
            )
        return BlobInfo(name, answer.get("version_id") or "", len(data), answer.get("last_modified"))

    async def read(self, name: str, *, version_id: str = "", offset: int = 0, length: int | None = None) -> bytes:
        """See BlobStore."""
        if length == 0:
            return b""
        with _translated(name):
            try:
                download = await self._container.get_blob_client(name).download_blob(
                    offset=offset, length=length, version_id=version_id or None
                )
                return await download.readall()
            except HttpResponseError as error:
                if error.status_code == _RANGE_NOT_SATISFIABLE:
                    return b""
                raise

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """See BlobStore."""
        with _translated(prefix):
            # Only a listing of versions tells version ids, that of the current one included.
            async for blob in self._container.list_blobs(name_starts_with=prefix, include=["versions"]):
                if blob.version_id is None or blob.is_current_version:
                    yield BlobInfo(blob.name, blob.version_id or "", blob.size, blob.creation_time)


class _InPieces(Payload):
    """A body that is sent piece by piece from the one copy there is. aiohttp's own ways for bytes and for BytesIO copy
    it whole: into the socket's buffer, or to learn its length."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data, content_type="application/octet-stream")
        self._size = len(data)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Asked by nobody here, and no text."""
        raise TypeError("a blob's body is no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it; waits for the socket after every piece."""
        view = memoryview(self._value)
        for start in range(0, len(view), _PIECE_BYTES):
            await writer.write(view[start : start + _PIECE_BYTES])

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """The announced length is that of the whole body."""
        del content_length
        await self.write(writer)


class _Transport(AioHttpTransport):  # type: ignore[misc]  # the package loads it lazily, without a type
    """Hands large bodies to aiohttp in pieces: as a whole they would hold up the event loop meanwhile."""

    async def send(self, request: HttpRequest, **config: Any) -> AsyncHttpResponse:
        """One try of one request; the body is put back, so that another try finds it from its start."""
        body: Any = request.data
        if isinstance(body, bytes) and len(body) >= _STREAM_FROM_BYTES:
            request.data = cast(Any, _InPieces(body))
        try:
            return cast(AsyncHttpResponse, await super().send(request, **config))
        finally:
            request.data = body


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except AzureError as error:
        raise _translate(error, name) from error


def _translate(error: AzureError, name: str) -> VaultError:
    what = f"The blob {name}" if name else "The container"
    status = error.status_code if isinstance(error, HttpResponseError) else None
    code = _code_of(error)
    if code == "BlobImmutableDueToPolicy":
        return BlobLockedError(f"{what} is under an immutability policy.", name=name)
    if code in _TRY_LATER_CODES or status in _TRY_LATER or (status or 0) >= 500:
        return VaultUnavailableError(f"The storage account answered {status} {code}.", name=name)
    if isinstance(error, ResourceExistsError | ResourceModifiedError):
        return BlobExistsError(f"{what} exists already.", name=name)
    if isinstance(error, ResourceNotFoundError):
        return BlobNotFoundError(f"{what} is not there in the asked version.", name=name, code=code)
    if status is None or isinstance(error, ServiceRequestError | ServiceResponseError):
        return VaultUnavailableError(f"The storage account did not answer ({type(error).__name__}).", name=name)
    return VaultError(
        f"The storage account refused with {status} {code}: check the roles of the app's identity on it.",
        name=name,
        status=status,
        code=code,
    )


def _code_of(error: AzureError) -> str:
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))
