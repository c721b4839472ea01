"""Reading the permissions of what is shared in a drive.

Asking costs 5 resource units an item ("Avoid getting throttled or blocked in SharePoint Online", checked 2026-11), so
only items with the ``shared`` facet are asked for, by batches of 20.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drive_permissions import stored_permissions, with_permissions
from shared_code.graph.listed_in_batch import all_values
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
        asked = Asked("read the permissions of shared files", "Files.Read.All", {"drive_id": self._drive_id})
        answers = await self._client.batch([self._request(change.item_id) for change in shared], asked)
        completed: dict[str, Change] = {}
        for change, answer in zip(shared, answers, strict=True):
            if answer.is_success:
                values = await all_values(self._client, answer, asked)
                completed[change.item_id] = with_permissions(change, stored_permissions(values))
            elif answer.status == 429 or answer.status >= 500:
                raise answer.error(asked)
            elif answer.status != _GONE:  # what has gone since will be told of by the next page
                completed[change.item_id] = with_permissions(change, (), unread=str(answer.status))
        return [completed.get(change.item_id, change) for change in changes]

    def _request(self, item_id: str) -> Any:
        drive = self._client.graph.drives.by_drive_id(self._drive_id)
        return drive.items.by_drive_item_id(item_id).permissions.to_get_request_information()
