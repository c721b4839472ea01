"""What passes between a restore, the target that it writes to, and its journal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared_code.model.item import Form, ItemVersion
from shared_code.model.restore import ConflictRule


async def _no_folders(folder_id: str) -> Sequence[ItemVersion]:
    del folder_id
    return ()


@dataclass(frozen=True, slots=True)
class RestoreItem:
    """One item to write back below the target folder ``parent_target_id`` (empty: at the top).

    ``tried_before``: an earlier attempt may have succeeded without telling, so look before writing. ``open``
    gives the checked bytes of a stored form and may raise VaultError on the way. ``belongs_to_other`` tells
    whether something at the target is another item's (of the snapshot, or of this restore), so that of two
    equal items neither is lost. ``folders_to`` gives the snapshot's folders down to the one of that id, which comes
    last, for items that name a folder; empty when the snapshot holds no such folder.
    """

    version: ItemVersion
    parent_target_id: str
    conflict: ConflictRule
    tried_before: bool
    to_original: bool
    open: Callable[[Form], AsyncIterator[bytes]]
    belongs_to_other: Callable[[str], Awaitable[bool]]
    folders_to: Callable[[str], Awaitable[Sequence[ItemVersion]]] = _no_folders

    @property
    def id(self) -> str:
        """Id of the item in the snapshot."""
        return self.version.change.item_id


class WriteState(StrEnum):
    """Outcomes of writing one item back. ``existing``: an equal one is there. ``occupied``: something else has its
    place, and the rule of the restore says to leave that alone. ``differs``: written, read again, and not equal."""

    RESTORED = "restored"
    EXISTING = "existing"
    OCCUPIED = "occupied"
    DIFFERS = "differs"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Written:
    """What came of one item. ``target_id`` is its id at the target. ``error`` says why it was not restored,
    or, beside a success, what is otherwise than asked (another name); it holds no content."""

    item_id: str
    state: WriteState
    target_id: str = ""
    written_bytes: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What the journal knows of one item or folder of a restore. No ``state``: begun and never heard of
    again."""

    state: WriteState | None
    target_id: str = ""
    written_bytes: int = 0
    error: str = ""
