"""What restores need of the other rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from shared_code.model.item import ItemVersion, Representation
from shared_code.model.resource import Resource
from shared_code.model.restore import Restore, RestoreClaim, RestoreSummary, Selection
from shared_code.model.snapshot import SegmentRef, Snapshot
from shared_code.model.versions import BrowsePage
from shared_code.model.write_back import JournalEntry, RestoreItem, Written


class CatalogReader(Protocol):
    """The full state of a resource in one snapshot."""

    async def item(self, item_id: str) -> ItemVersion | None:
        """The living item of that id."""
        ...

    async def children(self, parent_id: str, limit: int, token: str = "") -> BrowsePage:
        """Folders first, then by name and id. ``parent_id`` empty: the top. Raises InvalidSelectionError for
        a token that is not one of these pages'."""
        ...

    async def count(self) -> int:
        """Living items, folders not counted."""
        ...

    async def path_of(self, item_id: str) -> tuple[ItemVersion, ...]:
        """The folders above an item, topmost first, without the item itself."""
        ...

    async def selected(self, selection: Selection, after: str, limit: int) -> tuple[ItemVersion, ...]:
        """The next ``limit`` living non-folder items of a selection (folders count with all that is below
        them), in the order of their ids, after the id ``after``. Raises InvalidSelectionError when an id is
        not in the snapshot."""
        ...

    async def selected_folders(self, selection: Selection) -> tuple[ItemVersion, ...]:
        """Every folder that the selection needs, parents first: those selected, those below and those above
        them, and those above selected items."""
        ...

    async def aclose(self) -> None:
        """Let go of memory and temporary files."""
        ...


class Archive(Protocol):
    """A customer's vault as restores see it. Raises VaultError."""

    async def snapshots(self, resource_id: str) -> tuple[int, ...]:
        """Numbers of the resource's snapshots, oldest first; empty for an unknown resource."""
        ...

    async def snapshot(self, resource_id: str, seq: int) -> Snapshot:
        """Raises SnapshotNotFoundError."""
        ...

    async def open_reader(self, segments: Sequence[SegmentRef]) -> CatalogReader:
        """Open the segments of a snapshot."""
        ...

    def read(self, representation: Representation) -> AsyncIterator[bytes]:
        """The plain bytes, every chunk checked against its SHA-256. Raises IntegrityError,
        BlobNotFoundError."""
        ...


class TargetSession(Protocol):
    """The write side of one resource for the length of one slice; remembers what it has seen there.

    Raises SourceError only when the whole resource is out of reach, and TargetConflictError for a folder
    that cannot be had. What is wrong with one item is data: a VaultError of ``RestoreItem.open`` that trying
    again cannot cure makes that item FAILED; a retryable one is raised.
    """

    async def top_folder(self, name: str, like: ItemVersion | None) -> str:
        """Id of the folder ``name`` at the top of the target, made when missing (of the kind of ``like``)."""
        ...

    async def folder(self, version: ItemVersion, parent_target_id: str, original: bool) -> str:
        """Id of the target's folder for this stored one: the original itself where ``original`` and it still
        lives, else the one of the same name below the parent, else a new one. ``parent_target_id`` empty: at
        the top."""
        ...

    def write(self, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        """Write items back, read them again and compare; one answer for each, in any order."""
        ...


@runtime_checkable
class TellsOfFolders(Protocol):
    """A session that has something to tell of the folders that it found or made."""

    def folder_note(self, item_id: str) -> str:
        """What is otherwise than it was with the folder of this id in the snapshot, or nothing."""
        ...


class Target(Protocol):
    """The write side of one workload."""

    def open(self, resource: Resource) -> TargetSession:
        """Begin a slice's work on one resource; nothing is asked of the network yet."""
        ...


class RestoreJournal(Protocol):
    """The ledger as restores see it. Every method is safe to replay. Raises LedgerError."""

    async def claimed(self, customer_id: str, name: str) -> RestoreClaim | None:
        """Who holds the claim of that name."""
        ...

    async def claim(self, customer_id: str, name: str, wanted: RestoreClaim) -> RestoreClaim:
        """Take the claim if nobody holds it, and tell who does: of several callers one gets it."""
        ...

    async def take_over(self, customer_id: str, name: str, held: RestoreClaim, wanted: RestoreClaim) -> RestoreClaim:
        """Take the claim if ``held`` still holds it, and tell who does: of several callers one gets it."""
        ...

    async def create(self, restore: Restore) -> Restore:
        """Insert the record of a restore, and return the one that is there now: this one, or the one that was."""
        ...

    async def ask_to_cancel(self, restore_id: str) -> None:
        """Note that a restore is to stop."""
        ...

    async def cancel_asked(self, restore_id: str) -> bool:
        """Whether a restore is to stop."""
        ...

    async def running(self, customer_id: str) -> tuple[str, ...]:
        """Ids of every restore of a customer that runs; one may be among them that has ended, or that has no record
        yet."""
        ...

    async def not_running(self, customer_id: str, restore_id: str) -> None:
        """Take one that has ended out of those that run."""
        ...

    async def exchange(self, old: Restore, new: Restore) -> bool:
        """Replace the record of a restore when it is still ``old``, and tell whether it was; one that has ended runs no
        more."""
        ...

    async def get(self, customer_id: str, restore_id: str) -> Restore | None:
        """The record of a restore."""
        ...

    async def newest(self, customer_id: str, limit: int) -> tuple[RestoreSummary, ...]:
        """A customer's restores, the last begun first. Reads neither their requests nor their problems."""
        ...

    async def folders(self, restore_id: str) -> Mapping[str, JournalEntry]:
        """What is known of the folders of a restore."""
        ...

    async def folder_done(self, restore_id: str, written: Written) -> None:
        """Note what came of a folder."""
        ...

    async def begin(
        self, restore_id: str, item_ids: Sequence[str], *, surely_new: bool = False
    ) -> Mapping[str, JournalEntry]:
        """Note that these are about to be written, and tell what was known of them before; what is known is
        kept. ``surely_new``: nothing can be known of them, so that nothing has to be read."""
        ...

    async def done(self, restore_id: str, written: Sequence[Written]) -> None:
        """Note what came of them."""
        ...

    async def entries(self, restore_id: str) -> Mapping[str, JournalEntry]:
        """What is known of every item of a restore, by item id."""
        ...
