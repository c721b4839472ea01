"""What the storage benchmark backs up: a drive and a mailbox that are made up as they are read, and lived in daily.

Content is a recipe (seeds and sizes), so that gigabytes cost no memory. Feeds are logs of changes, a cursor is a place
in one. Edits are spread evenly over everything there is, which is the worst case for packs: none dies as a whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from random import Random

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from shared_code.model.feed import FeedPage, Fetched, FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.resource import Resource

PART_BYTES = 1024 * 1024
_PAGE_ITEMS = 200
_STREAM_FROM_BYTES = 4 * 1024 * 1024
_MAIL_FOLDERS = 12
_DRIVE_FOLDERS = 60
_LINES = 1 << 14
_NONCE = bytes(16)


@cache
def _words() -> list[bytes]:
    random = Random("words")
    return ["".join(random.choices("etaoinshrdlucmwfgypbvk", k=random.randint(2, 10))).encode() for _ in range(2000)]


@cache
def _lines() -> list[bytes]:
    random = Random("lines")
    return [b" ".join(random.choices(_words(), k=10)) + b"\n" for _ in range(_LINES)]


@dataclass(frozen=True, slots=True)
class Part:
    """A run of bytes: noise that does not compress, or lines of words that do, by half to two thirds."""

    seed: int
    size_bytes: int
    is_text: bool = False

    def data(self) -> bytes:
        """The same bytes every time, and no two seeds alike."""
        if not self.is_text:
            return self._noise(self.size_bytes)
        lines = _lines()
        count = self.size_bytes // 40 + 1
        numbers = memoryview(self._noise(2 * count)).cast("H")
        text = b"".join([lines[number % _LINES] for number in numbers])
        return text[: self.size_bytes].ljust(self.size_bytes, b".")

    def _noise(self, size_bytes: int) -> bytes:
        """A cipher's key stream: many times faster than ``random``, which would take most of the benchmark's time."""
        key = self.seed.to_bytes(16, "big")
        return Cipher(algorithms.AES(key), modes.CTR(_NONCE)).encryptor().update(bytes(size_bytes))


Recipe = tuple[Part, ...]


def _size_of(recipe: Recipe) -> int:
    return sum(part.size_bytes for part in recipe)


class CountingDigest:
    """Stands for the source's content hash, whose cost is measured elsewhere: it knows the length alone."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._size_bytes += len(data)

    def state(self) -> str:
        """To go on later."""
        return str(self._size_bytes)

    def matches(self, content_hash: str) -> bool:
        """Whether the length is that of the content with this hash."""
        return content_hash.endswith(f":{self._size_bytes}")


@dataclass(frozen=True, slots=True)
class RecipeStream:
    """A large file that is being read."""

    change: Change
    recipe: Recipe
    offset: int

    async def chunks(self) -> AsyncIterator[bytes]:
        """Part by part, from the offset on."""
        skip = self.offset
        for part in self.recipe:
            if skip < part.size_bytes:
                yield part.data()[skip:]
            skip = max(0, skip - part.size_bytes)

    async def aclose(self) -> None:
        """Nothing to let go of."""


