"""The body of an upload, for aiohttp."""

from __future__ import annotations

from aiohttp import Payload
from aiohttp.abc import AbstractStreamWriter

_PIECE_BYTES = 256 * 1024


class InPieces(Payload):
    """A body that is sent piece by piece from the one copy there is. aiohttp's own ways for bytes and for BytesIO copy
    it whole: into the socket's buffer, or to learn its length."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data, content_type="application/octet-stream")
        self._size = len(data)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Asked by nobody here, and no text."""
        raise TypeError("a blob's body is no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it; waits for the socket after every piece."""
        view = memoryview(self._value)
        for start in range(0, len(view), _PIECE_BYTES):
            await writer.write(view[start : start + _PIECE_BYTES])

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """The announced length is that of the whole body."""
        del content_length
        await self.write(writer)
