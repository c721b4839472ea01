"""Finding and making the folders of a drive that files are restored into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared_code.errors import SourceError, TargetConflictError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.target_items import PERMISSION, DriveTargetItems, file_times_of
from shared_code.graph.drives.target_names import escaped, is_writable, numbered
from shared_code.graph.odata import text_of
from shared_code.graph.target_outcomes import is_items_own
from shared_code.model.item import ItemVersion

_MOST_NAMES = 20


class DriveTargetFolders:
    """The folders of one drive. Making one is safe to replay: it is found by its name."""

    def __init__(self, client: GraphClient, drive_id: str, items: DriveTargetItems) -> None:
        self._client = client
        self._drive_id = drive_id
        self._items = items

    async def folder(self, version: ItemVersion, parent_target_id: str, original: bool) -> str:
        """As the port ``TargetSession.folder``. The stored root of a drive is the target's root, or the
        named folder."""
        parent_id = parent_target_id or await self._items.root_id()
        if version.change.properties.get("root"):
            return parent_id
        if original:
            seen = await self._items.by_id(version.change.item_id)
            if seen is not None and seen.is_folder:
                return seen.id
        return await self.named(version.change.name, parent_id, file_times_of(version.change))

    async def named(self, name: str, parent_id: str, file_times: Mapping[str, str]) -> str:
        """Id of the folder of that name below a parent, made when missing; where a file has the name, or the
        name cannot be written, under the next best one. Raises TargetConflictError when none can be made."""
        reason = "Too many files have the names that it could have."
        for candidate in _candidates(name):
            try:
                found = await self._items.child(parent_id, candidate)
                if found is None:
                    return await self._create(candidate, parent_id, file_times)
            except SourceError as error:
                status = error.context.get("status")
                if status == 409:  # made by somebody else meanwhile
                    found = await self._items.child(parent_id, candidate)
                elif status == 400:
                    reason = error.message
                    continue
                elif is_items_own(error):
                    raise TargetConflictError(f"The folder cannot be made there. {error.message}") from error
                else:
                    raise
            if found is not None and found.is_folder:
                return found.id
        raise TargetConflictError(f"The folder cannot be made there. {reason}")

    async def _create(self, name: str, parent_id: str, file_times: Mapping[str, str]) -> str:
        info = self._client.request(
            "POST", "/drives/{drive}/items/{parent}/children", drive=self._drive_id, parent=parent_id
        )
        body: dict[str, object] = {"name": name, "folder": {}, "@microsoft.graph.conflictBehavior": "fail"}
        if file_times:
            body["fileSystemInfo"] = dict(file_times)
        answer = await self._client.send_json(info, body, Asked("make a folder", PERMISSION))
        return text_of(answer.get("id"))


def _candidates(name: str) -> Iterator[str]:
    if is_writable(name):
        yield name
        for number in range(1, _MOST_NAMES):
            yield numbered(name, number)
    yield escaped(name)
