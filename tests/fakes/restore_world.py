"""A vault, a journal and a target in memory, with a crash before and after every step that matters."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared_code.errors import IntegrityError, InvalidSelectionError, SnapshotNotFoundError, TargetConflictError
from shared_code.model.item import Change, ChunkRef, Form, ItemKind, ItemVersion, Representation
from shared_code.model.lease import CheckpointMark
from shared_code.model.outcome import Counts
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.restore import Restore, RestoreClaim, RestoreState, RestoreSummary, Selection
from shared_code.model.snapshot import SegmentRef, Snapshot
from shared_code.model.versions import BrowsePage
from shared_code.model.write_back import JournalEntry, RestoreItem, WriteState, Written

START = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
MAILBOX = Resource(ResourceKind.MAILBOX, "user-1", "Ada", {"mailbox_id": "MBX:1"})


class CrashError(Exception):
    """The process died here."""


class Crashes:
    """Counts the points where a process can die, and dies once at number ``at`` (from 1; None: never)."""

    def __init__(self, at: int | None = None) -> None:
        self.passed = 0
        self._at = at

    def point(self) -> None:
        self.passed += 1
        if self.passed == self._at:
            raise CrashError


@dataclass
class Ticking:
    """A clock that goes on by ``step_s`` with every look."""

    step_s: float = 0.0
    now: datetime = START + timedelta(days=30)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=self.step_s)
        return self.now


def chunk_of(data: bytes) -> ChunkRef:
    return ChunkRef("packs/p", "v", 0, len(data), len(data), hashlib.sha256(data).hexdigest())


@dataclass
class Catalog:
    """What one snapshot holds, with content by SHA-256."""

    versions: dict[str, ItemVersion] = field(default_factory=dict)
    content: dict[str, bytes] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)

    def folder(self, item_id: str, name: str, parent: str = "") -> None:
        self.versions[item_id] = ItemVersion("f", Change(item_id, ItemKind.MAIL_FOLDER, parent_id=parent, name=name))

    def item(self, item_id: str, data: bytes | None, parent: str = "", skip_cause: str = "") -> None:
        change = Change(item_id, ItemKind.MESSAGE, parent_id=parent, name=item_id, skip_cause=skip_cause)
        forms: tuple[Representation, ...] = ()
        if data is not None:
            chunk = chunk_of(data)
            self.content[chunk.sha256] = data
            forms = (Representation(Form.NATIVE, len(data), (chunk,)),)
        self.versions[item_id] = ItemVersion("f", change, 1, forms)


class MemoryReader:
    """CatalogReader over a Catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._all = catalog.versions
        self.closed = False

    async def item(self, item_id: str) -> ItemVersion | None:
        return self._all.get(item_id)

    async def children(self, parent_id: str, limit: int, token: str = "") -> BrowsePage:
        found = [v for v in self._all.values() if v.change.parent_id == parent_id]
        found.sort(key=lambda v: (not v.change.kind.is_folder, v.change.name, v.change.item_id))
        if token and not token.isdigit():
            raise InvalidSelectionError("not a token of these pages")
        start = int(token or 0)
        more = str(start + limit) if start + limit < len(found) else ""
        return BrowsePage(tuple(found[start : start + limit]), more)

    async def count(self) -> int:
        return sum(not v.change.kind.is_folder for v in self._all.values())

    async def path_of(self, item_id: str) -> tuple[ItemVersion, ...]:
        path: list[ItemVersion] = []
        parent = self._all[item_id].change.parent_id
        while parent:
            path.insert(0, self._all[parent])
            parent = self._all[parent].change.parent_id
        return tuple(path)

    def _chosen(self, selection: Selection) -> set[str]:
        ids = (*selection.folder_ids, *selection.item_ids)
        if missing := [entry for entry in ids if entry not in self._all]:
            raise InvalidSelectionError(f"the snapshot does not hold {missing[0]}")
        chosen = set(self._all) if selection.everything else set(ids)
        while True:
            below = {key for key, v in self._all.items() if v.change.parent_id in chosen} - chosen
            if not below:
                return chosen
            chosen |= below

    async def selected(self, selection: Selection, after: str, limit: int) -> tuple[ItemVersion, ...]:
        chosen = self._chosen(selection)
        items = sorted(key for key in chosen if key > after and not self._all[key].change.kind.is_folder)
        return tuple(self._all[key] for key in items[:limit])

    async def selected_folders(self, selection: Selection) -> tuple[ItemVersion, ...]:
        needed: dict[str, ItemVersion] = {}
        for key in sorted(self._chosen(selection)):
            for version in (*await self.path_of(key), self._all[key]):
                if version.change.kind.is_folder:
                    needed[version.change.item_id] = version
        return tuple(_parents_first(needed))

    async def aclose(self) -> None:
        self.closed = True


