"""The pack format, version 1: one blob that holds many compressed chunks.

    header    magic (8 bytes), format version (u16), reserved (u16)
    frames    one zstd frame per chunk, each decodable alone by (offset, length)
    footer    one zstd frame: per chunk SHA-256 of the plain bytes, offset (u64), stored length (u32), plain length
              (u32)
    trailer   stored length of the footer (u32), number of chunks (u32), SHA-256 of the stored footer, magic (8 bytes)

All numbers are little-endian. The catalog names chunks by offset; the footer repeats them so that a pack explains
itself to a check or a recovery without its catalog. Bytes that do not compress become a zstd frame of raw blocks,
which any zstd decoder reads and which costs one copy to write.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

import zstandard

from shared_code.errors import IntegrityError, UnsupportedFormatError
from shared_code.vault.blob_store import BlobStore

FORMAT_VERSION = 1
TARGET_BYTES = 16 * 1024 * 1024
MAX_CHUNK_BYTES = 4 * 1024 * 1024
MAX_CHUNKS = 64 * 1024

_MAGIC = b"M365PACK"
_END_MAGIC = b"KCAP563M"
_HEADER = struct.Struct("<8sHH")
_ENTRY = struct.Struct("<32sQII")
_TRAILER = struct.Struct("<II32s8s")
_LEVEL = 3
_PROBE_FROM_BYTES = 64 * 1024
_PROBE_BYTES = 4 * 1024
_RAW_FRAME = struct.Struct("<IBI")
_ZSTD_MAGIC = 0xFD2FB528
_RAW_DESCRIPTOR = 0xA0  # single segment, content size in four bytes, no checksum, no dictionary
_RAW_BLOCK_BYTES = 128 * 1024

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class PackEntry:
    """One chunk of a pack, as its footer lists it. ``sha256`` is of the plain bytes, raw (32 bytes)."""

    sha256: bytes
    offset: int
    length: int
    size_bytes: int


class PackBuilder:
    """A pack in memory, while it fills. Reuses one compressor and one buffer, one pack after the other; not for several
    threads at once."""

    def __init__(self, target_bytes: int = TARGET_BYTES) -> None:
        self._target_bytes = target_bytes
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._probe = zstandard.ZstdCompressor(level=1)
        self._buffer = bytearray()  # made for the first chunk: most slices store none
        self._entries: list[PackEntry] = []
        self._offset = 0

    @property
    def is_empty(self) -> bool:
        """Whether no chunk is in it."""
        return not self._entries

    @property
    def is_full(self) -> bool:
        """Whether it is time to seal it: the target is reached (one chunk may lead beyond it), or the footer would
        grow out of proportion."""
        return self._offset >= self._target_bytes or len(self._entries) >= MAX_CHUNKS

    def append(self, sha256: bytes, data: Buffer) -> PackEntry:
        """Compress one chunk into the pack. ``sha256`` is of ``data``."""
        if self.is_empty:
            self._buffer = self._buffer or bytearray(self._target_bytes)
            self._write(_HEADER.pack(_MAGIC, FORMAT_VERSION, 0))
        offset = self._offset
        if len(data) >= _PROBE_FROM_BYTES and not self._compresses(data):
            self._write_raw(data)
        else:
            self._write(self._compressor.compress(data))
        entry = PackEntry(sha256, offset, self._offset - offset, len(data))
        self._entries.append(entry)
        return entry

    def seal(self) -> bytes:
        """The whole pack; the builder is empty again."""
        footer = self._compressor.compress(
            b"".join(_ENTRY.pack(e.sha256, e.offset, e.length, e.size_bytes) for e in self._entries)
        )
        trailer = _TRAILER.pack(len(footer), len(self._entries), hashlib.sha256(footer).digest(), _END_MAGIC)
        with memoryview(self._buffer) as view:
            data = b"".join([view[: self._offset], footer, trailer])
        self._entries = []
        self._offset = 0
        return data

    def _write(self, data: Buffer) -> None:
        end = self._offset + len(data)
        if end > len(self._buffer):  # by the chunk that leads beyond the target
            self._buffer.extend(bytes(end - len(self._buffer)))
        with memoryview(self._buffer) as view:  # a bytearray that is assigned to would copy the data twice
            view[self._offset : end] = data
        self._offset = end

    def _compresses(self, data: Buffer) -> bool:
        """Whether a sample from the first and one from the last third get smaller: a whole megabyte of photographs or
        archives is not worth the attempt."""
        view = memoryview(data)
        for start in (len(view) // 3, 2 * len(view) // 3):
            sample = view[start : start + _PROBE_BYTES]
            if len(self._probe.compress(sample)) < len(sample) * 0.95:
                return True
        return False

    def _write_raw(self, data: Buffer) -> None:
        view = memoryview(data)
        self._write(_RAW_FRAME.pack(_ZSTD_MAGIC, _RAW_DESCRIPTOR, len(view)))
        for start in range(0, len(view), _RAW_BLOCK_BYTES):
            block = view[start : start + _RAW_BLOCK_BYTES]
            is_last = start + len(block) == len(view)
            self._write(((len(block) << 3) | is_last).to_bytes(3, "little"))
            self._write(block)


class FrameDecoder:
    """Decodes frames with a bound on what comes out. Reuses one decompressor; not for several threads at once."""

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor()

    def decode(self, frame: Buffer, size_bytes: int) -> bytes:
        """The plain bytes of one frame, which must be exactly ``size_bytes``. Raises ValueError for anything else,
        before more than that is allocated."""
        try:
            announced = zstandard.frame_content_size(frame)
            if announced != size_bytes:
                raise ValueError("the frame announces another length")
            plain = self._decompressor.decompress(frame, max_output_size=size_bytes, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise ValueError("no readable zstd frame") from error
        if len(plain) != size_bytes:
            raise ValueError("the frame decodes to another length")
        return plain


def check_header(header: bytes, name: str) -> None:
    """Raises IntegrityError when these are not the first bytes of a pack, UnsupportedFormatError when they are those
    of another format version."""
    if len(header) < _HEADER.size:
        raise IntegrityError(f"The pack {name} is cut off in its header.", pack=name, offset=0)
    magic, version, reserved = _HEADER.unpack_from(header)
    if magic != _MAGIC or reserved != 0:
        raise IntegrityError(f"The blob {name} does not begin like a pack.", pack=name, offset=0)
    if version != FORMAT_VERSION:
        raise UnsupportedFormatError(
            f"The pack {name} has format {version}; this release reads {FORMAT_VERSION}. "
            "Use the release that wrote it, or a newer one.",
            pack=name,
        )


def _longest_footer(count: int) -> int:
    """What ``count`` entries take at most, however badly they compress: nothing longer is read into memory."""
    plain = count * _ENTRY.size
    return plain + plain // 128 + 1024


async def read_footer(store: BlobStore, name: str, version_id: str, size_bytes: int) -> tuple[PackEntry, ...]:
    """List the chunks of a pack of ``size_bytes`` bytes, read by ranges: header, trailer, footer.

    Raises IntegrityError, UnsupportedFormatError, BlobNotFoundError.
    """
    check_header(await store.read(name, version_id=version_id, length=_HEADER.size), name)
    trailer_at = size_bytes - _TRAILER.size
    if trailer_at < _HEADER.size:
        raise IntegrityError(f"The pack {name} is cut off before its trailer.", pack=name, offset=size_bytes)
    trailer = await store.read(name, version_id=version_id, offset=trailer_at, length=_TRAILER.size)
    if len(trailer) != _TRAILER.size or trailer[-8:] != _END_MAGIC:
        raise IntegrityError(f"The pack {name} does not end like a pack.", pack=name, offset=trailer_at)
    length, count, sha256, _ = _TRAILER.unpack(trailer)
    footer_at = trailer_at - length
    if footer_at < _HEADER.size or count > MAX_CHUNKS or length > _longest_footer(count):
        raise IntegrityError(f"The trailer of the pack {name} is damaged.", pack=name, offset=trailer_at)
    footer = await store.read(name, version_id=version_id, offset=footer_at, length=length)
    if hashlib.sha256(footer).digest() != sha256:
        raise IntegrityError(f"The footer of the pack {name} is damaged.", pack=name, offset=footer_at)
    try:
        plain = FrameDecoder().decode(footer, count * _ENTRY.size)
    except ValueError as error:
        raise IntegrityError(
            f"The footer of the pack {name} cannot be read: {error}.", pack=name, offset=footer_at
        ) from error
    return tuple(PackEntry(*fields) for fields in _ENTRY.iter_unpack(plain))
