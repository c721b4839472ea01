"""A tree of files computed from a seed: folders first, then files, each at a number that follows from its index."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from local.tenant.clock import format_time
from local.tenant.drives.content import Content, GeneratedContent, GeneratedText
from local.tenant.drives.item import DriveItem

_EPOCH_S = 1_735_689_600
_SPAN_S = 300 * 86_400
_FILES_IN_A_FOLDER = 250
_ENDINGS = ("docx", "xlsx", "pdf", "pptx", "jpg", "txt")


@dataclass(frozen=True, slots=True)
class GeneratedFiles:
    """`count` files of `size_bytes` each, spread over folders that are nested `depth` deep below `top`."""

    first_number: int
    base_seq: int
    top: int
    count: int
    size_bytes: int
    depth: int
    compressible: bool
    seed: str
    label: str = ""

    @property
    def folder_count(self) -> int:
        """Number of generated folders."""
        if self.depth <= 0:
            return 0
        return max(self.depth, -(-self.count // _FILES_IN_A_FOLDER))

    @property
    def total(self) -> int:
        """Number of generated items."""
        return self.folder_count + self.count

    def parent_of(self, index: int) -> int:
        """Return the number of the parent of the item at an index."""
        folders = self.folder_count
        if index < folders:
            return self.top if index % self.depth == 0 else self.first_number + index - 1
        return self.top if not folders else self.first_number + (index - folders) % folders

    def children_of(self, number: int) -> Iterator[int]:
        """Yield the numbers of the generated children of a folder."""
        folders = self.folder_count
        if number == self.top:
            yield from (self.first_number + index for index in range(0, folders, max(1, self.depth)))
            if not folders:
                yield from range(self.first_number, self.first_number + self.count)
            return
        index = number - self.first_number
        if not 0 <= index < folders:
            return
        if index + 1 < folders and (index + 1) % self.depth:
            yield number + 1
        yield from range(self.first_number + folders + index, self.first_number + self.total, folders)

    def child_count(self, number: int) -> int:
        """Return how many generated children a folder has, without listing them."""
        folders = self.folder_count
        if number == self.top:
            return self.count if not folders else -(-folders // self.depth)
        index = number - self.first_number
        if not 0 <= index < folders:
            return 0
        nested = int(index + 1 < folders and (index + 1) % self.depth != 0)
        return nested + max(0, -(-(self.count - index) // folders))

    def item(self, index: int) -> DriveItem:
        """Return the item at an index."""
        number = self.first_number + index
        digest = hashlib.blake2b(f"{self.seed}/{index}".encode(), digest_size=8).digest()
        stamp = format_time(_EPOCH_S + int.from_bytes(digest[:4], "big") % _SPAN_S)
        place = index - self.folder_count
        if place < 0:
            name, content = f"Folder {index:05d}{self.label}", None
        else:
            name = f"File {place:07d}{self.label}.{'txt' if self.compressible else _ENDINGS[digest[4] % len(_ENDINGS)]}"
            content = self.content(place)
        return DriveItem(
            number,
            name,
            self.parent_of(index),
            "file" if content is not None else "folder",
            created=stamp,
            modified=stamp,
            made_at=stamp,
            changed_at=stamp,
            content=content,
            seq=self.base_seq + 1 + index,
        )

    def content(self, place: int) -> Content:
        """Return the bytes of the file at a place."""
        make = GeneratedText if self.compressible else GeneratedContent
        return make(f"{self.seed}/{place}", self.size_bytes)
