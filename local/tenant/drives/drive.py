"""The state of one drive: items, names, and what changed when."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from local.tenant.drives.content import Content, quick_xor_of
from local.tenant.drives.generated_files import GeneratedFiles
from local.tenant.drives.grants import Grant
from local.tenant.drives.item import HASHED_UP_TO_BYTES, DriveItem, EarlierVersion, Kind
from local.tenant.drives.names import numbered
from local.tenant.feed_log import FeedLog, Run


class NameTakenError(Exception):
    """The folder already holds an item of that name."""


class Drive:
    """Files and folders with sequence numbers. Nothing here knows HTTP or roles."""

    def __init__(self, tenant_id: str, user_id: str, stamp: str) -> None:
        self.user_id = user_id
        self.name = "OneDrive"
        self.drive_type = "business"
        self.url = f"https://simulated-my.sharepoint.com/personal/{user_id.replace('-', '_')}/Documents"
        digest = hashlib.sha512(f"drive/{tenant_id}/{user_id}".encode()).digest()
        self.drive_id = "b!" + base64.urlsafe_b64encode(digest[:48]).decode("ascii")
        self._prefix = "01" + base64.b32encode(digest[48:53]).decode("ascii")
        self._mask = int.from_bytes(digest[53:64], "big")
        self._guid_tail = digest[:10].hex().upper()
        self.created = stamp
        self.seq = 0
        self.feed = FeedLog()
        self._items: dict[int, DriveItem] = {}
        self._deleted: set[int] = set()
        self._generated: list[GeneratedFiles] = []
        self._names: dict[int, dict[str, int]] = {}
        self._hashes: dict[int, str] = {}
        self._next_number = 1
        self._next_grant = 1
        self.sharing_items: set[int] = set()
        self.root_number = self._insert("root", None, "folder", None, stamp).number

    # Ids

    def item_id(self, number: int) -> str:
        """Return the id of an item (34 characters)."""
        return f"{self._prefix}{(number * 0x9E3779B97F4A7C15) % (1 << 96) ^ self._mask >> 1 & (1 << 96) - 1:024X}"

    def item_number(self, item_id: str) -> int | None:
        """Return the number in an id of this drive, else None."""
        if item_id.lower() == "root":
            return self.root_number
        if len(item_id) != 34 or not item_id.startswith(self._prefix):
            return None
        try:
            mixed = int(item_id[10:], 16) ^ self._mask >> 1 & (1 << 96) - 1
        except ValueError:
            return None
        number, rest = divmod(mixed, 0x9E3779B97F4A7C15)
        return number if rest == 0 else None

    def guid(self, number: int) -> str:
        """Return the GUID that stands in an item's tags."""
        tail = self._guid_tail
        return f"{number:08X}-{tail[:4]}-4{tail[4:7]}-A{tail[7:10]}-{tail[8:20]}"

    # Reading

    @property
    def root(self) -> DriveItem:
        """The top folder."""
        return self._items[self.root_number]

    def item(self, number: int | None) -> DriveItem | None:
        """Return the item with this number, computing it if it is a generated one."""
        if number is None:
            return None
        item = self._items.get(number)
        if item is not None or number in self._deleted:
            return item
        made = self._generation_of(number)
        return made.item(number - made.first_number) if made else None

    def child_numbers(self, folder: int) -> Iterator[int]:
        """Yield the numbers of a folder's children."""
        index = self._names.get(folder)
        if index is not None:
            yield from list(index.values())
            return
        for made in self._generated:
            yield from made.children_of(folder)

    def children(self, folder: int) -> Iterator[DriveItem]:
        """Yield a folder's children."""
        for number in self.child_numbers(folder):
            item = self.item(number)
            if item is not None:
                yield item

    def child_count(self, folder: int) -> int:
        """Return the number of a folder's children."""
        index = self._names.get(folder)
        return len(index) if index is not None else sum(made.child_count(folder) for made in self._generated)

    def child_named(self, folder: int, name: str) -> DriveItem | None:
        """Return the child of that name; case does not matter."""
        return self.item(self._index(folder).get(name.casefold()))

    def by_path(self, names: list[str], start: int | None = None) -> DriveItem | None:
        """Return the item at the end of a path of names below `start` (the root)."""
        item = self.item(self.root_number if start is None else start)
        for name in names:
            if item is None:
                return None
            item = self.child_named(item.number, name)
        return item

    def path_of(self, item: DriveItem) -> str:
        """Return `/name/name`, the root being ``; a `/` inside a name is written `%2F`."""
        names: list[str] = []
        while item.parent is not None:
            names.append("/" + item.name.replace("/", "%2F"))
            parent = self.item(item.parent)
            if parent is None:
                break
            item = parent
        return "".join(reversed(names))

    def subtree(self, item: DriveItem) -> Iterator[DriveItem]:
        """Yield the item and everything below it, parents first."""
        stack = [item]
        while stack:
            top = stack.pop()
            yield top
            if top.kind != "file":
                stack.extend(self.children(top.number))

    def quick_xor(self, item: DriveItem) -> str | None:
        """Return the hash that the service shows for a file, or None where it has none."""
        content = item.content
        if content is None or item.without_hash:
            return None
        if item.known_hash is None:
            known = self._hashes.get(item.number)
            if known is not None and item.ctag_version == 1:
                return known
            if content.size_bytes > HASHED_UP_TO_BYTES and not item.hash_wanted:
                return None
            item.known_hash = quick_xor_of(content)
            if item.ctag_version == 1:
                self._hashes[item.number] = item.known_hash
        return item.known_hash

    # Changing

    def add(self, parent: DriveItem, name: str, kind: Kind, content: Content | None, stamp: str) -> DriveItem:
        """Create an item. Raises NameTakenError."""
        if self.child_named(parent.number, name) is not None:
            raise NameTakenError(name)
        item = self._insert(name, parent.number, kind, content, stamp)
        self._index(parent.number)[name.casefold()] = item.number
        return item

    def free_name(self, parent: DriveItem, name: str, *, is_folder: bool) -> str:
        """Return `name`, or the first numbered variant that is free."""
        number, candidate = 0, name
        while self.child_named(parent.number, candidate) is not None:
            number += 1
            candidate = numbered(name, number, is_folder=is_folder)
        return candidate

    def touched(self, item: DriveItem, stamp: str) -> None:
        """Record that an item's properties were changed in place."""
        item.etag_version += 1
        item.changed_at = stamp
        item.seq = self._tick()
        self._items[item.number] = item
        self.feed.record(item.number, item.seq)

    def set_content(self, item: DriveItem, content: Content, stamp: str) -> None:
        """Give a file new bytes; the present ones become an earlier version."""
        if item.content is not None:
            item.earlier.append(EarlierVersion(item.version_number, item.content, item.changed_at))
            item.version_number += 1
        item.content = content
        item.known_hash = None
        item.ctag_version += 1
        item.modified = stamp
        self.touched(item, stamp)

    def share(self, item: DriveItem, *, in_delta: bool, **terms: Any) -> Grant:
        """Open an item to somebody; an equal permission that is there is the answer. Tags stay as they are."""
        grant = Grant(self._next_grant, **terms)
        for index, present in enumerate(item.grants):
            if present.same_way(grant):
                if not present.link_type and present.role != grant.role:
                    item.grants[index] = replace(present, role=grant.role)
                    self._shared(item, in_delta=in_delta)
                return item.grants[index]
        self._next_grant += 1
        item.grants.append(grant)
        self._shared(item, in_delta=in_delta)
        return grant

    def unshare(self, item: DriveItem, grant: Grant, *, in_delta: bool) -> None:
        """Take one permission away."""
        item.grants.remove(grant)
        self._shared(item, in_delta=in_delta)

    def _shared(self, item: DriveItem, *, in_delta: bool) -> None:
        self._items[item.number] = item
        (self.sharing_items.add if item.grants else self.sharing_items.discard)(item.number)
        if in_delta:
            item.seq = self._tick()
            self.feed.record(item.number, item.seq)

    def relocate(
        self, item: DriveItem, stamp: str, *, name: str | None = None, parent: DriveItem | None = None
    ) -> None:
        """Rename or move. Raises NameTakenError, and ValueError for a move below itself."""
        new_name = item.name if name is None else name
        new_parent = item.parent if parent is None else parent.number
        if item.parent is None or new_parent is None:
            raise ValueError("the root cannot be moved or renamed")
        if parent is not None and new_parent != item.parent and self._is_below(parent, item):
            raise ValueError("a folder cannot move below itself")
        taken = self.child_named(new_parent, new_name)
        if taken is not None and taken.number != item.number:
            raise NameTakenError(new_name)
        self._index(item.parent).pop(item.name.casefold(), None)
        self._index(new_parent)[new_name.casefold()] = item.number
        item.name, item.parent = new_name, new_parent
        self.touched(item, stamp)

    def delete(self, item: DriveItem, *, report_descendants: bool = True) -> None:
        """Remove an item with everything below it."""
        if item.parent is None:
            raise ValueError("the root cannot be deleted")
        self._index(item.parent).pop(item.name.casefold(), None)
        for each in reversed(list(self.subtree(item))):
            if self._items.pop(each.number, None) is None or self._generation_of(each.number):
                self._deleted.add(each.number)
            self._names.pop(each.number, None)
            self._hashes.pop(each.number, None)
            seq = self._tick()
            if report_descendants or each.number == item.number:
                self.feed.record(each.number, seq)

    def generate(
        self, top: DriveItem, count: int, size_bytes: int, *, depth: int, compressible: bool, seed: str
    ) -> None:
        """Let a tree of generated files appear below a folder."""
        label = f" ({len(self._generated) + 1})" if self._generated else ""
        made = GeneratedFiles(
            self._next_number, self.seq, top.number, count, size_bytes, depth, compressible, seed, label
        )
        self._generated.append(made)
        self.feed.add_run(Run(self.seq, self._next_number, made.total))
        self._next_number += made.total
        self.seq += made.total
        if top.number in self._names:
            index = self._names[top.number]
            for number in made.children_of(top.number):
                index[made.item(number - made.first_number).name.casefold()] = number

    # Inner workings

    def _insert(self, name: str, parent: int | None, kind: Kind, content: Content | None, stamp: str) -> DriveItem:
        number = self._next_number
        self._next_number += 1
        item = DriveItem(number, name, parent, kind, stamp, stamp, stamp, stamp, content, seq=self._tick())
        self._items[number] = item
        self.feed.record(number, item.seq, entered=True)
        return item

    def _index(self, folder: int) -> dict[str, int]:
        index = self._names.get(folder)
        if index is None:
            index = {child.name.casefold(): child.number for child in self.children(folder)}
            self._names[folder] = index
        return index

    def _is_below(self, item: DriveItem, top: DriveItem) -> bool:
        current: DriveItem | None = item
        while current is not None:
            if current.number == top.number:
                return True
            current = self.item(current.parent)
        return False

    def _generation_of(self, number: int) -> GeneratedFiles | None:
        for made in self._generated:
            if 0 <= number - made.first_number < made.total:
                return made
        return None

    def _tick(self) -> int:
        self.seq += 1
        return self.seq
