"""What the backup needs of the other rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from shared_code.model.feed import FeedPage, Fetched
from shared_code.model.item import Change, ChunkRef, Form, ItemVersion
from shared_code.model.lease import StoredBlob
from shared_code.model.progress import Furthest, Progress
from shared_code.model.resource import Resource
from shared_code.model.snapshot import Newest, SegmentKind, SegmentRef, Snapshot
from shared_code.model.versions import PreviousVersions


class ContentDigest(Protocol):
    """A running content hash of the source's own kind, to compare with ``Change.content_hash``."""

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        ...

    def state(self) -> str:
        """Everything needed to go on later, as text."""
        ...

    def matches(self, content_hash: str) -> bool:
        """Whether the bytes taken so far are those of ``content_hash``; True when the source gave no hash."""
        ...


class ContentStream(Protocol):
    """An open download. ``change`` is the item as it is being read now."""

    @property
    def change(self) -> Change:
        """Fresh metadata: compare its etag and size with what an earlier slice began with."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes from the asked offset to the end. Broken connections are resumed inside. Raises SourceError."""
        ...

    async def aclose(self) -> None:
        """Let go of the connection; safe to call twice."""
        ...


class Source(Protocol):
    """One workload of one tenant: the only thing that backup knows of Graph.

    Methods raise SourceError only when the whole resource is out of reach (AccessDeniedError, SourceNotFoundError of
    the resource, ThrottledError and SourceUnavailableError after the client's own retries); what is wrong with one
    item is data.
    """

    def root_feeds(self) -> tuple[str, ...]:
        """The feeds that every resource of this kind has, in the order in which they must be finished; others are
        opened by their items (``Change.opens_feed``)."""
        ...

    async def poll(self, resource: Resource, cursors: Mapping[str, str | None]) -> Mapping[str, FeedPage]:
        """Read one page of each of these feeds (name -> cursor, None from the start), in as few requests as there
        can be. Changes of one page come without duplicates, the last word on an item wins."""
        ...

    def fetch(self, resource: Resource, changes: Sequence[Change]) -> AsyncIterator[Fetched]:
        """Read the representations of these items, none of them larger than ``stream_from_bytes``; answers come in any
        order, one for each, with bounded memory and the workload's own concurrency."""
        ...

    @property
    def stream_from_bytes(self) -> int:
        """Items larger than this are read with ``open_stream``."""
        ...

    async def open_stream(self, resource: Resource, change: Change, offset: int) -> ContentStream | Fetched:
        """Open the native form of a large item from a byte offset; a Fetched (skipped, failed, gone) when it
        cannot be read."""
        ...

    def digest(self, state: str = "") -> ContentDigest:
        """A running content hash of this workload, new or from the ``state`` of an earlier one."""
        ...


class Damage(Protocol):
    """What verification has found damaged and no backup has stored again yet."""

    async def damaged(self, resource_id: str) -> Sequence[tuple[str, str]]:
        """(feed, item id) of items whose stored content is damaged."""
        ...

    async def repaired(self, resource_id: str, items: Sequence[tuple[str, str]], seq: int) -> None:
        """These have been stored again with snapshot ``seq``, or are gone at the source."""
        ...

    async def reopen(self, resource_id: str, seqs: Collection[int]) -> None:
        """What was stored again with these snapshots is damaged as before: their records are."""
        ...


class CatalogLookup(Protocol):
    """The newest state of a resource's items over some segments."""

    async def previous(self, keys: Sequence[tuple[str, str]], content_hashes: Sequence[str]) -> PreviousVersions:
        """Newest versions for these (feed, item id) keys, newest living versions for the bare item ids in any feed,
        and one living version for each of these content hashes; one query."""
        ...

    def to_bury(self, relisted: Mapping[str, int]) -> AsyncIterator[ItemVersion]:
        """What lives by the rows and yet is gone: items of relisted feeds (feed -> index of the first opened segment
        that belongs to the new listing) that no row from there on confirms, and everything whose chain of parents
        is broken (children of a deleted folder). Parents first."""
        ...

    async def live_packs(self) -> Mapping[tuple[str, str], int]:
        """Packs (name, version id) that living versions name, with the stored bytes of their living chunks."""
        ...

    def holders(self, packs: Collection[tuple[str, str]]) -> AsyncIterator[ItemVersion]:
        """Living versions that have a chunk in one of these packs."""
        ...

    async def aclose(self) -> None:
        """Let go of memory and temporary files."""
        ...


