"""A library as a part of its site: what a drive says of its files, under names that are the site's own.

The drive's root is not shown: the library stands in its place. Values of the library's columns come with the files that
have changed, where the library has columns of its own (one request a file, by twenties): a delta of drive items does
not expand to them (OneDrive/onedrive-api-docs issue 1181, checked 2026-11). A whole listing behind the delta asks for
them too, since what it tells of otherwise makes a new row, which must not lack them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from shared_code.errors import SourceError, SourceUnavailableError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.stream import DriveStream
from shared_code.graph.odata import text_of, with_query
from shared_code.graph.sites.columns import peoples_columns
from shared_code.graph.sites.definitions import PERMISSION, SiteDefinitions, raise_if_out_of_reach
from shared_code.graph.sites.names import file_id, inner_id
from shared_code.model.feed import Fetched
from shared_code.model.item import Change, ItemKind
from shared_code.model.outcome import SkipCause

DRIVE_ID = "driveId"
FIELDS = "fields"
FIELDS_UNREAD = "fieldsUnread"
WITHHELD = "withheld"
FILE_KINDS = frozenset({ItemKind.FILE, ItemKind.FILE_VERSION})
Values = dict[str, Any]


def drive_id_of(change: Change) -> str:
    """The drive that a file of a site lies in."""
    return text_of(change.properties.get(DRIVE_ID))


def in_drive(change: Change) -> Change:
    """A file as its drive names it."""
    return replace(change, item_id=inner_id(change.item_id))


def in_site(fetched: Fetched, asked: Change) -> Fetched:
    """What came of reading a file, under the site's names. Where it lies now is told by the delta alone."""
    return replace(fetched, asked=asked, change=read_in_site(fetched.change, asked))


def read_in_site(read: Change, asked: Change) -> Change:
    """A file as it was read, under the site's names."""
    kept = {name: asked.properties[name] for name in (DRIVE_ID, FIELDS) if name in asked.properties}
    properties = {**read.properties, **kept}
    found = replace(read, item_id=asked.item_id, parent_id=asked.parent_id, properties=properties)
    is_marked = read.deleted or read.properties.get(FIELDS_UNREAD)
    return _without_fields(found) if asked.properties.get(FIELDS_UNREAD) and not is_marked else found


class LibraryStream:
    """Satisfies the port ``ContentStream``: a drive's stream under the site's names."""

    def __init__(self, stream: DriveStream, asked: Change) -> None:
        self._stream = stream
        self._asked = asked

    @property
    def change(self) -> Change:
        """The file as it is being read."""
        return read_in_site(self._stream.change, self._asked)

    def chunks(self) -> AsyncIterator[bytes]:
        """See DriveStream."""
        return self._stream.chunks()

    async def aclose(self) -> None:
        """Let go of the connection; safe to call twice."""
        await self._stream.aclose()


class SiteLibraries:
    """The libraries of one site. Remembers their roots for the length of a slice."""

    def __init__(self, client: GraphClient, definitions: SiteDefinitions) -> None:
        self._client = client
        self._definitions = definitions
        self._roots: dict[str, str] = {}

    async def changes(self, list_id: str, drive_id: str, changes: Sequence[Change]) -> tuple[Change, ...]:
        """A page of a drive's changes under the site's names, with the values of columns. Raises SourceError."""
        for change in changes:
            if change.properties.get("root"):
                self._roots[drive_id] = change.item_id
        found = [change for change in changes if not change.properties.get("root")]
        if any(not change.deleted for change in found):
            root_id = await self._root_of(drive_id)
            fields = await self._fields_of(list_id, drive_id, [each for each in found if _has_fields(each)])
        else:
            root_id, fields = "", {}
        return tuple(
            _translated(change, list_id, drive_id, root_id, fields.get(change.item_id, {}))
            for change in found
            if change.item_id != root_id
        )

    async def _root_of(self, drive_id: str) -> str:
        if drive_id not in self._roots:
            drive = self._client.graph.drives.by_drive_id(drive_id)
            info = with_query(drive.items.by_drive_item_id("root").to_get_request_information(), select=["id"])
            root_id = text_of((await self._client.get_json(info, Asked("read a library's root", PERMISSION))).get("id"))
            if not root_id:
                raise SourceUnavailableError("A library's root came without its id.")
            self._roots[drive_id] = root_id
        return self._roots[drive_id]

    async def _fields_of(self, list_id: str, drive_id: str, asked_for: Sequence[Change]) -> dict[str, Values | None]:
        """Values of people's own columns, by the file's id in its drive; None where they are refused."""
        if not asked_for:
            return {}
        try:
            columns = peoples_columns(await self._definitions.columns(list_id))
        except SourceError as error:
            if error.retryable or error.context.get("status") == 401:
                raise
            return {change.item_id: None for change in asked_for}
        columns.pop("Title", None)  # every library has it, and Office writes it into the file itself
        if not columns:
            return {}
        asked = Asked("read the columns' values of files", PERMISSION)
        items = self._client.graph.drives.by_drive_id(drive_id).items
        infos = [
            with_query(items.by_drive_item_id(change.item_id).list_item.to_get_request_information(), expand="fields")
            for change in asked_for
        ]
        found: dict[str, Values | None] = {}
        for change, answer in zip(asked_for, await self._client.batch(infos, asked), strict=True):
            if answer.is_success:
                values = answer.json_object().get("fields")
                own = {name for column in columns for name in (column, f"{column}LookupId")}
                if isinstance(values, dict):
                    found[change.item_id] = {name: entry for name, entry in values.items() if name in own}
                else:
                    found[change.item_id] = None
            elif answer.status != 404:
                raise_if_out_of_reach(answer, asked)
                found[change.item_id] = None
        return found


def _has_fields(change: Change) -> bool:
    """Values are read of what is there now; those of an earlier version are not part of it."""
    return not change.deleted and change.kind is not ItemKind.FILE_VERSION


def _translated(change: Change, list_id: str, drive_id: str, root_id: str, fields: Values | None) -> Change:
    parent_id = change.parent_id
    if not change.deleted:
        parent_id = list_id if parent_id in ("", root_id) else file_id(list_id, parent_id)
    properties: dict[str, Any] = {**change.properties, DRIVE_ID: drive_id}
    if fields:
        properties[FIELDS] = fields
    translated = replace(
        change,
        item_id=file_id(list_id, change.item_id),
        parent_id=parent_id,
        properties=change.properties if change.deleted else properties,
    )
    return _without_fields(translated) if fields is None and not change.deleted else translated


def _without_fields(change: Change) -> Change:
    """A file whose columns' values are refused: stored without them, named, and under a tag that is not the service's
    own, so that the next word on the file makes a new row."""
    properties = {FIELDS_UNREAD: True, **change.properties}
    if not properties.get(WITHHELD):
        properties[WITHHELD] = SkipCause.COLUMNS_UNREADABLE
    return replace(change, etag=f"{change.etag}#{FIELDS_UNREAD}", properties=properties)
