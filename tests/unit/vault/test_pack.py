from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_code.errors import IntegrityError, UnsupportedFormatError
from shared_code.model.item import ChunkRef, Form, Representation
from shared_code.vault.memory_blob import MemoryBlobStore
from shared_code.vault.pack import MAX_CHUNKS, FrameDecoder, PackBuilder, PackEntry, read_footer
from shared_code.vault.pack_reader import RangedRead, plan_reads, read_representation

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NAME = "drive.d1/packs/P"
RANDOM = Random(7)
SAMPLES = [
    b"a",
    b"text " * 5000,
    RANDOM.randbytes(100),
    RANDOM.randbytes(200_000),
    bytes(1_000_000),
    RANDOM.randbytes(131_072),
    RANDOM.randbytes(131_073),
    RANDOM.randbytes(100_000) + b"x" * 100_000,
]


def build(chunks: list[bytes]) -> tuple[bytes, list[PackEntry]]:
    builder = PackBuilder()
    entries = [builder.append(hashlib.sha256(chunk).digest(), chunk) for chunk in chunks]
    return builder.seal(), entries


def refs(entries: list[PackEntry], version_id: str = "v1") -> tuple[ChunkRef, ...]:
    return tuple(ChunkRef(NAME, version_id, e.offset, e.length, e.size_bytes, e.sha256.hex()) for e in entries)


def whole(chunks: tuple[ChunkRef, ...]) -> Representation:
    return Representation(Form.NATIVE, sum(chunk.size_bytes for chunk in chunks), chunks)


def store_with(pack: bytes) -> MemoryBlobStore:
    store = MemoryBlobStore(lambda: NOW)
    store.put_version(NAME, "v1", pack)
    return store


async def read_all(store: MemoryBlobStore, representation: Representation) -> bytes:
    return b"".join([part async for part in read_representation(store, representation)])


async def test_every_chunk_comes_back_and_the_footer_lists_them() -> None:
    pack, entries = build(SAMPLES)
    store = store_with(pack)
    assert await read_all(store, whole(refs(entries))) == b"".join(SAMPLES)
    assert await read_footer(store, NAME, "v1", len(pack)) == tuple(entries)
    for sample, entry in zip(SAMPLES, entries, strict=True):
        frame = pack[entry.offset : entry.offset + entry.length]
        assert zstandard.ZstdDecompressor().decompress(frame) == sample, "any zstd decoder reads each frame alone"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=20))
async def test_any_chunks_come_back(chunks: list[bytes]) -> None:
    pack, entries = build(chunks)
    assert await read_all(store_with(pack), whole(refs(entries))) == b"".join(chunks)


def test_a_builder_is_empty_again_after_it_sealed() -> None:
    builder = PackBuilder()
    first = [builder.append(hashlib.sha256(SAMPLES[1]).digest(), SAMPLES[1]), builder.seal()]
    assert builder.is_empty
    second = [builder.append(hashlib.sha256(SAMPLES[1]).digest(), SAMPLES[1]), builder.seal()]
    assert first == second


def test_what_does_not_compress_costs_nearly_nothing_and_what_does_is_compressed() -> None:
    _, (noise, text) = build([SAMPLES[3], b"word " * 40_000])
    assert noise.length <= noise.size_bytes + 32
    assert text.length < text.size_bytes / 20


def test_a_pack_is_full_at_its_target_or_when_its_footer_grows_too_long() -> None:
    builder = PackBuilder(target_bytes=1000)
    builder.append(bytes(32), b"abc")
    assert not builder.is_full
    builder.append(bytes(32), RANDOM.randbytes(2000))
    assert builder.is_full
    many = PackBuilder()
    for _ in range(MAX_CHUNKS):
        assert not many.is_full
        many.append(bytes(32), b"")
    assert many.is_full


