"""The catalog in plain Python: what the SQL must agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared_code.model.item import ItemVersion


class Oracle:
    """Segments as lists of rows, oldest first."""

    def __init__(self, segments: Sequence[Sequence[ItemVersion]]) -> None:
        self._newest: dict[tuple[str, str], tuple[int, ItemVersion]] = {}
        self.order: dict[int, int] = {}
        position = 0
        self._segment_of: dict[tuple[str, str], int] = {}
        for number, rows in enumerate(segments):
            for version in rows:
                key = (version.feed, version.change.item_id)
                self._newest[key] = (position, version)
                self._segment_of[key] = number
                position += 1

    @property
    def hashes(self) -> set[str]:
        """Content hashes of what lives: content of the dead may be gone."""
        return {
            version.change.content_hash
            for version in self.newest.values()
            if not version.change.deleted and version.change.content_hash and version.representations
        }

    @property
    def newest(self) -> dict[tuple[str, str], ItemVersion]:
        """The last word on each key."""
        return {key: version for key, (_, version) in self._newest.items()}

    @property
    def shown(self) -> dict[str, ItemVersion]:
        """The newest living version of each item id."""
        result: dict[str, tuple[int, ItemVersion]] = {}
        for position, version in self._newest.values():
            item_id = version.change.item_id
            if not version.change.deleted and (item_id not in result or result[item_id][0] < position):
                result[item_id] = (position, version)
        return {item_id: version for item_id, (_, version) in result.items()}

    def children(self, parent_id: str) -> list[ItemVersion]:
        """Folders first, then by name and id."""
        folders = {item_id for item_id, version in self.shown.items() if version.change.kind.is_folder}
        found = [
            version
            for version in self.shown.values()
            if version.change.parent_id == parent_id or (parent_id == "" and version.change.parent_id not in folders)
        ]
        return sorted(found, key=lambda v: (not v.change.kind.is_folder, v.change.name, v.change.item_id))

    def below(self, folder_ids: Sequence[str]) -> set[str]:
        """Ids of these folders and of all folders below them."""
        found: set[str] = set()
        wanted = list(folder_ids)
        while wanted:
            folder_id = wanted.pop()
            if folder_id not in found:
                found.add(folder_id)
                wanted += [v.change.item_id for v in self.children(folder_id) if v.change.kind.is_folder]
        return found

    def above(self, item_id: str) -> list[str]:
        """Ids of the living folders above an item, nearest first."""
        shown, found = self.shown, []
        current = shown[item_id]
        while (parent := shown.get(current.change.parent_id)) and parent.change.kind.is_folder:
            if parent.change.item_id in found:
                break
            found.append(parent.change.item_id)
            current = parent
        return found

    def is_circular(self, item_id: str) -> bool:
        """Whether the way up from here never ends."""
        return any(entry in self.above(entry) for entry in [item_id, *self.above(item_id)])

    def buried(self, relisted: Mapping[str, int]) -> set[tuple[str, str]]:
        """Keys that live by the rows and yet are gone."""
        living = {key: version for key, version in self.newest.items() if not version.change.deleted}
        alive = {
            key: version
            for key, version in living.items()
            if key[0] not in relisted or self._segment_of[key] >= relisted[key[0]]
        }
        kept_ids = {item_id for _, item_id in alive}
        dead = {
            item_id
            for (feed, item_id), version in self.newest.items()
            if version.change.kind.is_folder
            and (version.change.deleted or ((feed, item_id) in living and (feed, item_id) not in alive))
            and item_id not in kept_ids
        }
        grew = True
        while grew:
            below = {
                item_id
                for (_, item_id), version in alive.items()
                if version.change.kind.is_folder and version.change.parent_id in dead and item_id not in dead
            }
            dead |= below
            grew = bool(below)
        kept = {key for key, version in alive.items() if version.change.parent_id not in dead}
        return set(living) - kept
