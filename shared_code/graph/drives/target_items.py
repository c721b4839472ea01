"""Reading a drive that is restored into: what is where, and whether it equals what is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared_code.errors import SourceError, SourceNotFoundError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.quickxor import PREFIX, QuickXorDigest
from shared_code.graph.odata import size_of, text_of, time_of, with_query
from shared_code.model.item import Change, Form
from shared_code.model.write_back import RestoreItem

PERMISSION = "Files.ReadWrite.All"
# Without hashes, files up to this size are downloaded again to compare them; larger ones are compared by
# size and time.
COMPARED_BYTES = 64 * 1024 * 1024
_SELECT = ("id", "name", "size", "file", "folder", "package", "root", "fileSystemInfo", "content.downloadUrl")
_TIMES = ("createdDateTime", "lastModifiedDateTime")


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A drive item as it was read at the target."""

    id: str
    name: str
    is_file: bool
    is_folder: bool
    is_root: bool
    size_bytes: int
    content_hash: str
    file_times: Mapping[str, str]
    download_url: str

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> SeenFile:
        """From Graph's JSON."""
        file = value.get("file")
        hashes = file.get("hashes") if isinstance(file, Mapping) else None
        quick_xor = text_of(hashes.get("quickXorHash")) if isinstance(hashes, Mapping) else ""
        times = value.get("fileSystemInfo")
        return cls(
            id=text_of(value.get("id")),
            name=text_of(value.get("name")),
            is_file=isinstance(file, Mapping),
            is_folder=isinstance(value.get("folder"), Mapping),
            is_root="root" in value,
            size_bytes=size_of(value.get("size")),
            content_hash=PREFIX + quick_xor if quick_xor else "",
            file_times={name: text_of(times.get(name)) for name in _TIMES} if isinstance(times, Mapping) else {},
            download_url=text_of(value.get("@microsoft.graph.downloadUrl")),
        )


def file_times_of(change: Change) -> dict[str, str]:
    """The file system's times that were stored with an item."""
    times = change.properties.get("fileSystemInfo")
    if not isinstance(times, Mapping):
        return {}
    return {name: text_of(times.get(name)) for name in _TIMES if times.get(name)}


def same_times(change: Change, seen: SeenFile) -> bool:
    """Whether the stored times are there, to the second."""
    for name, stored in file_times_of(change).items():
        wanted, found = time_of(stored), time_of(seen.file_times.get(name))
        if wanted is None:
            continue
        if found is None or abs((wanted - found).total_seconds()) >= 1:
            return False
    return True


class DriveTargetItems:
    """Questions about one drive. Remembers nothing but the root."""

    def __init__(self, client: GraphClient, drive_id: str) -> None:
        self._client = client
        self._drive_id = drive_id
        self._root_id = ""

    async def root_id(self) -> str:
        """Id of the drive's top. Raises SourceError."""
        if not self._root_id:
            info = with_query(
                self._client.request("GET", "/drives/{drive}/root{?%24select}", drive=self._drive_id), select=["id"]
            )
            root = await self._client.get_json(info, Asked("read a drive's root", PERMISSION))
            self._root_id = text_of(root.get("id"))
            if not self._root_id:
                raise SourceError("A drive answers without a root.")
        return self._root_id

    async def by_id(self, item_id: str) -> SeenFile | None:
        """An item, or None when it is gone."""
        try:
            answer = await self._client.get_json(self._by_id_request(item_id), Asked("read a drive item", PERMISSION))
        except SourceNotFoundError:
            return None
        except SourceError as error:
            if error.context.get("status") != 400:  # an id that is none here
                raise
            return None
        return SeenFile.of(answer)

    async def by_ids(self, item_ids: Sequence[str]) -> dict[str, SeenFile]:
        """Those of these items that are there."""
        found = await self._all([self._by_id_request(item_id) for item_id in item_ids])
        return {item_id: seen for item_id, seen in zip(item_ids, found, strict=True) if seen is not None}

    async def child(self, parent_id: str, name: str) -> SeenFile | None:
        """The item of that name below a folder, whatever the case."""
        return (await self.children([(parent_id, name)]))[0]

    async def children(self, places: Sequence[tuple[str, str]]) -> list[SeenFile | None]:
        """What is at each of these places (parent id, name)."""
        infos = [
            with_query(
                self._client.request(
                    "GET",
                    "/drives/{drive}/items/{parent}:/{name}{?%24select}",
                    drive=self._drive_id,
                    parent=parent_id,
                    name=name,
                ),
                select=_SELECT,
            )
            for parent_id, name in places
        ]
        return await self._all(infos)

    async def set_times(self, times_of: Mapping[str, Mapping[str, str]]) -> None:
        """Set the file system's times of items. What is refused shows when they are read again. Safe to
        replay."""
        infos = []
        for item_id, times in times_of.items():
            info = self._client.request("PATCH", "/drives/{drive}/items/{item}", drive=self._drive_id, item=item_id)
            info.content = json.dumps({"fileSystemInfo": dict(times)}).encode()
            infos.append(info)
        if infos:
            await self._client.batch(infos, Asked("set the dates of files", PERMISSION))

    async def is_equal(self, item: RestoreItem, seen: SeenFile) -> tuple[bool, str]:
        """Whether a file at the target has the stored bytes, and a note where that could be told only
        roughly.

        By size and quickXorHash where both sides have one; else by the bytes themselves up to 64 MiB; else
        by the hash of the stored bytes, or, without any hash at the target, by size and time of
        modification. Raises VaultError, SourceError.
        """
        stored = item.version.representation(Form.NATIVE)
        size_bytes = stored.size_bytes if stored else 0
        if not seen.is_file or seen.size_bytes != size_bytes:
            return False, ""
        stored_hash = item.version.change.content_hash
        if stored_hash and seen.content_hash:
            return stored_hash == seen.content_hash, ""
        if size_bytes == 0:
            return True, ""
        if seen.content_hash:
            digest = QuickXorDigest()
            async for part in item.open(Form.NATIVE):
                digest.update(part)
            return digest.content_hash() == seen.content_hash, ""
        if size_bytes <= COMPARED_BYTES:
            return await _sha256(item.open(Form.NATIVE)) == await self._downloaded_sha256(seen), ""
        note = "The target shows no hash of it yet: it was compared by size and time alone."
        return same_times(item.version.change, seen), note

    async def _downloaded_sha256(self, seen: SeenFile) -> bytes:
        url = seen.download_url
        if not url:
            raise SourceError("A file at the target has no download address.", item_id=seen.id)
        download = await self._client.open_download(url)
        try:
            return await _sha256(download.chunks())
        finally:
            await download.aclose()

    async def _all(self, infos: Sequence[Any]) -> list[SeenFile | None]:
        asked = Asked("read drive items", PERMISSION)
        answers = await self._client.batch(infos, asked) if infos else []
        found: list[SeenFile | None] = []
        for answer in answers:
            if answer.is_success:
                found.append(SeenFile.of(answer.json_object()))
            elif answer.status in (400, 404):
                found.append(None)
            else:
                raise answer.error(asked)
        return found

    def _by_id_request(self, item_id: str) -> Any:
        info = self._client.request(
            "GET", "/drives/{drive}/items/{item}{?%24select}", drive=self._drive_id, item=item_id
        )
        return with_query(info, select=_SELECT)


async def _sha256(chunks: AsyncIterator[bytes]) -> bytes:
    digest = hashlib.sha256()
    async for part in chunks:
        digest.update(part)
    return digest.digest()
