"""Requests to pre-authenticated URLs: downloads, uploads, imports. Part of the client, whose connections and
retries it shares; the token never comes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from shared_code.errors import SourceContentError, SourceError, SourceUnavailableError
from shared_code.graph.answer import Answer, Asked, error_of, unreachable
from shared_code.graph.credentials import is_loopback_host, origin_of
from shared_code.graph.download import Download
from shared_code.graph.retries import Retries, trouble_of
from shared_code.graph.retry_policy import Attempt, Retry, Trouble, retry_after_s
from shared_code.graph.turns import Turns

_MAX_REDIRECTS = 3
_STREAM_FROM_BYTES = 1 << 20


class Transfers:
    """``base_scheme`` is that of the API: only where it is plain http, loopback URLs may be so too."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_scheme: str,
        retries: Retries,
        turns: Turns,
    ) -> None:
        self._turns = turns
        self._session = session
        self._base_scheme = base_scheme
        self._retries = retries

    async def open_download(self, url: str, offset: int = 0) -> Download:
        """Open a pre-authenticated URL from a byte offset, without the token. Raises AccessDeniedError or
        SourceNotFoundError when the URL has run out: get a fresh one. Close the Download."""
        asked, number, started = Asked("download"), 0, self._retries.monotonic()
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        tolls = self._turns.transfer_tolls("GET", url)
        while True:
            number += 1
            attempt = Attempt(number, "GET", 0.0)
            try:
                async with self._turns.wait(tolls):
                    response = await self._get_following(url, headers)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                failure: Exception = error
                attempt = Attempt(number, "GET", self._retries.monotonic() - started, trouble=Trouble.LOST)
                final: SourceError = unreachable(asked, type(error).__name__)
            else:
                if response.status in (200, 206):
                    if not _begins_at(response, offset):
                        response.close()
                        raise SourceContentError("A download began at another place than was asked for.")
                    return Download(response, offset)
                answer = _lower(response.headers)
                response.close()
                await self._turns.heard(tolls, response.status, answer)
                final = error_of(response.status, answer, None, asked)
                failure = final
                elapsed_s = self._retries.monotonic() - started
                attempt = Attempt(number, "GET", elapsed_s, response.status, None, retry_after_s(answer))
            await self._retries.wait_or_raise(attempt, final, failure)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | None, idempotent: bool | None
    ) -> Answer:
        """Every status comes back as data, after the retries; raises SourceUnavailableError when nothing
        answers."""
        asked, number, started = Asked(f"{method} pre-authenticated URL"), 0, self._retries.monotonic()
        target = self._address(url)
        tolls = self._turns.transfer_tolls(method, url, len(data or b""))
        while True:
            number += 1
            try:
                async with (
                    self._turns.wait(tolls),
                    self._session.request(
                        method, target, headers=headers, data=_body(data), allow_redirects=False
                    ) as response,
                ):
                    answer = Answer(response.status, _lower(response.headers), await response.read())
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                elapsed_s = self._retries.monotonic() - started
                attempt = Attempt(number, method, elapsed_s, trouble=trouble_of(error), idempotent=idempotent)
                await self._retries.wait_or_raise(attempt, unreachable(asked, type(error).__name__), error)
                continue
            await self._turns.heard(tolls, answer.status, answer.headers)
            elapsed_s, wait_s = self._retries.monotonic() - started, retry_after_s(answer.headers)
            attempt = Attempt(number, method, elapsed_s, answer.status, None, wait_s, idempotent)
            decision = self._retries.decide(attempt)
            if not isinstance(decision, Retry):
                return answer
            await self._retries.sleep(decision.after_s)

    async def _get_following(self, url: str, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        for _ in range(_MAX_REDIRECTS):
            response = await self._session.get(
                self._address(url), headers=headers, allow_redirects=False, read_bufsize=1 << 20
            )
            location = response.headers.get("Location")
            if response.status not in (301, 302, 303, 307, 308) or not location:
                return response
            response.close()
            url = urljoin(url, location)
        raise SourceUnavailableError("A download was redirected too often.")

    def _address(self, url: str) -> URL:
        scheme, host, _ = origin_of(url)
        if scheme != "https" and not (self._base_scheme == scheme and is_loopback_host(host)):
            raise SourceError("A pre-authenticated URL is not https and is not used.")
        # The signature in it covers its exact spelling.
        return URL(url, encoded=True)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _begins_at(response: aiohttp.ClientResponse, offset: int) -> bool:
    announced = response.headers.get("Content-Range", "")
    return response.status == 200 or not announced or announced.startswith(f"bytes {offset}-")


def _body(data: bytes | None) -> bytes | BytesIO | None:
    """Large bodies go out as streams: as one piece of bytes they would hold up the event loop."""
    return BytesIO(data) if data is not None and len(data) >= _STREAM_FROM_BYTES else data