@dataclass
class LivedInSource:
    """Satisfies ``Source`` of the backup. Its subclasses fill it, and live in it for a day. ``first_seed`` keeps the
    contents of two sources apart."""

    random: Random
    now: datetime
    logs: dict[str, list[Change]] = field(default_factory=dict)
    living: dict[str, tuple[str, Change]] = field(default_factory=dict)
    """Item id -> its feed and its newest change."""
    recipes: dict[str, dict[Form, Recipe]] = field(default_factory=dict)
    items: list[str] = field(default_factory=list)
    """Ids of living items, in no order, to choose from."""
    root_feed: str = "items"
    first_seed: int = 0
    _places: dict[str, int] = field(default_factory=dict)

    # -- Source

    def root_feeds(self) -> tuple[str, ...]:
        """One feed; a mailbox opens more by its folders."""
        return (self.root_feed,)

    async def poll(self, resource: Resource, cursors: Mapping[str, str | None]) -> Mapping[str, FeedPage]:
        """The next page of each log."""
        return {feed: self._page(feed, int(cursor or "0")) for feed, cursor in cursors.items()}

    def _page(self, feed: str, start: int) -> FeedPage:
        log = self.logs[feed]
        end = min(len(log), start + _PAGE_ITEMS)
        changes = tuple({change.item_id: change for change in log[start:end]}.values())
        return FeedPage(changes, str(end), end == len(log))

    async def fetch(self, resource: Resource, changes: Sequence[Change]) -> AsyncIterator[Fetched]:
        """The content of small items."""
        for change in changes:
            if change.item_id not in self.living:
                yield Fetched(change, change, FetchState.GONE, {})
                continue
            recipe = self.recipes[change.item_id]
            forms = {form: b"".join(part.data() for part in parts) for form, parts in recipe.items()}
            yield Fetched(change, self.living[change.item_id][1], FetchState.FETCHED, forms)

    @property
    def stream_from_bytes(self) -> int:
        """As for drives."""
        return _STREAM_FROM_BYTES

    async def open_stream(self, resource: Resource, change: Change, offset: int) -> RecipeStream | Fetched:
        """The content of a large file."""
        newest = self.living[change.item_id][1]
        return RecipeStream(newest, self.recipes[change.item_id][Form.NATIVE], offset)

    def digest(self, state: str = "") -> CountingDigest:
        """See CountingDigest."""
        return CountingDigest(int(state or "0"))

    # -- editing

    def next_seed(self) -> int:
        """For a new piece of content."""
        self.first_seed += 1
        return self.first_seed

    def times(self, expected: float) -> int:
        """A whole number that is ``expected`` on average."""
        return int(expected + self.random.random())

    def token(self, prefix: str, length: int) -> str:
        """An id as long, and as hard to compress, as those of the service."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        return prefix + "".join(self.random.choices(alphabet, k=length))

    def title(self) -> str:
        """A name or a subject."""
        return b" ".join(self.random.choices(_words(), k=5)).decode()

    def put(self, feed: str, change: Change) -> None:
        """An item is so from now on."""
        known = self.living.get(change.item_id)
        if known and known[0] != feed:
            self.logs[known[0]].append(Change(change.item_id, change.kind, deleted=True))
        if not known and not change.kind.is_folder:
            self._places[change.item_id] = len(self.items)
            self.items.append(change.item_id)
        self.living[change.item_id] = (feed, change)
        self.logs.setdefault(feed, []).append(change)

    def remove(self, item_id: str) -> None:
        """An item is gone."""
        feed, change = self.living.pop(item_id)
        self.logs[feed].append(Change(item_id, change.kind, deleted=True))
        del self.recipes[item_id]
        place, last = self._places.pop(item_id), self.items.pop()
        if last != item_id:
            self.items[place], self._places[last] = last, place

    def any_item(self) -> str:
        """One of them, each as likely as the others."""
        return self.items[self.random.randrange(len(self.items))]


class Drive(LivedInSource):
    """Files of one size, one in eight of them text; a few large ones beside."""

    def fill(self, files: int, file_bytes: int, large_files: int, large_bytes: int) -> None:
        """The first day."""
        self.folders = [self.token("01", 32) for _ in range(_DRIVE_FOLDERS)]
        self.file_bytes = file_bytes
        for folder_id in self.folders:
            self.put(self.root_feed, Change(folder_id, ItemKind.FOLDER, name=self.title(), etag=self._etag()))
        for _ in range(files):
            self.add_file()
        self.large = [self.token("01", 32) for _ in range(large_files)]
        for item_id in self.large:
            parts = [Part(self.next_seed(), PART_BYTES) for _ in range(large_bytes // PART_BYTES)]
            self._write(item_id, tuple(parts), name=f"{self.title()}.vhdx")
        self.size_bytes = sum(change.size_bytes for _, change in self.living.values())

    def live(self, share: float) -> None:
        """A day: ``share`` of the bytes are new. A fifth of them inside of large files, two fifths are files that are
        saved anew, two fifths new files, for which as many go. Renames, moves and copies beside."""
        changed = self.size_bytes * share
        for _ in range(self.times(changed / 5 / PART_BYTES) if self.large else 0):
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
        size_bytes = PART_BYTES + self.random.randint(-1000, 1000)
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
        size_bytes = _size_of(recipe)
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


class Mailbox(LivedInSource):
    """Messages with a native form and MIME, about 20 KB each; three in ten have an attachment that does not
    compress."""

    def fill(self, messages: int) -> None:
        """The first day."""
        self.folders = [self.token("AAMk", 116) for _ in range(_MAIL_FOLDERS)]
        for folder_id in self.folders:
            change = Change(folder_id, ItemKind.MAIL_FOLDER, name=self.title(), opens_feed=f"items:{folder_id}")
            self.put(self.root_feed, change)
            self.logs[f"items:{folder_id}"] = []
        self.messages = messages
        for _ in range(messages):
            self.receive()

    def live(self, share: float) -> None:
        """A day: ``share`` of the messages are new; as many are read, mostly new ones; a few are moved or deleted."""
        new = self.times(self.messages * share)
        for _ in range(new):
            self.receive()
        for _ in range(new):
            self.read(self.items[-self.random.randint(1, min(len(self.items), new * 2))])
        for _ in range(self.times(new / 5)):
            self.move(self.any_item())
        for _ in range(self.times(new / 4)):
            self.remove(self.any_item())

    def receive(self) -> None:
        """A new message."""
        item_id = self.token("AAMk", 148)
        body = Part(self.next_seed(), self.random.randint(4_000, 16_000), is_text=True)
        attached = (Part(self.next_seed(), self.random.randint(8_000, 58_000)),) if self.random.random() < 0.3 else ()
        head = Part(self.next_seed(), 400)
        mime_head = Part(self.next_seed(), 1_500, is_text=True)
        self.recipes[item_id] = {Form.NATIVE: (head, body, *attached), Form.READABLE: (mime_head, body, *attached)}
        change = Change(
            item_id,
            ItemKind.MESSAGE,
            parent_id=self.random.choice(self.folders),
            name=self.title(),
            sender=f"{self.title()[:20]}@example.com",
            time=self.now,
            size_bytes=_size_of(self.recipes[item_id][Form.NATIVE]),
            etag=self.token("CQAAAB", 34),
            properties={"type": "IPM.Note", "lastModifiedDateTime": self.now.isoformat()},
        )
        self.put(f"items:{change.parent_id}", change)

    def read(self, item_id: str) -> None:
        """A message is marked as read: its native form changes, its MIME does not."""
        feed, change = self.living[item_id]
        forms = self.recipes[item_id]
        native = (Part(self.next_seed(), 400), *forms[Form.NATIVE][1:])
        self.recipes[item_id] = {**forms, Form.NATIVE: native}
        self.put(feed, replace(change, etag=self.token("CQAAAB", 34)))

    def move(self, item_id: str) -> None:
        """A message goes to another folder, with its id and unchanged."""
        _, change = self.living[item_id]
        folder_id = self.random.choice(self.folders)
        self.put(f"items:{folder_id}", replace(change, parent_id=folder_id, etag=self.token("CQAAAB", 34)))
