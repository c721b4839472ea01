"""One open download from a pre-authenticated URL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp

from shared_code.errors import SourceContentError, SourceUnavailableError


class Download:
    """The bytes from the asked offset on. Made by GraphClient.open_download."""

    def __init__(self, response: aiohttp.ClientResponse, offset: int) -> None:
        self._response = response
        # A server that ignores Range sends everything again with 200: what is there already is read over.
        self._to_skip = offset if response.status == 200 else 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes in portions as they arrive. Raises SourceUnavailableError when the connection breaks or
        ends before what was announced."""
        try:
            async for data in self._response.content.iter_any():
                skipped = min(self._to_skip, len(data))
                self._to_skip -= skipped
                if skipped < len(data):
                    yield data[skipped:] if skipped else data
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SourceUnavailableError("A download broke off.") from error

    async def read(self, limit_bytes: int) -> bytes:
        """Everything, closing the download. Raises SourceContentError beyond ``limit_bytes``, and as chunks."""
        portions: list[bytes] = []
        size_bytes = 0
        try:
            async for data in self.chunks():
                size_bytes += len(data)
                if size_bytes > limit_bytes:
                    raise SourceContentError("A download holds more bytes than its item announced.")
                portions.append(data)
        finally:
            await self.aclose()
        return portions[0] if len(portions) == 1 else b"".join(portions)

    async def aclose(self) -> None:
        """Let go of the connection; it is kept for others only when everything was read. Safe to call twice."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()
