"""The state of one mailbox: folders, items, and what changed when."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from local.tenant.feed_log import FeedLog, Run
from local.tenant.mailboxes.exchange_ids import ExchangeIds
from local.tenant.mailboxes.generated_mail import MailGenerator, generated_unread
from local.tenant.mailboxes.item import MailItem
from local.tenant.mailboxes.settings import MailboxSettings
from local.tenant.mailboxes.well_known_folders import RECOVERABLE, RECOVERABLE_ROOT, ROOT, WELL_KNOWN, display_name

_CLASS_OF_FOLDER = {
    "message": "inbox",
    "event": "calendar",
    "contact": "contacts",
    "task": "tasks",
    "note": "notes",
}


@dataclass(slots=True)
class MailFolder:
    """One folder. `parent` is None for the two roots: of the visible tree, and of Recoverable Items."""

    number: int
    name: str
    parent: int | None
    folder_type: str
    hidden: bool = False
    well_known: str | None = None
    count: int = 0
    unread: int = 0
    children: list[int] = field(default_factory=list)
    feed: FeedLog = field(default_factory=FeedLog)


@dataclass(frozen=True, slots=True)
class _GeneratedItems:
    first_number: int
    count: int
    folder: int
    base_seq: int
    generator: MailGenerator


class Mailbox:
    """Folders and items with sequence numbers. Nothing here knows HTTP or roles."""

    def __init__(self, tenant_id: str, user_id: str, address: str, language: str) -> None:
        self.user_id = user_id
        self.address = address
        guid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailbox/{tenant_id}/{user_id}"))
        self.mailbox_id = f"MBX:{guid}@{tenant_id}"
        self.ids = ExchangeIds(guid)
        self.seq = 0
        self.folders: dict[int, MailFolder] = {}
        self.well_known: dict[str, int] = {}
        self.folder_feed = FeedLog()
        self._items: dict[int, MailItem] = {}
        self._generated: list[_GeneratedItems] = []
        self._generated_gone: set[int] = set()
        self._next_number = 1
        self.settings = MailboxSettings(language)
        self.delta_error: tuple[int, str] | None = None
        root = self._insert_folder("Top of Information Store", None, "IPF.Note", well_known=ROOT)
        for each in WELL_KNOWN:
            name = display_name(each, language)
            self._insert_folder(name, root.number, each.folder_type, hidden=each.hidden, well_known=each.name)
        self._insert_recoverable()

    @property
    def root(self) -> MailFolder:
        """The parent of the top-level folders."""
        return self.folders[self.well_known[ROOT]]

    def touch(self) -> None:
        """Note that something changed that no feed tells of."""
        self._tick()

    # Folders

    def folder_by_key(self, key: str) -> MailFolder | None:
        """Return the folder with this id or well-known name."""
        number = self.ids.folder_number(key)
        if number is None:
            number = self.well_known.get(key.lower())
        return None if number is None else self.folders.get(number)

    def child_named(self, parent: MailFolder, name: str) -> MailFolder | None:
        """Return the child folder of that name; case does not matter."""
        wanted = name.casefold()
        children = (self.folders[number] for number in parent.children)
        return next((child for child in children if child.name.casefold() == wanted), None)

    def add_folder(
        self, name: str, parent: MailFolder, folder_type: str = "IPF.Note", *, hidden: bool = False
    ) -> MailFolder:
        """Create a folder. Names are not checked: a mailbox can hold what the API would refuse."""
        return self._insert_folder(name, parent.number, folder_type, hidden=hidden)

    def change_folder(self, folder: MailFolder, *, name: str | None = None, parent: MailFolder | None = None) -> None:
        """Rename or move a folder. Its items report nothing. Raises ValueError for a move below itself."""
        if parent is not None and parent.number != folder.parent:
            if any(each.number == parent.number for each in self.subtree(folder)) or folder.parent is None:
                raise ValueError("a folder cannot move below itself")
            self.folders[folder.parent].children.remove(folder.number)
            parent.children.append(folder.number)
            folder.parent = parent.number
        if name is not None:
            folder.name = name
        self.folder_feed.record(folder.number, self._tick())

    def delete_folder(self, folder: MailFolder) -> None:
        """Remove a folder with all that is in it, for good."""
        for each in reversed(list(self.subtree(folder))):
            for item in list(self.items_in(each)):
                self._drop(item.number)
            if each.parent is not None:
                self.folders[each.parent].children.remove(each.number)
            del self.folders[each.number]
            self.folder_feed.record(each.number, self._tick())

    def subtree(self, folder: MailFolder) -> Iterator[MailFolder]:
        """Yield the folder and everything below it, parents first."""
        yield folder
        for number in list(folder.children):
            yield from self.subtree(self.folders[number])

    def path_of(self, folder: MailFolder) -> str:
        """Return the names from below the root, joined by `/`; a `/` inside a name is written `%2F`."""
        names: list[str] = []
        while folder.parent is not None:
            names.append(folder.name.replace("/", "%2F"))
            folder = self.folders[folder.parent]
        return "/".join(reversed(names))

    # Items

    def add_item(self, item: MailItem, folder: MailFolder) -> MailItem:
        """Put a new item into a folder; it gets a number and a sequence."""
        item.number = self._take_number()
        self._items[item.number] = item
        self._enter(item, folder)
        return item

    def generate(self, kind: str, count: int, seed: str, folder: MailFolder | None = None) -> None:
        """Let `count` generated items of `kind` (message, event, contact) appear in a folder."""
        if count <= 0:
            return
        folder = folder or self.folders[self.well_known[_CLASS_OF_FOLDER[kind]]]
        generator = MailGenerator(kind, seed, self.address)
        made = _GeneratedItems(self._next_number, count, folder.number, self.seq, generator)
        self._generated.append(made)
        folder.feed.add_run(Run(self.seq, self._next_number, count))
        self._next_number += count
        self.seq += count
        folder.count += count
        folder.unread += generated_unread(count) if kind == "message" else 0

    def item(self, number: int | None) -> MailItem | None:
        """Return the item with this number, computing it if it is a generated one."""
        if number is None:
            return None
        item = self._items.get(number)
        if item is not None or number in self._generated_gone:
            return item
        for run in self._generated:
            index = number - run.first_number
            if 0 <= index < run.count:
                item = run.generator.item(index)
                item.number, item.folder, item.seq = number, run.folder, run.base_seq + 1 + index
                return item
        return None

    def item_by_id(self, item_id: str) -> MailItem | None:
        """Return the item with this id."""
        return self.item(self.ids.item_number(item_id))

    def items_in(self, folder: MailFolder) -> Iterator[MailItem]:
        """Yield the items of a folder, the least recently changed first."""
        for entry in folder.feed.entries(0):
            item = self.item(entry.number)
            if item is not None and item.folder == folder.number:
                yield item

    def changed(self, item: MailItem, *, was_unread: bool) -> None:
        """Record that an item's properties were changed in place."""
        self._items[item.number] = item
        folder = self.folders[item.folder]
        folder.unread += int(item.is_unread_mail) - int(was_unread)
        item.seq = self._tick()
        folder.feed.record(item.number, item.seq)

    def replace_item(self, old: MailItem, new: MailItem) -> None:
        """Let `new` take the place and the id of `old`."""
        was_unread = old.is_unread_mail
        new.number, new.folder = old.number, old.folder
        self.changed(new, was_unread=was_unread)

    def move_item(self, item: MailItem, folder: MailFolder, *, new_id: bool) -> MailItem:
        """Move an item; the folder that it leaves reports it as removed."""
        old_number = item.number
        self._leave(item)
        if new_id:
            self._forget(old_number)
            item.number = self._take_number()
        self._items[item.number] = item
        self._enter(item, folder)
        return item

    def delete_item(self, item: MailItem) -> None:
        """Remove an item for good."""
        self._leave(item)
        self._forget(item.number)

    # Inner workings

    def _insert_folder(
        self,
        name: str,
        parent: int | None,
        folder_type: str,
        *,
        hidden: bool = False,
        well_known: str | None = None,
    ) -> MailFolder:
        number = self._take_number()
        folder = MailFolder(number, name, parent, folder_type, hidden, well_known)
        self.folders[number] = folder
        if parent is not None:
            self.folders[parent].children.append(number)
            self.folder_feed.record(number, self._tick(), entered=True)
        if well_known:
            self.well_known[well_known] = number
        return folder

    def _insert_recoverable(self) -> None:
        """Recoverable Items: a tree of its own, which the feed of folders does not tell of."""
        root = self._insert_folder("Recoverable Items", None, "IPF.Note", hidden=True, well_known=RECOVERABLE_ROOT)
        for name, shown in RECOVERABLE.items():
            folder = self._insert_folder(shown, None, "IPF.Note", hidden=True, well_known=name)
            folder.parent = root.number
            root.children.append(folder.number)

    def _enter(self, item: MailItem, folder: MailFolder) -> None:
        item.folder = folder.number
        item.seq = self._tick()
        folder.count += 1
        folder.unread += int(item.is_unread_mail)
        folder.feed.record(item.number, item.seq, entered=True)

    def _leave(self, item: MailItem) -> None:
        folder = self.folders[item.folder]
        folder.count -= 1
        folder.unread -= int(item.is_unread_mail)
        folder.feed.record(item.number, self._tick())

    def _drop(self, number: int) -> None:
        self._tick()
        self._forget(number)

    def _forget(self, number: int) -> None:
        if self._items.pop(number, None) is None or self._is_generated(number):
            self._generated_gone.add(number)

    def _is_generated(self, number: int) -> bool:
        return any(run.first_number <= number < run.first_number + run.count for run in self._generated)

    def _take_number(self) -> int:
        number = self._next_number
        self._next_number += 1
        return number

    def _tick(self) -> int:
        self.seq += 1
        return self.seq
