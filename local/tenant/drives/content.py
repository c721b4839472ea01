"""Where a file's bytes come from: kept in memory, in a spool file, or computed from a seed at any offset."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from local.tenant.drives.quick_xor import QuickXor, quick_xor_base64

SLICE_BYTES = 512 * 1024
IN_MEMORY_LIMIT_BYTES = 8 * 1024 * 1024
_ZEROS = bytes(SLICE_BYTES + 16)
_AES_BLOCK_BYTES = 16
_SMALL_BYTES = 256 * 1024
_SHARED_NOISE_BYTES = 8 * 1024 * 1024
_TEXT_BLOCK_BYTES = 4096
_WORDS = [
    "quarter",
    "report",
    "budget",
    "customer",
    "invoice",
    "review",
    "planning",
    "delivery",
    "contract",
    "project",
    "meeting",
    "figures",
    "draft",
    "version",
    "approval",
    "market",
    "supplier",
    "forecast",
    "schedule",
    "revenue",
    "marketing",
    "engineering",
    "summary",
    "table",
    "annex",
    "policy",
    "region",
    "team",
    "target",
    "margin",
    "the",
    "and",
    "for",
    "with",
    "from",
    "that",
    "this",
    "which",
    "before",
    "after",
    "under",
    "between",
    "about",
    "during",
]


class Content(Protocol):
    """Immutable bytes of known size that can be read at any place."""

    @property
    def size_bytes(self) -> int:
        """Number of bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`; both lie inside the content."""


class MemoryContent:
    """Bytes held in memory."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size_bytes(self) -> int:
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data if length == len(self._data) else self._data[offset : offset + length]


class Spool:
    """An unlinked temporary file to which large uploads are appended, so that they cost no memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the simulator
        self._end = 0

    def append(self, data: bytes) -> int:
        """Write `data` at the end and return its offset."""
        offset = self._end
        written = 0
        view = memoryview(data)
        while written < len(data):
            written += os.pwrite(self._file.fileno(), view[written:], offset + written)
        self._end += len(data)
        return offset

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes written before."""
        return os.pread(self._file.fileno(), length, offset)

    def close(self) -> None:
        """Release the file."""
        self._file.close()


class SpooledContent:
    """Fragments in a spool file, in order."""

    __slots__ = ("_fragments", "_size", "_spool")

    def __init__(self, spool: Spool, fragments: list[tuple[int, int]]) -> None:
        self._spool = spool
        self._fragments = fragments
        self._size = sum(length for _, length in fragments)

    @property
    def size_bytes(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        parts: list[bytes] = []
        position = 0
        for start, size in self._fragments:
            if length <= 0:
                break
            if offset < position + size:
                inner = offset - position
                take = min(size - inner, length)
                parts.append(self._spool.read(start + inner, take))
                offset += take
                length -= take
            position += size
        return b"".join(parts)


class GeneratedContent:
    """Incompressible bytes without repeats, computed at any offset: AES-CTR keyed by the seed. A small content is the
    seed's digest and a piece of a noise that all of them share, so that it costs nothing to compute."""

    __slots__ = ("_digest", "_size")

    def __init__(self, seed: str, size_bytes: int) -> None:
        self._digest = hashlib.sha256(seed.encode()).digest()
        self._size = size_bytes

    @property
    def size_bytes(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        if self._size > _SMALL_BYTES:
            return _noise(self._digest[:16], offset, length)
        start = int.from_bytes(self._digest[:4], "big") % (len(_shared_noise()) - _SMALL_BYTES) + offset
        head = self._digest[offset : offset + length]
        return head + _shared_noise()[start + len(head) : start + length]


def _noise(key: bytes, offset: int, length: int) -> bytes:
    block, skip = divmod(offset, _AES_BLOCK_BYTES)
    cipher = Cipher(algorithms.AES(key), modes.CTR(block.to_bytes(_AES_BLOCK_BYTES, "big")))
    wanted = skip + length
    zeros = memoryview(_ZEROS)[:wanted] if wanted <= len(_ZEROS) else bytes(wanted)
    data = cipher.encryptor().update(zeros)
    return data[skip:] if skip else data


@lru_cache(maxsize=1)
def _shared_noise() -> memoryview:
    return memoryview(_noise(bytes(16), 0, _SHARED_NOISE_BYTES))


class GeneratedText:
    """Bytes that read and compress like office text, computed at any offset from the seed."""

    __slots__ = ("_seed", "_size")

    def __init__(self, seed: str, size_bytes: int) -> None:
        self._seed = seed
        self._size = size_bytes

    @property
    def size_bytes(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        first = offset // _TEXT_BLOCK_BYTES
        last = (offset + length + _TEXT_BLOCK_BYTES - 1) // _TEXT_BLOCK_BYTES
        text = b"".join(_text_block(self._seed, block) for block in range(first, last))
        skip = offset - first * _TEXT_BLOCK_BYTES
        return text[skip : skip + length]


@lru_cache(maxsize=1024)
def _text_block(seed: str, block: int) -> bytes:
    digits = hashlib.shake_256(f"{seed}/{block}".encode()).digest(1024)
    text = " ".join(_WORDS[digit % len(_WORDS)] + (".\n" if digit > 240 else "") for digit in digits)
    return text.encode()[:_TEXT_BLOCK_BYTES].ljust(_TEXT_BLOCK_BYTES)


def slices(content: Content, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield the bytes from `start` up to `end` (exclusive) in pieces of at most 512 KiB."""
    end = content.size_bytes if end is None else end
    for offset in range(start, end, SLICE_BYTES):
        yield content.read(offset, min(SLICE_BYTES, end - offset))


def quick_xor_of(content: Content) -> str:
    """Return the QuickXorHash of the whole content in base64."""
    if content.size_bytes <= SLICE_BYTES:
        return quick_xor_base64(content.read(0, content.size_bytes))
    hasher = QuickXor()
    for piece in slices(content):
        hasher.update(piece)
    return hasher.digest_base64()


def sha256_of(content: Content) -> str:
    """Return the SHA-256 of the whole content in hex."""
    hasher = hashlib.sha256()
    for piece in slices(content):
        hasher.update(piece)
    return hasher.hexdigest()
