"""quickXorHash, the content hash of OneDrive for Business and SharePoint.

Byte ``i`` is XORed into a 160-bit register at bit ``11 * i mod 160``, then the length into its last 8 bytes
("Code snippets: QuickXorHash algorithm", OneDrive developer documentation, checked 2026-11). Since 11 * 160
is a multiple of 160, bytes 160 apart meet at the same place: all periods are XORed onto the first, column by column,
and what comes of them is put into the register once, at the end. Against accidents only; it is no cryptographic hash.
"""

from __future__ import annotations

import base64
import binascii
from operator import itemgetter
from typing import Self

import numpy as np

PREFIX = "quickXorHash:"

_PERIOD = 160
_WORDS = _PERIOD // 8  # a period as 64-bit numbers
_REGISTER_BITS = 160
_REGISTER_MASK = (1 << _REGISTER_BITS) - 1
# Column i goes to bit 11 * i mod 160, and 11 has an inverse modulo 160: every bit is the place of one column. So the
# columns are taken in the order of their places: first those at whole bytes, then those one bit further, and so on.
_INVERSE = pow(11, -1, _REGISTER_BITS)
_IN_REGISTER_ORDER = itemgetter(
    *((8 * byte + shift) * _INVERSE % _REGISTER_BITS for shift in range(8) for byte in range(20))
)


class QuickXorDigest:
    """A running quickXorHash whose state can be kept as text and taken up again elsewhere."""

    __slots__ = ("_columns", "size_bytes")

    def __init__(self) -> None:
        self._columns = 0
        self.size_bytes = 0

    @classmethod
    def resumed(cls, state: str) -> Self:
        """Go on from ``state``; "" begins anew. Raises ValueError for anything else."""
        digest = cls()
        if state:
            size, _, columns = state.partition(":")
            digest.size_bytes, digest._columns = int(size, 16), int(columns, 16)
            if digest.size_bytes < 0 or not 0 <= digest._columns < 1 << 8 * _PERIOD:
                raise ValueError("no state of a quickXorHash")
        return digest

    def state(self) -> str:
        """Everything needed to go on later, as text of about 340 characters."""
        return f"{self.size_bytes:x}:{self._columns:x}"

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        view = memoryview(data).cast("B")
        place = self.size_bytes % _PERIOD
        head = min(len(view), -place % _PERIOD)  # up to the next period
        tail = head + (len(view) - head) // _PERIOD * _PERIOD
        columns = self._columns ^ int.from_bytes(view[:head], "little") << 8 * place
        if head < tail:
            periods = np.frombuffer(view[head:tail], dtype=np.uint64).reshape(-1, _WORDS)
            columns ^= int.from_bytes(np.bitwise_xor.reduce(periods, axis=0).tobytes(), "little")
        self._columns = columns ^ int.from_bytes(view[tail:], "little")
        self.size_bytes += len(view)

    def digest(self) -> bytes:
        """The 20 bytes of the hash of everything taken so far."""
        columns = bytes(_IN_REGISTER_ORDER(self._columns.to_bytes(_PERIOD, "little")))
        register = 0
        for shift in range(8):
            register ^= int.from_bytes(columns[20 * shift : 20 * shift + 20], "little") << shift
        register = (register & _REGISTER_MASK) ^ (register >> _REGISTER_BITS)
        register ^= (self.size_bytes & (1 << 64) - 1) << 96
        return register.to_bytes(20, "little")

    def content_hash(self) -> str:
        """The hash as it stands in ``Change.content_hash``."""
        return PREFIX + base64.b64encode(self.digest()).decode("ascii")

    def matches(self, content_hash: str) -> bool:
        """Whether the bytes taken so far are those of ``content_hash``. True for "" and for kinds of hash
        that are not known here: some items have none."""
        if not content_hash.startswith(PREFIX):
            return True
        try:
            return base64.b64decode(content_hash[len(PREFIX) :]) == self.digest()
        except (binascii.Error, ValueError):
            return False