class FileWriter(Protocol):
    """One large item on its way into packs."""

    async def write(self, data: bytes) -> None:
        """Take the next bytes, in any portion. Waits while uploads are behind."""
        ...

    async def complete(self) -> int:
        """No more bytes: cut the last chunk, feed it to the digest, and tell the plain size of the whole."""
        ...

    async def finish(self, change: Change) -> None:
        """After ``complete``: the row goes into the slice's segment with ``change`` as its metadata."""
        ...

    async def suspend(self) -> tuple[int, tuple[ChunkRef, ...]]:
        """Stop at a chunk boundary, upload what is there, and tell (plain bytes stored, their chunks); the next slice
        goes on from there. Bytes beyond the last boundary are dropped and read again."""
        ...


class SliceWriter(Protocol):
    """Writes one slice: chunks into packs, item versions into one segment. Nothing that it writes exists until a
    progress record or a snapshot names it."""

    @property
    def written_bytes(self) -> int:
        """Stored (compressed) bytes that went into packs so far."""
        ...

    async def add(
        self, feed: str, change: Change, forms: Mapping[Form, bytes], known: Iterable[ItemVersion] = ()
    ) -> None:
        """Store an item whose forms are at hand. Chunks that ``known`` versions (or this slice) hold already are
        referred to, not stored again. Waits while uploads are behind."""
        ...

    async def add_version(self, version: ItemVersion) -> None:
        """Add a row whose representations rest in the vault already: a rename, a move, a folder, a tombstone. Its
        ``seq`` is ignored; the slice's own is written."""
        ...

    async def rewrite(self, version: ItemVersion, packs: Collection[tuple[str, str]]) -> None:
        """Store anew what ``version`` has in these packs; the rest of it stays where it is. Raises IntegrityError or
        BlobNotFoundError when what is to be moved is damaged; then nothing of it is written."""
        ...

    def open_file(
        self,
        feed: str,
        digest: ContentDigest,
        stored: Sequence[ChunkRef] = (),
        known: Iterable[ItemVersion] = (),
    ) -> FileWriter:
        """Begin, or go on with, a large item; ``stored`` are the chunks of its beginning from an earlier slice.
        ``digest`` is fed with each chunk as its boundary becomes final, so that its state belongs to what ``suspend``
        reports. A writer that is neither finished nor suspended leaves no row."""
        ...

    async def close(self, kind: SegmentKind) -> SegmentRef | None:
        """Upload what is left, then the segment; None when no row was added."""
        ...

    async def abort(self) -> None:
        """Forget everything and remove temporary files; safe after close and twice."""
        ...


class Vault(Protocol):
    """A customer's vault as the backup sees it. Everything is create-only; raises VaultError."""

    async def newest(self, resource: Resource) -> Newest:
        """The newest readable commit of a resource, and the number of the next."""
        ...

    async def furthest(self, resource: Resource, seq: int) -> Furthest:
        """How far snapshot ``seq`` has come."""
        ...

    async def open_catalog(self, segments: Sequence[SegmentRef]) -> CatalogLookup:
        """Open these segments, oldest first, for questions."""
        ...

    def open_slice(self, resource: Resource, seq: int, slice_number: int) -> SliceWriter:
        """Begin to write a slice."""
        ...

    async def commit_progress(self, progress: Progress) -> None:
        """Raises BlobExistsError when that slice is committed already (a replay, or another host was faster)."""
        ...

    async def commit_snapshot(self, snapshot: Snapshot) -> None:
        """Raises BlobExistsError when that number is committed already."""
        ...

    async def merge(
        self, resource: Resource, seq: int, slice_number: int, segments: Sequence[SegmentRef]
    ) -> SegmentRef | None:
        """Write everything that lives by these segments into one new base; None when nothing does."""
        ...

    def stored(self, resource: Resource) -> AsyncIterator[StoredBlob]:
        """Every blob of a resource, with its lease; previous versions too."""
        ...

    async def extend_lease(self, name: str, version_id: str, until: datetime) -> None:
        """Let a lease end no earlier than ``until``. Safe to repeat. Raises BlobNotFoundError."""
        ...
