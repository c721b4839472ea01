"""A resource of the simulated tenant as a snapshot would hold it: read through its source, kept in memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared_code.backup.ports import Source
from shared_code.errors import IntegrityError
from shared_code.model.feed import Fetched, FetchState
from shared_code.model.item import Change, ChunkRef, Form, ItemKind, ItemVersion, Representation
from shared_code.model.outcome import SkipCause
from shared_code.model.resource import Resource
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem, WriteState, Written
from shared_code.restore.ports import TargetSession

_PORTION = 100_000


@dataclass
class Captured:
    """What the source said of every item, and the bytes of those that have some."""

    versions: dict[str, ItemVersion] = field(default_factory=dict)
    content: dict[tuple[str, Form], bytes] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)

    def named(self, name: str) -> ItemVersion:
        found = [version for version in self.versions.values() if version.change.name == name]
        assert len(found) == 1, f"{len(found)} items are called {name!r}"
        return found[0]

    @property
    def items(self) -> list[ItemVersion]:
        """Everything with content but earlier versions of files, which are restored when they are chosen."""
        found = [version for version in self.versions.values() if not version.change.kind.is_folder]
        return [version for version in found if version.change.kind is not ItemKind.FILE_VERSION]

    def folder_of(self, version: ItemVersion) -> str:
        """Id of the folder that an item goes into: an earlier version goes beside its file."""
        parent_id = version.change.parent_id
        return self.versions[parent_id].change.parent_id if parent_id in self.current_files else parent_id

    @property
    def current_files(self) -> set[str]:
        return {item_id for item_id, each in self.versions.items() if each.change.kind is ItemKind.FILE}

    @property
    def folders_parents_first(self) -> list[ItemVersion]:
        folders = {key: version for key, version in self.versions.items() if version.change.kind.is_folder}

        def depth(version: ItemVersion) -> int:
            parent = folders.get(version.change.parent_id)
            return 0 if parent is None else 1 + depth(parent)

        return sorted(folders.values(), key=depth)

    def add(self, change: Change, forms: dict[Form, bytes]) -> ItemVersion:
        representations = []
        for form, data in forms.items():
            self.content[change.item_id, form] = data
            chunk = ChunkRef("p", "", 0, len(data), len(data), hashlib.sha256(data).hexdigest())
            representations.append(Representation(form, len(data), (chunk,)))
        version = ItemVersion("feed", change, 1, tuple(representations))
        self.versions[change.item_id] = version
        return version

    def restore_item(
        self,
        version: ItemVersion,
        parent_target_id: str,
        conflict: ConflictRule = ConflictRule.SKIP,
        *,
        tried_before: bool = False,
        to_original: bool = True,
        taken: Iterable[str] = (),
    ) -> RestoreItem:
        item_id = version.change.item_id
        others = {*self.versions, *taken} - {item_id}

        async def belongs_to_other(target_id: str) -> bool:
            return target_id in others

        async def read(form: Form) -> AsyncIterator[bytes]:
            data = self.content[item_id, form]
            for start in range(0, len(data), _PORTION):
                yield data[start : start + _PORTION]
            if item_id in self.damaged:
                raise IntegrityError("The last chunk is damaged.", item_id=item_id)

        async def folders_to(folder_id: str) -> list[ItemVersion]:
            path: list[ItemVersion] = []
            while (folder := self.versions.get(folder_id)) is not None:
                path.insert(0, folder)
                folder_id = folder.change.parent_id
            return path

        opened: Callable[[Form], AsyncIterator[bytes]] = read
        return RestoreItem(
            version, parent_target_id, conflict, tried_before, to_original, opened, belongs_to_other, folders_to
        )


async def capture(source: Source, resource: Resource) -> Captured:
    """Read every feed of a resource to its end and fetch every item."""
    changes: dict[str, Change] = {}
    feeds: dict[str, str | None] = dict.fromkeys(source.root_feeds())
    while feeds:
        pages = await source.poll(resource, feeds)
        following: dict[str, str | None] = {}
        for name, page in pages.items():
            for change in page.changes:
                if change.deleted or change.skip_cause == SkipCause.LIST_ATTACHMENTS:
                    continue
                changes[change.item_id] = change
                if change.opens_feed:
                    following[change.opens_feed] = None
            if not page.finished:
                following[name] = page.cursor
        feeds = following
    captured = Captured()
    to_fetch = []
    for change in changes.values():
        if change.kind.is_folder:
            captured.add(change, {})
        else:
            to_fetch.append(change)
    for fetched in await _fetched(source, resource, to_fetch):
        assert fetched.state is FetchState.FETCHED, fetched.error
        captured.add(fetched.change, dict(fetched.forms))
    return captured


async def _fetched(source: Source, resource: Resource, changes: Sequence[Change]) -> list[Fetched]:
    small = [change for change in changes if change.size_bytes <= source.stream_from_bytes]
    answers = [fetched async for fetched in source.fetch(resource, small)]
    for change in changes:
        if change.size_bytes > source.stream_from_bytes:
            stream: Any = await source.open_stream(resource, change, 0)
            data = b"".join([part async for part in stream.chunks()])
            await stream.aclose()
            answers.append(Fetched(change, stream.change, FetchState.FETCHED, {Form.NATIVE: data}))
    return answers


async def write_back(
    session: TargetSession,
    captured: Captured,
    versions: Sequence[ItemVersion] | None = None,
    conflict: ConflictRule = ConflictRule.SKIP,
    *,
    tried_before: bool = False,
    into: str = "",
) -> dict[str, Written]:
    """Make the folders and write these items (or all) back, to their places or below the top folder
    ``into``; what came of each."""
    original = not into
    folders: dict[str, str] = {"": await session.top_folder(into, None) if into else ""}
    for folder in captured.folders_parents_first:
        parent = folders[folder.change.parent_id]
        folders[folder.change.item_id] = await session.folder(folder, parent, original)
    chosen = captured.items if versions is None else versions
    items = [
        captured.restore_item(
            version,
            folders[captured.folder_of(version)],
            conflict,
            tried_before=tried_before,
            to_original=original,
        )
        for version in chosen
    ]
    outcomes = [outcome async for outcome in session.write(items)]
    assert sorted(outcome.item_id for outcome in outcomes) == sorted(item.id for item in items)
    return {outcome.item_id: outcome for outcome in outcomes}


def states(outcomes: dict[str, Written]) -> dict[WriteState, int]:
    """How many items came to which end."""
    found = [outcome.state for outcome in outcomes.values()]
    return {state: found.count(state) for state in set(found)}
