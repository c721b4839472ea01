"""The port on Azure Blob storage. The only file of the vault that knows Azure.

A container is one customer's; the account has versioning and version-level immutability where it is a real one. The
emulator (Azurite) has neither: version ids are empty there and ``is_immutable`` says no.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, cast

from azure.core import MatchConditions
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
from azure.storage.blob import BlobProperties, ImmutabilityPolicy
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from shared_code.errors import (
    BlobExistsError,
    BlobLockedError,
    BlobNotFoundError,
    VaultError,
    VaultUnavailableError,
)
from shared_code.vault.blob_store import BlobInfo, check_blob_name, check_prefix, check_stored_name
from shared_code.vault.body_in_pieces import InPieces
from shared_code.vault.soft_leases import SoftTags, whole_seconds

PolicyMode = Literal["Unlocked", "Locked"]

MAX_SINGLE_PUT_BYTES = 1024 * 1024 * 1024
"""One Put Blob takes up to 5,000 MiB (Scalability and performance targets for Blob storage, checked November 2026);
the client would cut what is above its own limit of 64 MiB into blocks, and a blob of ours is one request."""

_RETRIES = 5
_CONNECTION_TIMEOUT_S = 20
_READ_TIMEOUT_S = 120
_STREAM_FROM_BYTES = 512 * 1024
_RANGE_NOT_SATISFIABLE = 416
_DETAILS = ("tags", "immutabilitypolicy", "legalhold")
_IS_CURRENT = "OperationNotAllowedOnRootBlob"
_TAKEN_CODES = frozenset({"UnauthorizedBlobOverwrite"})  # for an identity that may add blobs and not write over them
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
        # Proxies and passwords from the environment would be looked up in threads, at every request.
        "transport": _Transport(
            connection_timeout=_CONNECTION_TIMEOUT_S, read_timeout=_READ_TIMEOUT_S, use_env_settings=False
        ),
    }
    if connection_string:
        return BlobServiceClient.from_connection_string(connection_string, **options)
    return BlobServiceClient(account_url, credential=credential, **options)


class AzureBlobStore:
    """One container, which need not exist yet. Satisfies ``BlobStore``; see there for what the methods do.

    Where the container supports version-level WORM, leases are immutability policies of ``policy_mode``; an unlocked
    one can be shortened or removed by an administrator, a locked one by nobody. One that is locked already stays so.
    Elsewhere leases and legal holds are tags that nobody enforces (soft_leases.py).
    """

    def __init__(self, service: BlobServiceClient, container_name: str, *, policy_mode: PolicyMode = "Locked") -> None:
        self._container = service.get_container_client(container_name)
        self._policy_mode = policy_mode
        self._immutable: bool | None = None

    async def create_container(self) -> None:
        """See BlobStore."""
        with _translated(""):
            try:
                await self._container.create_container()
            except ResourceExistsError as error:
                if _code_of(error) in _TRY_LATER_CODES:
                    raise

    async def is_immutable(self) -> bool:
        """See BlobStore. The first answer holds for the life of this object: a container cannot lose its support."""
        if self._immutable is None:
            with _translated(""):
                properties = await self._container.get_container_properties()
            self._immutable = properties.immutable_storage_with_versioning_enabled is True
        return self._immutable

    async def create(self, name: str, data: bytes, leased_until: datetime | None = None) -> BlobInfo:
        """See BlobStore."""
        check_blob_name(name)
        options: dict[str, Any] = {}
        if leased_until is not None:
            leased_until = whole_seconds(leased_until)
            if await self.is_immutable():
                options["immutability_policy"] = _policy(leased_until, self._policy_mode)
            else:
                options["tags"] = SoftTags(leased_until).stored()
        with _translated(name):
            answer: dict[str, Any] = await self._container.get_blob_client(name).upload_blob(
                data, length=len(data), overwrite=False, **options
            )
        return BlobInfo(name, answer.get("version_id") or "", len(data), answer.get("last_modified"), leased_until)

    async def read(self, name: str, *, version_id: str = "", offset: int = 0, length: int | None = None) -> bytes:
        """See BlobStore."""
        check_stored_name(name)
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

    async def list(self, prefix: str, *, details: bool = False, all_versions: bool = False) -> AsyncIterator[BlobInfo]:
        """See BlobStore. One request for 5,000 blobs, with details too (List Blobs, checked 2026-11-24)."""
        check_prefix(prefix)
        # Only a listing of versions tells version ids, that of the current one included.
        include = ["versions", *(_DETAILS if details else ())]
        soft = details and not await self.is_immutable()
        of_one_name: list[BlobInfo] = []
        with _translated(prefix):
            async for blob in self._container.list_blobs(name_starts_with=prefix, include=include):
                if not all_versions and blob.version_id is not None and not blob.is_current_version:
                    continue
                if of_one_name and of_one_name[0].name != blob.name:
                    for info in sorted(of_one_name, key=_version_id):
                        yield info
                    of_one_name.clear()
                of_one_name.append(_info_of(blob, details, soft))
        for info in sorted(of_one_name, key=_version_id):
            yield info

    async def extend_lease(self, name: str, version_id: str, until: datetime) -> None:
        """See BlobStore. Two requests, or one where the lease is long enough already. An extension by somebody else
        between the two can be undone where the policy is unlocked: one host at a time renews a resource."""
        blob, until = self._container.get_blob_client(name), whole_seconds(until)
        if not await self.is_immutable():
            with _translated(name):
                tags = SoftTags.parse(await blob.get_blob_tags())
                if tags.leased_until is None or tags.leased_until < until:
                    await blob.set_blob_tags(replace(tags, leased_until=until).stored())
            return
        which: dict[str, Any] = {"version_id": version_id or None}
        with _translated(name):
            present = (await blob.get_blob_properties(**which)).immutability_policy
            if present.expiry_time is None or present.expiry_time < until:
                locked = str(present.policy_mode).lower() == "locked"
                policy = _policy(until, "Locked" if locked else self._policy_mode)
                await blob.set_immutability_policy(policy, **which)

    async def set_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """See BlobStore."""
        blob, stored = self._container.get_blob_client(name), dict(tags)
        soft = not await self.is_immutable()
        with _translated(name):
            if soft:
                stored = replace(SoftTags.parse(await blob.get_blob_tags()), others=tags).stored()
            await blob.set_blob_tags(stored)

    async def set_legal_hold(self, name: str, version_id: str, held: bool) -> None:
        """See BlobStore."""
        blob = self._container.get_blob_client(name)
        soft = not await self.is_immutable()
        with _translated(name):
            if soft:
                tags = SoftTags.parse(await blob.get_blob_tags())
                await blob.set_blob_tags(replace(tags, legal_hold=held).stored())
            else:
                await blob.set_legal_hold(held, version_id=version_id or None)


class AzurePurge:
    """Deletion in one container. Satisfies ``Purge``; ``service`` is made with the purge job's own identity, never
    with that of the app."""

    def __init__(self, service: BlobServiceClient, container_name: str) -> None:
        self._container = service.get_container_client(container_name)

    async def delete(self, name: str, version_id: str) -> None:
        """See Purge. A repeat after a lost answer raises BlobNotFoundError: it is gone."""
        blob = self._container.get_blob_client(name)
        if not version_id:
            with _translated(name):
                await blob.delete_blob()
            return
        with _translated(name):
            try:
                await blob.delete_blob(version_id=version_id)
            except HttpResponseError as error:
                if _code_of(error) != _IS_CURRENT:
                    raise
                await self._retire(blob, version_id)
                await blob.delete_blob(version_id=version_id)

    async def _retire(self, blob: BlobClient, version_id: str) -> None:
        """A current version cannot be deleted by its id: it has to become a previous one first, unless another has
        taken its place meanwhile."""
        properties = await blob.get_blob_properties(version_id=version_id)
        with suppress(ResourceModifiedError, ResourceNotFoundError):
            await blob.delete_blob(etag=properties.etag, match_condition=MatchConditions.IfNotModified)


def _policy(until: datetime, mode: PolicyMode) -> ImmutabilityPolicy:
    return ImmutabilityPolicy(expiry_time=until, policy_mode=mode)


def _version_id(info: BlobInfo) -> str:
    return info.version_id  # a time with a fixed number of digits


def _info_of(blob: BlobProperties, details: bool, soft: bool) -> BlobInfo:
    info = BlobInfo(blob.name, blob.version_id or "", blob.size, blob.creation_time)
    if not details:
        return info
    if soft:
        tags = SoftTags.parse(blob.tags)
        return replace(info, leased_until=tags.leased_until, tags=tags.others, legal_hold=tags.legal_hold)
    return replace(
        info,
        leased_until=blob.immutability_policy.expiry_time,
        tags=dict(blob.tags or {}),
        legal_hold=blob.has_legal_hold is True,
    )


class _Transport(AioHttpTransport):  # type: ignore[misc]  # the package loads it lazily, without a type
    """Hands large bodies to aiohttp in pieces: as a whole they would hold up the event loop meanwhile."""

    async def send(self, request: HttpRequest, **config: Any) -> AsyncHttpResponse:
        """One try of one request; the body is put back, so that another try finds it from its start."""
        body: Any = request.data
        if isinstance(body, bytes) and len(body) >= _STREAM_FROM_BYTES:
            request.data = cast(Any, InPieces(body))
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
    if code.startswith(("BlobImmutable", "ImmutabilityPolicy")):
        return BlobLockedError(f"{what} is under an immutability policy or a legal hold.", name=name, code=code)
    if code in _TRY_LATER_CODES or status in _TRY_LATER or (status or 0) >= 500:
        return VaultUnavailableError(f"The storage account answered {status} {code}.", name=name)
    if isinstance(error, ResourceExistsError | ResourceModifiedError) or code in _TAKEN_CODES:
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