@pytest.mark.parametrize("chunk", [SAMPLES[1][:200], SAMPLES[2]], ids=["text", "noise"])
async def test_every_flipped_bit_in_a_frame_is_found(chunk: bytes) -> None:
    pack, entries = build([chunk])
    entry = entries[0]
    for bit in range(entry.offset * 8, (entry.offset + entry.length) * 8):
        damaged = bytearray(pack)
        damaged[bit // 8] ^= 1 << (bit % 8)
        store = store_with(bytes(damaged))
        try:
            plain = await read_all(store, whole(refs(entries)))
        except IntegrityError as error:
            assert error.context["pack"] == NAME
            assert error.context["offset"] == entry.offset
        else:
            # A few bits of a zstd header mean nothing to the content; then the content is whole.
            assert plain == chunk


async def test_every_flipped_bit_in_header_trailer_and_footer_is_found() -> None:
    pack, entries = build([b"one", b"two"])
    end_of_frames = entries[-1].offset + entries[-1].length
    for bit in [*range(12 * 8), *range(end_of_frames * 8, len(pack) * 8)]:
        damaged = bytearray(pack)
        damaged[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises((IntegrityError, UnsupportedFormatError)):
            await read_footer(store_with(bytes(damaged)), NAME, "v1", len(pack))


async def test_a_pack_of_a_later_format_is_named_so() -> None:
    pack, _ = build([b"one"])
    later = pack[:8] + b"\x02\x00" + pack[10:]
    with pytest.raises(UnsupportedFormatError, match="format 2"):
        await read_footer(store_with(later), NAME, "v1", len(later))


async def test_a_pack_cut_off_anywhere_is_found() -> None:
    pack, entries = build([b"one" * 50, b"two" * 70])
    for length in range(len(pack)):
        store = store_with(pack[:length])
        with pytest.raises(IntegrityError):
            await read_footer(store, NAME, "v1", length)
        if length < entries[-1].offset + entries[-1].length:
            with pytest.raises(IntegrityError):
                await read_all(store, whole(refs(entries)))


async def test_another_chunk_in_the_place_of_the_named_one_is_found() -> None:
    pack, (one, two) = build([b"first chunk", b"other chunk"])
    (named,) = refs([one])
    foreign = ChunkRef(NAME, "v1", two.offset, two.length, two.size_bytes, named.sha256)
    with pytest.raises(IntegrityError, match=f"at {two.offset}"):
        await read_all(store_with(pack), whole((foreign,)))


async def test_the_named_version_is_read_whatever_became_current() -> None:
    pack, entries = build([b"original"])
    store = store_with(pack)
    evil, _ = build([b"replaced"])
    store.overwrite(NAME, evil)
    assert await read_all(store, whole(refs(entries))) == b"original"
    store.remove(NAME)
    assert await read_all(store, whole(refs(entries))) == b"original"
    with pytest.raises(IntegrityError):
        current = store.overwrite(NAME, evil)
        await read_all(store, whole(refs(entries, current.version_id)))


async def test_a_bomb_is_not_unpacked() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(64 * 1024 * 1024))
    with pytest.raises(ValueError, match="announces"):
        FrameDecoder().decode(bomb, 1000)
    unannounced = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(64 * 1024 * 1024))
    with pytest.raises(ValueError, match="announces"):
        FrameDecoder().decode(unannounced, 1000)
    lying = bytearray(zstandard.ZstdCompressor(write_checksum=False).compress(b"x" * 100_000))
    at = lying.index((100_000).to_bytes(4, "little"))
    lying[at : at + 4] = (1000).to_bytes(4, "little")
    with pytest.raises(ValueError, match="frame"):
        FrameDecoder().decode(bytes(lying), 1000)
    two = zstandard.ZstdCompressor().compress(b"abc") * 2
    with pytest.raises(ValueError, match="frame"):
        FrameDecoder().decode(two, 3)


@pytest.mark.parametrize(
    ("size_bytes", "length", "offset"),
    [(0, 10, 12), (2**40, 10, 12), (10, 0, 12), (10, 2**40, 12), (10, 10, -1)],
)
async def test_impossible_numbers_in_a_row_are_refused_before_reading(
    size_bytes: int, length: int, offset: int
) -> None:
    store = store_with(b"")
    with pytest.raises(IntegrityError, match="impossible"):
        await read_all(store, whole((ChunkRef(NAME, "v1", offset, length, size_bytes, "0" * 64),)))
    assert store.operations["read"] == 0


async def test_a_row_whose_size_is_not_that_of_its_chunks_is_found() -> None:
    pack, entries = build([b"abc"])
    with pytest.raises(IntegrityError):
        await read_all(store_with(pack), Representation(Form.NATIVE, 4, refs(entries)))
    assert await read_all(store_with(pack), Representation(Form.READABLE, 0, ())) == b""


def test_neighbours_are_read_together_and_others_apart() -> None:
    def chunk(pack: str, offset: int, length: int = 100) -> ChunkRef:
        return ChunkRef(pack, "v", offset, length, length, "0")

    chunks = [
        chunk("a", 0),
        chunk("a", 100),
        chunk("a", 250),
        chunk("b", 350),
        chunk("b", 300),
        chunk("b", 10**6),
    ]
    reads = list(plan_reads(chunks))
    assert [(read.pack, read.offset, read.length) for read in reads] == [
        ("a", 0, 350),
        ("b", 350, 100),
        ("b", 300, 100),
        ("b", 10**6, 100),
    ]
    assert [entry for read in reads for entry in read.chunks] == chunks
    assert [read.length for read in plan_reads([chunk("a", 100 * i) for i in range(10)], limit_bytes=250)] == [200] * 5
    assert list(plan_reads([chunk("a", 0, 10**9)])) == [RangedRead("a", "v", 0, 10**9, (chunk("a", 0, 10**9),))]


async def test_a_large_item_is_read_in_few_requests() -> None:
    chunks = [RANDOM.randbytes(500_000) for _ in range(20)]
    pack, entries = build(chunks)
    store = store_with(pack)
    assert await read_all(store, whole(refs(entries))) == b"".join(chunks)
    assert store.operations["read"] == 2


async def test_a_footer_that_announces_more_than_its_entries_take_is_not_read() -> None:
    pack, _ = build([b"one"])
    trailer = struct.pack("<II32s8s", 4 << 20, 1, bytes(32), b"KCAP563M")
    hostile = pack[:12] + bytes(8 << 20) + trailer
    store = store_with(hostile)
    read: list[int] = []
    whole_read = store.read

    async def counted(name: str, **options: Any) -> bytes:
        read.append(options["length"])
        return await whole_read(name, **options)

    store.read = counted  # type: ignore[method-assign]
    with pytest.raises(IntegrityError, match="trailer"):
        await read_footer(store, NAME, "v1", len(hostile))
    assert sum(read) < 1000


async def test_the_footer_of_a_full_pack_of_noise_is_read() -> None:
    """Entries hold hashes, which do not compress."""
    pack, entries = build([bytes([at % 256, at // 256]) for at in range(3000)])
    assert await read_footer(store_with(pack), NAME, "v1", len(pack)) == tuple(entries)
