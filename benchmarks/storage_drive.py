"""A drive that people work in: the storage benchmark's files.

Edits are spread evenly over everything there is, which is the worst case for packs: none dies as a whole.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.storage_source import LivedInSource, Part, Recipe, size_of
from shared_code.model.item import Change, Form, ItemKind

_PART_BYTES = 1024 * 1024
_FOLDERS = 60


class Drive(LivedInSource):
    """Files of one size, one in eight of them text; a few large ones beside."""

    def fill(self, files: int, file_bytes: int, large_files: int, large_bytes: int) -> None:
        """The first day."""
        self.folders = [self.token("01", 32) for _ in range(_FOLDERS)]
        self.file_bytes = file_bytes
        for folder_id in self.folders:
            self.put(self.root_feed, Change(folder_id, ItemKind.FOLDER, name=self.title(), etag=self._etag()))
        for _ in range(files):
            self.add_file()
        self.large = [self.token("01", 32) for _ in range(large_files)]
        for item_id in self.large:
            parts = [Part(self.next_seed(), _PART_BYTES) for _ in range(large_bytes // _PART_BYTES)]
            self._write(item_id, tuple(parts), name=f"{self.title()}.vhdx")
        self.size_bytes = sum(change.size_bytes for _, change in self.living.values())

    def live(self, share: float) -> None:
        """A day: ``share`` of the bytes are new. A fifth of them inside of large files, two fifths are files that are
        saved anew, two fifths new files, for which as many go. Renames, moves and copies beside."""
        changed = self.size_bytes * share
        for _ in range(self.times(changed / 5 / _PART_BYTES) if self.large else 0):
            self.edit_large()
        for _ in range(self.times(changed * 2 / 5 / self.file_bytes)):
            self.save_anew(self._small_file())
        for _ in range(self.times(changed * 2 / 5 / self.file_bytes)):
            self.add_file()
            self.remove(self._small_file())
        for _ in range(self.times(len(self.items) / 200)):
            self._tell(self._small_file(), name=f"{self.title()}.docx")
            self._tell(self._small_file(), parent_id=self.random.choice(self.folders))
        self.copy(self._small_file())

    def add_file(self) -> None:
        """A new small file."""
        part = Part(self.next_seed(), self._some_bytes(), is_text=self.random.random() < 1 / 8)
        self._write(self.token("01", 32), (part,), name=f"{self.title()}.docx")

    def save_anew(self, item_id: str) -> None:
        """All of a small file changes, as it does with compressed documents."""
        [part] = self.recipes[item_id][Form.NATIVE]
        self._write(item_id, (replace(part, seed=self.next_seed(), size_bytes=self._some_bytes()),))

    def edit_large(self) -> None:
        """A MiB in the middle of a large file gives way to another one, a little longer or shorter."""
        item_id = self.random.choice(self.large)
        parts = list(self.recipes[item_id][Form.NATIVE])
        size_bytes = _PART_BYTES + self.random.randint(-1000, 1000)
        parts[self.random.randrange(len(parts))] = Part(self.next_seed(), size_bytes)
        self._write(item_id, tuple(parts))

    def copy(self, item_id: str) -> None:
        """The same bytes under another id, in place of another file."""
        feed, change = self.living[item_id]
        twin = self.token("01", 32)
        self.recipes[twin] = self.recipes[item_id]
        self.put(feed, replace(change, item_id=twin, etag=self._etag()))
        self.remove(self._small_file())

    def _small_file(self) -> str:
        while (item_id := self.any_item()) in self.large:
            pass
        return item_id

    def _some_bytes(self) -> int:
        return self.random.randint(self.file_bytes // 2, self.file_bytes * 3 // 2)

    def _write(self, item_id: str, recipe: Recipe, name: str = "") -> None:
        self.recipes[item_id] = {Form.NATIVE: recipe}
        size_bytes = size_of(recipe)
        content_hash = f"made-up:{self.token('', 28)}:{size_bytes}"
        properties = {"cTag": f'"c:{{{self.token("", 36)}}},1"', "mimeType": "application/octet-stream"}
        if item_id in self.living:
            self._tell(item_id, size_bytes=size_bytes, content_hash=content_hash, properties=properties)
            return
        change = Change(
            item_id,
            ItemKind.FILE,
            parent_id=self.random.choice(self.folders),
            name=name,
            time=self.now,
            size_bytes=size_bytes,
            etag=self._etag(),
            content_hash=content_hash,
            properties=properties,
        )
        self.put(self.root_feed, change)

    def _tell(self, item_id: str, **changed: object) -> None:
        feed, change = self.living[item_id]
        self.put(feed, replace(change, time=self.now, etag=self._etag(), **changed))  # type: ignore[arg-type]

    def _etag(self) -> str:
        return f'"{{{self.token("", 36)}}},1"'
