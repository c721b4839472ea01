"""A storage account with version-level WORM, as far as the Azure store asks for one: the REST calls of Blob storage in
front of a MemoryBlobStore.

Written from the reference of the Blob service (checked 2026-11-24), so it proves what the Azure store sends and how it
reads the answers, not what Azure does: for that the same suite runs on a live account. Where the reference leaves the
order open (versions of one blob) it takes the least convenient one, and its pages are small.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aiohttp import web
from aiohttp.test_utils import TestServer

from shared_code.errors import BlobExistsError, BlobLockedError, BlobNotFoundError, VaultError
from shared_code.vault.memory_blob import MemoryBlobStore, StoredVersion

_PAGE = 3


class WormAccount:
    """One account with one container, whatever its name. ``requests`` counts them by method and ``comp``; ``modes`` are
    those of the policies by (name, version id)."""

    def __init__(self, store: MemoryBlobStore, now: Callable[[], datetime]) -> None:
        self.store = store
        self._now = now
        self.requests: Counter[str] = Counter()
        self.modes: dict[tuple[str, str], str] = {}
        application = web.Application(client_max_size=1 << 28)
        application.router.add_route("*", "/account/{container}", self._container)
        application.router.add_route("*", "/account/{container}/{name:.+}", self._blob)
        self._server = TestServer(application, host="127.0.0.1")

    @property
    def url(self) -> str:
        return str(self._server.make_url("/account"))

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.close()

    async def _container(self, request: web.Request) -> web.StreamResponse:
        operation = f"{request.method} container {request.query.get('comp', '')}".strip()
        self.requests[operation] += 1
        try:
            match operation:
                case "PUT container":
                    await self.store.create_container()
                    return web.Response(status=201)
                case "GET container":
                    await self.store.is_immutable()
                    return web.Response(headers={"x-ms-immutable-storage-with-versioning-enabled": "true"})
                case "GET container list":
                    await self.store.is_immutable()
                    return self._listing(request)
        except BlobNotFoundError:
            return _error(404, "ContainerNotFound")
        raise AssertionError(f"{operation} is not played")

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        name, comp = request.match_info["name"], request.query.get("comp", "")
        self.requests[f"{request.method} {comp}".strip()] += 1
        try:
            await self.store.is_immutable()
            if (request.method, comp) == ("PUT", ""):
                return await self._put(request, name)
            version = self._version(request, name)
            match request.method, comp:
                case "GET" | "HEAD", "":
                    return self._content(request, name, version)
                case "PUT", "immutabilityPolicies":
                    self._set_policy(request, name, version)
                case "PUT", "legalhold":
                    held = request.headers["x-ms-legal-hold"].lower() == "true"
                    await self.store.set_legal_hold(name, version.info.version_id, held)
                case "PUT", "tags":
                    sent = ET.XML(await request.read()).iter("Tag")
                    tags = {tag.findtext("Key", ""): tag.findtext("Value", "") for tag in sent}
                    await self.store.set_tags(name, tags)
                    return web.Response(status=204)
                case "DELETE", "":
                    return await self._delete(request, name, version)
                case _:
                    raise AssertionError(f"{request.method} {comp} is not played")
        except BlobExistsError:
            return _error(409, "BlobAlreadyExists")
        except BlobNotFoundError:
            return _error(404, "BlobNotFound")
        except BlobLockedError:
            return _error(409, "BlobImmutableDueToPolicy")
        except VaultError:
            return _error(400, "InvalidHeaderValue")
        return web.Response()

    def _version(self, request: web.Request, name: str) -> StoredVersion:
        blob = self.store.blobs.get(name)
        wanted = request.query.get("versionid") or (blob.current if blob else None)
        if blob is None or wanted not in blob.versions:
            raise BlobNotFoundError(name)
        return blob.versions[wanted]

    async def _put(self, request: web.Request, name: str) -> web.Response:
        until = _date(request.headers.get("x-ms-immutability-policy-until-date"))
        data = await request.read()
        assert len(data) == int(request.headers["Content-Length"])
        if request.headers.get("If-None-Match") == "*":
            info = await self.store.create(name, data, until)
        else:
            info = self.store.overwrite(name, data)
        if until is not None:
            self.modes[name, info.version_id] = request.headers["x-ms-immutability-policy-mode"]
        if tags := dict(parse_qsl(request.headers.get("x-ms-tags", ""))):
            await self.store.set_tags(name, tags)
        headers = {"x-ms-version-id": info.version_id, "Last-Modified": _rfc(info.created_at)}
        return web.Response(status=201, headers=headers)

    def _set_policy(self, request: web.Request, name: str, version: StoredVersion) -> None:
        """Unlocked ones can be shortened: it is the client that must not."""
        until = _date(request.headers["x-ms-immutability-policy-until-date"])
        mode, key = request.headers["x-ms-immutability-policy-mode"], (name, version.info.version_id)
        present = version.info.leased_until
        if self.modes.get(key) == "Locked" and (mode != "Locked" or (present and until and until < present)):
            raise BlobLockedError("A locked policy is only extended.")
        if until is None or until <= self._now():
            raise VaultError("Past times are not valid.")
        self.modes[key] = mode
        version.info = replace(version.info, leased_until=until)

    async def _delete(self, request: web.Request, name: str, version: StoredVersion) -> web.Response:
        if "versionid" in request.query:
            if version.info.version_id == self.store.blobs[name].current:
                return _error(403, "OperationNotAllowedOnRootBlob")
            await self.store.delete(name, version.info.version_id)
            return web.Response(status=202)
        if request.headers.get("If-Match") not in (None, _etag(version)):
            return _error(412, "ConditionNotMet")
        self.store.check_deletable(version.info)
        self.store.retire(name)
        return web.Response(status=202)

    def _content(self, request: web.Request, name: str, version: StoredVersion) -> web.Response:
        headers = {
            "x-ms-version-id": version.info.version_id,
            "x-ms-blob-type": "BlockBlob",
            "ETag": _etag(version),
            "Last-Modified": _rfc(version.info.created_at),
        }
        if version.info.leased_until is not None:
            headers["x-ms-immutability-policy-until-date"] = _rfc(version.info.leased_until)
            headers["x-ms-immutability-policy-mode"] = self.modes[name, version.info.version_id].lower()
        if request.method == "HEAD" or "x-ms-range" not in request.headers:
            return web.Response(body=version.data, headers=headers)
        first, _, last = request.headers["x-ms-range"].removeprefix("bytes=").partition("-")
        data = version.data[int(first) : int(last) + 1 if last else None]
        if not data:
            return _error(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {first}-{int(first) + len(data) - 1}/{len(version.data)}"
        return web.Response(status=206, body=data, headers=headers)

    def _listing(self, request: web.Request) -> web.Response:
        include = set(request.query.get("include", "").split(","))
        prefix = request.query.get("prefix", "")
        found = [
            (name, blob.current, version)
            for name, blob in sorted(self.store.blobs.items())
            for _, version in sorted(blob.versions.items(), reverse=True)
            if name.startswith(prefix)
        ]
        start = int(request.query.get("marker") or 0)
        blobs = "".join(self._listed(*one, include) for one in found[start : start + _PAGE])
        marker = start + _PAGE if start + _PAGE < len(found) else ""
        echo = f"<Prefix>{escape(prefix)}</Prefix>"  # the client asks for the next page with what it is told here
        text = f"<EnumerationResults>{echo}<Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        return web.Response(text=f"<?xml version='1.0' encoding='utf-8'?>{text}", content_type="application/xml")

    def _listed(self, name: str, current: str | None, version: StoredVersion, include: set[str]) -> str:
        info = version.info
        properties = {
            "Creation-Time": _rfc(info.created_at),
            "Last-Modified": _rfc(info.created_at),
            "Etag": _etag(version),
            "Content-Length": str(info.size_bytes),
            "BlobType": "BlockBlob",
        }
        if "immutabilitypolicy" in include and info.leased_until is not None:
            properties["ImmutabilityPolicyUntilDate"] = _rfc(info.leased_until)
            properties["ImmutabilityPolicyMode"] = self.modes[name, info.version_id].lower()
        if "legalhold" in include and info.legal_hold:
            properties["LegalHold"] = "true"
        told = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in properties.items())
        is_current = "<IsCurrentVersion>true</IsCurrentVersion>" if info.version_id == current else ""
        tags = "".join(
            f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>" for key, value in info.tags.items()
        )
        tag_set = f"<Tags><TagSet>{tags}</TagSet></Tags>" if tags and "tags" in include else ""
        id_ = f"<VersionId>{info.version_id}</VersionId>" if "versions" in include else ""
        return f"<Blob><Name>{escape(name)}</Name>{id_}{is_current}<Properties>{told}</Properties>{tag_set}</Blob>"


def _etag(version: StoredVersion) -> str:
    return f'"{version.info.version_id}"'


def _rfc(when: datetime | None) -> str:
    assert when is not None
    return format_datetime(when.astimezone(UTC), usegmt=True)


def _date(text: str | None) -> datetime | None:
    return parsedate_to_datetime(text) if text else None


def _error(status: int, code: str) -> web.Response:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>refused</Message></Error>"
    return web.Response(status=status, headers={"x-ms-error-code": code}, text=body, content_type="application/xml")
