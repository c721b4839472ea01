"""Where large items are cut: by their content (FastCDC), so that a change moves only the cuts beside it.

The parameters below are part of the format in effect: with others, what is stored already would not be found again.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastcdc import fastcdc  # type: ignore[import-untyped]  # the package has no types

MIN_BYTES = 256 * 1024
AVERAGE_BYTES = 1024 * 1024
MAX_BYTES = 4 * 1024 * 1024
WHOLE_BELOW_BYTES = 1024 * 1024

Buffer = bytes | bytearray | memoryview


def cut(data: Buffer, *, is_end: bool, spare_bytes: int = 0) -> Iterator[int]:
    """Lengths of the chunks of ``data``, which begins at a chunk boundary.

    A cut depends on nothing before its chunk, so any boundary is a place to start again. Unless the item ends with
    ``data``, the chunk that touches the end of ``data`` is not final and not given, except when it has the greatest
    length there can be. Where more data comes, ``spare_bytes`` saves looking for cuts in vain: no search begins in
    fewer bytes than that.
    """
    position = 0
    chunks = fastcdc(data, MIN_BYTES, AVERAGE_BYTES, MAX_BYTES, fat=False)
    while is_end or len(data) - position > spare_bytes:
        chunk = next(chunks, None)
        if chunk is None:
            return
        length = int(chunk.length)
        if position + length == len(data) and length < MAX_BYTES and not is_end:
            return
        yield length
        position += length