def _parents_first(needed: Mapping[str, ItemVersion]) -> list[ItemVersion]:
    def depth(version: ItemVersion) -> int:
        parent = needed.get(version.change.parent_id)
        return 0 if parent is None else 1 + depth(parent)

    return sorted(needed.values(), key=lambda v: (depth(v), v.change.item_id))


class MemoryArchive:
    """Archive over catalogs by snapshot number; day ``n`` is committed on START + n days."""

    def __init__(self, catalogs: Mapping[int, Catalog], resource: Resource = MAILBOX) -> None:
        self.catalogs = catalogs
        self.resource = resource
        self.readers: list[MemoryReader] = []

    async def snapshots(self, resource_id: str) -> tuple[int, ...]:
        return tuple(sorted(self.catalogs)) if resource_id == self.resource.id else ()

    async def snapshot(self, resource_id: str, seq: int) -> Snapshot:
        if resource_id != self.resource.id or seq not in self.catalogs:
            raise SnapshotNotFoundError("no such snapshot")
        at = START + timedelta(days=seq)
        return Snapshot(
            customer_id="acme",
            resource=self.resource,
            seq=seq,
            run_id=f"run-{seq}",
            started_at=at - timedelta(minutes=5),
            committed_at=at,
            segments=(),
            cursors={},
            counts=Counts(stored=seq),
            checkpoint=CheckpointMark(START, 90, 127),
        )

    async def open_reader(self, segments: Sequence[SegmentRef]) -> MemoryReader:
        reader = MemoryReader(self.catalogs[max(self.catalogs)])
        self.readers.append(reader)
        return reader

    async def read(self, representation: Representation) -> AsyncIterator[bytes]:
        catalog = self.catalogs[max(self.catalogs)]
        for chunk in representation.chunks:
            if chunk.sha256 in catalog.damaged:
                raise IntegrityError("A chunk of pack p is damaged.")
            yield catalog.content[chunk.sha256]


class MemoryJournal:
    """RestoreJournal that keeps everything in dictionaries and may die around every write."""

    def __init__(self, crashes: Crashes) -> None:
        self._crashes = crashes
        self.records: dict[str, Restore] = {}
        self.noted_running: dict[str, str] = {}
        self.items: dict[str, JournalEntry] = {}
        self.folder_entries: dict[str, JournalEntry] = {}
        self.claims: dict[tuple[str, str], RestoreClaim] = {}
        self.to_cancel: set[str] = set()

    async def claimed(self, customer_id: str, name: str) -> RestoreClaim | None:
        return self.claims.get((customer_id, name))

    async def claim(self, customer_id: str, name: str, wanted: RestoreClaim) -> RestoreClaim:
        self._crashes.point()
        held = self.claims.setdefault((customer_id, name), wanted)
        self._crashes.point()
        return held

    async def take_over(self, customer_id: str, name: str, held: RestoreClaim, wanted: RestoreClaim) -> RestoreClaim:
        self._crashes.point()
        if self.claims[customer_id, name] == held:
            self.claims[customer_id, name] = wanted
        self._crashes.point()
        return self.claims[customer_id, name]

    async def create(self, restore: Restore) -> Restore:
        self._crashes.point()
        self.noted_running[restore.request.id] = restore.request.customer_id
        self._crashes.point()
        there = self.records.setdefault(restore.request.id, Restore.from_json(restore.to_json()))
        self._crashes.point()
        return there

    async def ask_to_cancel(self, restore_id: str) -> None:
        self._crashes.point()
        self.to_cancel.add(restore_id)
        self._crashes.point()

    async def cancel_asked(self, restore_id: str) -> bool:
        return restore_id in self.to_cancel

    async def running(self, customer_id: str) -> tuple[str, ...]:
        return tuple(restore_id for restore_id, owner in self.noted_running.items() if owner == customer_id)

    async def not_running(self, customer_id: str, restore_id: str) -> None:
        self.noted_running.pop(restore_id, None)
        self._crashes.point()

    async def exchange(self, old: Restore, new: Restore) -> bool:
        self._crashes.point()
        if self.records.get(new.request.id) != old:
            return False
        self.records[new.request.id] = Restore.from_json(new.to_json())
        self._crashes.point()
        if new.state is not RestoreState.RUNNING:
            await self.not_running(new.request.customer_id, new.request.id)
        return True

    async def get(self, customer_id: str, restore_id: str) -> Restore | None:
        found = self.records.get(restore_id)
        return found if found and found.request.customer_id == customer_id else None

    async def newest(self, customer_id: str, limit: int) -> tuple[RestoreSummary, ...]:
        found = [entry.summary() for entry in self.records.values() if entry.request.customer_id == customer_id]
        return tuple(sorted(found, key=lambda entry: entry.started_at, reverse=True)[:limit])

    async def folders(self, restore_id: str) -> Mapping[str, JournalEntry]:
        return dict(self.folder_entries)

    async def folder_done(self, restore_id: str, written: Written) -> None:
        self._crashes.point()
        self.folder_entries[written.item_id] = JournalEntry(written.state, written.target_id, 0, written.error)
        self._crashes.point()

    async def begin(
        self, restore_id: str, item_ids: Sequence[str], *, surely_new: bool = False
    ) -> Mapping[str, JournalEntry]:
        self._crashes.point()
        known = {item_id: self.items[item_id] for item_id in item_ids if item_id in self.items}
        assert not (surely_new and known), "something was known after all"
        for item_id in item_ids:
            self.items.setdefault(item_id, JournalEntry(None))
        self._crashes.point()
        return known

    async def done(self, restore_id: str, written: Sequence[Written]) -> None:
        self._crashes.point()
        for entry in written:
            self.items[entry.item_id] = JournalEntry(entry.state, entry.target_id, entry.written_bytes, entry.error)
        self._crashes.point()

    async def entries(self, restore_id: str) -> Mapping[str, JournalEntry]:
        return dict(self.items)


