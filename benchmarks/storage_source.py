"""What the storage benchmark backs up: content that is made up as it is read, and feeds that tell of its changes.

Content is a recipe (seeds and sizes), so that gigabytes cost no memory. Feeds are logs of changes, a cursor is a place
in one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from random import Random

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from shared_code.model.feed import FeedPage, Fetched, FetchState
from shared_code.model.item import Change, Form
from shared_code.model.resource import Resource

_PAGE_ITEMS = 200
_STREAM_FROM_BYTES = 4 * 1024 * 1024
_LINES = 1 << 14
_NONCE = bytes(16)


@cache
def words() -> list[bytes]:
    random = Random("words")
    return ["".join(random.choices("etaoinshrdlucmwfgypbvk", k=random.randint(2, 10))).encode() for _ in range(2000)]


@cache
def _lines() -> list[bytes]:
    random = Random("lines")
    return [b" ".join(random.choices(words(), k=10)) + b"\n" for _ in range(_LINES)]


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


def size_of(recipe: Recipe) -> int:
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
        return b" ".join(self.random.choices(words(), k=5)).decode()

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
