"""One large item on its way into packs, in whatever portions it comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Protocol

from shared_code.errors import VaultError
from shared_code.model.item import Change, ChunkRef
from shared_code.vault.chunking import MAX_BYTES, WHOLE_BELOW_BYTES, cut
from shared_code.vault.pack import Buffer
from shared_code.vault.pack_table import Placement
from shared_code.vault.pack_writer import PackWriter

_PORTION_BYTES = 6 * 1024 * 1024
_SPARE_BYTES = 2 * 1024 * 1024

Done = Callable[[str, Change, list[Placement]], Awaitable[None]]


class ContentDigest(Protocol):
    """A running content hash of the source's own kind."""

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        ...


class PackedFile:
    """Satisfies ``FileWriter`` of the backup.

    Portions of about 6 MiB: one fills while a thread cuts, hashes and compresses the other. What follows the last
    boundary in one is carried to the beginning of the next. ``done`` is called when the item is whole.
    """

    def __init__(
        self,
        packs: PackWriter,
        stored: Sequence[ChunkRef],
        known: Mapping[str, ChunkRef],
        done: Done | None,
        feed: str,
        digest: ContentDigest | None,
    ) -> None:
        self._packs = packs
        self._done = done
        self._feed = feed
        self._digest = digest
        self._known = {**known, **{chunk.sha256: chunk for chunk in stored}}
        self._placements = [packs.table.place(chunk) for chunk in stored]
        self._desk = bytearray(_PORTION_BYTES)
        self._carried_bytes = 0
        self._filling: list[Buffer] = []
        self._filling_bytes = 0
        self._is_open = True
        self._is_complete = False

    async def write(self, data: bytes) -> None:
        """Take the next bytes, in any portion. Waits while uploads are behind. Raises VaultError."""
        self._check_open()
        rest: Buffer = data
        while self._filling_bytes + len(rest) >= _PORTION_BYTES:
            room = _PORTION_BYTES - self._filling_bytes
            view = memoryview(rest)
            self._take(view[:room])
            rest = view[room:]
            await self._send(is_end=False)
        if rest:
            self._take(rest)

    async def complete(self) -> int:
        """No more bytes: cut the last chunk, feed it to the digest, and tell the plain size of the whole. Raises
        VaultError."""
        return sum(place.size_bytes for place in await self.placements())

    async def finish(self, change: Change) -> None:
        """After ``complete``: the row goes into the slice's segment with ``change`` as its metadata. Raises
        VaultError."""
        if not self._is_complete:
            raise VaultError("This item is not complete: say so before its row is written.")
        self._is_complete = False
        if self._done is not None:
            await self._done(self._feed, change, self._placements)

    async def placements(self) -> list[Placement]:
        """The item is whole: where its chunks are."""
        self._check_open()
        self._is_open = False
        await self._send(is_end=True)
        await self._packs.settle()
        self._is_complete = True
        return self._placements

    async def suspend(self) -> tuple[int, tuple[ChunkRef, ...]]:
        """Stop at a chunk boundary, upload what is there, and tell (plain bytes stored, their chunks); the next slice
        goes on from there. Bytes beyond the last boundary are dropped and read again. Raises VaultError."""
        self._check_open()
        self._is_open = False
        await self._send(is_end=False, spare_bytes=0)
        await self._packs.flush()
        chunks = tuple(self._packs.table.reference(place) for place in self._placements)
        return sum(chunk.size_bytes for chunk in chunks), chunks

    def _check_open(self) -> None:
        self._packs.raise_failure()
        if not self._is_open:
            raise VaultError("This item is finished or suspended already: open it again in the next slice.")

    def _take(self, portion: Buffer) -> None:
        self._filling.append(portion)
        self._filling_bytes += len(portion)

    async def _send(self, *, is_end: bool, spare_bytes: int = _SPARE_BYTES) -> None:
        portions, self._filling, self._filling_bytes = self._filling, [], 0
        await self._packs.hand_over(self._store(portions, is_end, spare_bytes))

    def _store(self, portions: list[Buffer], is_end: bool, spare_bytes: int) -> Iterator[None]:
        """The desk is one buffer for the whole item: what is carried over, then the portions."""
        size_bytes = self._carried_bytes
        wanted_bytes = size_bytes + sum(map(len, portions))
        if wanted_bytes > len(self._desk):
            self._desk.extend(bytes(wanted_bytes - len(self._desk)))
        with memoryview(self._desk) as desk:  # a bytearray that is assigned to would copy the data twice
            for portion in portions:
                desk[size_bytes : size_bytes + len(portion)] = portion
                size_bytes += len(portion)
        portions.clear()
        position = 0
        with memoryview(self._desk) as desk, desk[:size_bytes] as data:
            for length in self._cuts(data, is_end, spare_bytes):
                with data[position : position + length] as chunk:
                    self._placements.append(self._packs.put(chunk, self._known))
                    if self._digest is not None:
                        self._digest.update(chunk)
                position += length
                yield
            self._carried_bytes = size_bytes - position
            desk[: self._carried_bytes] = data[position:]

    def _cuts(self, data: memoryview, is_end: bool, spare_bytes: int) -> Iterator[int]:
        if is_end and not self._placements and len(data) < WHOLE_BELOW_BYTES:
            return iter([len(data)] if data else [])
        return cut(data, is_end=is_end, spare_bytes=spare_bytes)


assert _PORTION_BYTES > MAX_BYTES  # noqa: S101  a portion always holds a final cut