class MemoryTarget:
    """Target that keeps what was written for ever, dies around every write, and looks first where it was
    told to."""

    def __init__(self, crashes: Crashes) -> None:
        self.crashes = crashes
        self.made_folders: list[tuple[str, str, str]] = []
        self.contents: list[tuple[str, str, bytes]] = []
        self.asked: list[RestoreItem] = []
        self.conflicts: set[str] = set()
        self.opened = 0

    def open(self, resource: Resource) -> MemoryTargetSession:
        assert resource == MAILBOX
        self.opened += 1
        return MemoryTargetSession(self)

    def folder_named(self, name: str, parent: str) -> str:
        for target_id, existing, above in self.made_folders:
            if (existing, above) == (name, parent):
                return target_id
        self.crashes.point()
        target_id = f"t-folder-{len(self.made_folders)}"
        self.made_folders.append((target_id, name, parent))
        self.crashes.point()
        return target_id

    def below(self, parent: str) -> list[bytes]:
        return sorted(data for _, above, data in self.contents if above == parent)

    def path(self, target_id: str) -> str:
        if not target_id:
            return ""
        _, name, parent = next(entry for entry in self.made_folders if entry[0] == target_id)
        return f"{self.path(parent)}/{name}"

    def tree(self) -> dict[str, list[bytes]]:
        parents = {"", *(entry[0] for entry in self.made_folders)}
        return {self.path(parent): self.below(parent) for parent in parents}


class MemoryTargetSession:
    """TargetSession of MemoryTarget."""

    def __init__(self, target: MemoryTarget) -> None:
        self._target = target
        self._claimed: set[str] = set()

    async def top_folder(self, name: str, like: ItemVersion | None) -> str:
        return self._target.folder_named(name, "")

    async def folder(self, version: ItemVersion, parent_target_id: str, original: bool) -> str:
        if version.change.item_id in self._target.conflicts:
            raise TargetConflictError("Something else has that name.")
        return self._target.folder_named(version.change.name, parent_target_id)

    async def write(self, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        target = self._target
        for item in items:
            target.asked.append(item)
            try:
                data = b"".join([part async for part in item.open(Form.NATIVE)])
            except IntegrityError as error:
                yield Written(item.id, WriteState.FAILED, error=error.message)
                continue
            target_id = await self._already_there(item, data) if item.tried_before else ""
            if not target_id:
                target.crashes.point()
                target_id = f"t-item-{len(target.contents)}"
                target.contents.append((target_id, item.parent_target_id, data))
                target.crashes.point()
            self._claimed.add(target_id)
            yield Written(item.id, WriteState.RESTORED, target_id, len(data))

    async def _already_there(self, item: RestoreItem, data: bytes) -> str:
        for target_id, parent, present in self._target.contents:
            if (parent, present) != (item.parent_target_id, data) or target_id in self._claimed:
                continue
            if not await item.belongs_to_other(target_id):
                return target_id
        return ""
