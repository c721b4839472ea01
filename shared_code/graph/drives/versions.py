"""Earlier versions of files: each is an item of its own, below its file.

"driveItem: list versions", "driveItemVersion: get contents" (Graph v1.0 reference, checked 2026-11): versions come
newest first, the first is the current one, whose content is not to be had as a version's. An earlier version never
changes, so what is stored of it is never read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared_code.errors import SourceError, SourceUnavailableError, ThrottledError
from shared_code.graph.answer import Asked
from shared_code.graph.batch import BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.target_names import split
from shared_code.graph.odata import size_of, text_of, time_of
from shared_code.graph.whole_collections import all_values
from shared_code.model.item import Change, ItemKind
from shared_code.model.outcome import SkipCause

# No id of a drive item holds this character ("driveItem resource type": letters, digits and "!").
_BETWEEN = "~"
VERSIONS_UNREAD = "versionsUnread"
_GONE = 404


def version_item_id(file_id: str, version_id: str) -> str:
    """The id under which a version is stored."""
    return f"{file_id}{_BETWEEN}{version_id}"


def file_and_version(item_id: str) -> tuple[str, str]:
    """Inverse of version_item_id."""
    file_id, _, version_id = item_id.partition(_BETWEEN)
    return file_id, version_id


def version_change(file: Change, value: Mapping[str, Any]) -> Change | None:
    """An earlier version of ``file`` as a change; None for one without an id."""
    version_id = text_of(value.get("id"))
    if not version_id:
        return None
    modified = text_of(value.get("lastModifiedDateTime"))
    stem, extension = split(file.name)
    return Change(
        version_item_id(file.item_id, version_id),
        ItemKind.FILE_VERSION,
        parent_id=file.item_id,
        name=f"{stem} (version {version_id}){extension}",
        time=time_of(modified),
        size_bytes=size_of(value.get("size")),
        etag=f"{version_id} {modified}",
        properties={"version": version_id, "fileSystemInfo": {"lastModifiedDateTime": modified}} if modified else {},
    )


def with_versions_gone(change: Change) -> Change:
    """A deletion says that earlier versions may go with the file, for no feed tells of them."""
    return replace(change, properties={"versions": True}) if change.deleted else change


def with_versions_unread(file: Change, why: str) -> Change:
    """The file, which says that its earlier versions could not be listed: a skip of its own names it. It is part of the
    etag, so that the file makes a row when they can be."""
    withheld = file.properties.get("withheld") or SkipCause.VERSIONS_UNREAD
    properties = {**file.properties, VERSIONS_UNREAD: why, "withheld": withheld}
    return replace(file, etag=f"{file.etag}#{VERSIONS_UNREAD}", properties=properties)


def with_versions_of(read: Change, asked: Change) -> Change:
    """What was read afresh, with what was known of its versions when it was asked for."""
    why = asked.properties.get(VERSIONS_UNREAD, "")
    return with_versions_unread(read, why) if why else read


class DriveVersions:
    """Asks for the versions of one drive's files. ``keep``: how many earlier ones of each file are wanted."""

    def __init__(self, client: GraphClient, drive_id: str, keep: int) -> None:
        self._client = client
        self._drive_id = drive_id
        self._keep = keep

    async def complete(self, changes: Sequence[Change]) -> list[Change]:
        """The changes, each file followed by its newest earlier versions, and by the deletion of those that are
        beyond the wanted number. A file whose versions are refused says so. Raises SourceError when the drive is out
        of reach."""
        files = [each for each in changes if each.kind is ItemKind.FILE and not each.deleted and not each.skip_cause]
        if not files:
            return list(changes)
        asked = Asked("list the versions of files", "Files.Read.All", {"drive_id": self._drive_id})
        answers = await self._client.batch([self._request(file.item_id) for file in files], asked)
        completed: dict[str, list[Change]] = {}
        for file, answer in zip(files, answers, strict=True):
            if answer.status != _GONE:  # what has gone since will be told of by the next page
                completed[file.item_id] = await self._completed(file, answer, asked)
        return [each for change in changes for each in completed.get(change.item_id, (change,))]

    async def _completed(self, file: Change, answer: BatchAnswer, asked: Asked) -> list[Change]:
        try:
            if not answer.is_success:
                raise answer.error(asked)
            earlier = (await all_values(self._client, answer, asked))[1:]
        except (ThrottledError, SourceUnavailableError):
            raise
        except SourceError as error:  # one file that is locked, or refused, is no reason to leave out all others
            return [with_versions_unread(file, str(error.context.get("status") or answer.status))]
        return [file, *self._wanted(file, earlier)]

    def _wanted(self, file: Change, earlier: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
        for position, value in enumerate(earlier):
            change = version_change(file, value)
            if change is not None and position < self._keep:
                yield change
            elif change is not None:
                yield Change(change.item_id, ItemKind.FILE_VERSION, deleted=True)

    def _request(self, item_id: str) -> Any:
        drive = self._client.graph.drives.by_drive_id(self._drive_id)
        return drive.items.by_drive_item_id(item_id).versions.to_get_request_information()
