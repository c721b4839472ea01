"""Reading the permissions of what is shared in a drive.

Asking costs 5 resource units an item ("Avoid getting throttled or blocked in SharePoint Online", checked 2026-11), so
only items with the ``shared`` facet are asked for, by batches of 20, and the folders right above them where SharePoint
does not tell what is inherited: what was inherited when an item was read is no permission of its own, and granting it
on a restore would open the item to people who have lost their access to the folder since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.permissions import (
    stored_permissions,
    tells_of_inheritance,
    with_permissions,
    without_inherited,
)
from shared_code.graph.whole_collections import all_values
from shared_code.model.item import Change

_GONE = 404


class DriveSharing:
    """Asks for permissions of one drive's items."""

    def __init__(self, client: GraphClient, drive_id: str) -> None:
        self._client = client
        self._drive_id = drive_id

    async def complete(self, changes: Sequence[Change]) -> list[Change]:
        """The changes, those of shared items with their permissions. One whose permissions cannot be read says so, and
        is asked for again at the next look. Raises SourceError when the drive is out of reach."""
        shared = [change for change in changes if change.properties.get("shared") and not change.deleted]
        if not shared:
            return list(changes)
        read, unread = await self._read([change.item_id for change in shared])
        # Where nothing says what is inherited, the folder above does: it has the same permissions.
        silent = {
            each.item_id: each.parent_id for each in shared if not tells_of_inheritance(read.get(each.item_id, ()))
        }
        above = {silent[item_id] for item_id in read.keys() & silent.keys()} - {""}
        more, closed = await self._read(sorted(above - read.keys() - unread.keys()))
        from_above, unread_above = read | more, unread | closed
        completed: dict[str, Change] = {}
        for change in shared:
            folder_id = silent.get(change.item_id, "")
            refusal = unread.get(change.item_id) or unread_above.get(folder_id)
            if refusal:
                completed[change.item_id] = with_permissions(change, (), unread=refusal)
            elif change.item_id in read:
                own = without_inherited(read[change.item_id], from_above.get(folder_id, ()))
                completed[change.item_id] = with_permissions(change, stored_permissions(own))
        return [completed.get(change.item_id, change) for change in changes]

    async def _read(self, item_ids: Sequence[str]) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
        """Permissions of items by their ids, and why those of others could not be read. One that has gone since is in
        neither: that will be told of by the next page."""
        asked = Asked("read the permissions of shared files", "Files.Read.All", {"drive_id": self._drive_id})
        answers = await self._client.batch([self._request(item_id) for item_id in item_ids], asked) if item_ids else []
        read: dict[str, list[dict[str, Any]]] = {}
        unread: dict[str, str] = {}
        for item_id, answer in zip(item_ids, answers, strict=True):
            if answer.is_success:
                read[item_id] = await all_values(self._client, answer, asked)
            elif answer.status == 429 or answer.status >= 500:
                raise answer.error(asked)
            elif answer.status != _GONE:
                unread[item_id] = str(answer.status)
        return read, unread

    def _request(self, item_id: str) -> Any:
        drive = self._client.graph.drives.by_drive_id(self._drive_id)
        return drive.items.by_drive_item_id(item_id).permissions.to_get_request_information()
