"""QuickXorHash, the content hash of OneDrive for Business and SharePoint.

Source: "Code snippets: QuickXorHash algorithm", learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
(checked 2026-11). The byte at index i is XORed into a 160-bit circle at bit 11*i; the length is XORed, little-endian,
into the last 64 bits. As 160 * 11 bits is a whole number of turns, bytes 160 apart meet at the same bit, so the
input is first folded to 160 bytes by XORing large integers, which keeps the work in C.
"""

from __future__ import annotations

import base64

_WIDTH_BITS = 160
_SHIFT_BITS = 11
_BLOCK_BYTES = 160
_CIRCLE = (1 << _WIDTH_BITS) - 1
_STRIDE_BYTES = _BLOCK_BYTES * 1024


class QuickXor:
    """Incremental hash: `update` any number of times, then `digest_base64`."""

    def __init__(self) -> None:
        self._folded = 0
        self._pending = bytearray()
        self._size_bytes = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes."""
        self._size_bytes += len(data)
        view = memoryview(data)
        if self._pending:
            wanted = _STRIDE_BYTES - len(self._pending)
            self._pending += view[:wanted]
            view = view[wanted:]
            if len(self._pending) < _STRIDE_BYTES:
                return
            self._folded ^= int.from_bytes(self._pending, "little")
            self._pending.clear()
        whole = len(view) - len(view) % _STRIDE_BYTES
        for start in range(0, whole, _STRIDE_BYTES):
            self._folded ^= int.from_bytes(view[start : start + _STRIDE_BYTES], "little")
        self._pending += view[whole:]

    def digest_base64(self) -> str:
        """Return the hash as Graph shows it."""
        folded = self._folded ^ int.from_bytes(self._pending, "little")
        blocks = -(-folded.bit_length() // (_BLOCK_BYTES * 8))
        while blocks > 1:  # halving keeps the work linear
            blocks = (blocks + 1) // 2
            half_bits = blocks * _BLOCK_BYTES * 8
            folded = (folded >> half_bits) ^ (folded & ((1 << half_bits) - 1))
        circle = 0
        for index, byte in enumerate(folded.to_bytes(_BLOCK_BYTES, "little")):
            shifted = byte << (index * _SHIFT_BITS % _WIDTH_BITS)
            circle ^= (shifted & _CIRCLE) | (shifted >> _WIDTH_BITS)
        circle ^= (self._size_bytes & ((1 << 64) - 1)) << (_WIDTH_BITS - 64)
        return base64.b64encode(circle.to_bytes(_WIDTH_BITS // 8, "little")).decode("ascii")


def quick_xor_base64(data: bytes) -> str:
    """Return the QuickXorHash of `data` in base64."""
    hasher = QuickXor()
    hasher.update(data)
    return hasher.digest_base64()
