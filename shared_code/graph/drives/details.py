"""What the changes of a drive are completed with: permissions of what is shared, earlier versions of files."""

from __future__ import annotations

from collections.abc import Sequence

from shared_code.graph.client import GraphClient
from shared_code.graph.drives.sharing import DriveSharing
from shared_code.graph.drives.versions import DriveVersions
from shared_code.model.item import Change


class DriveDetails:
    """Asks one drive for the details of its changes."""

    def __init__(self, client: GraphClient, drive_id: str) -> None:
        self._client = client
        self._drive_id = drive_id

    async def complete(self, changes: Sequence[Change], versions: int | None) -> list[Change]:
        """The changes with their permissions, files followed by their ``versions`` newest earlier versions (0: by the
        deletion of all; None: versions are left alone). Raises SourceError when the drive is out of reach."""
        completed = await DriveSharing(self._client, self._drive_id).complete(changes)
        if versions is None:
            return completed
        return await DriveVersions(self._client, self._drive_id, versions).complete(completed)
