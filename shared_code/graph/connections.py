"""The connections of one Graph client: one pool for the SDK's adapter, for downloads and for uploads."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from functools import cache
from typing import Self

import aiohttp
import httpx
import httpx_aiohttp

_CONNECT_S = 30


@dataclass(frozen=True, slots=True)
class Connections:
    """The pool as aiohttp knows it, and as httpx does for the SDK's adapter. Call ``aclose``."""

    session: aiohttp.ClientSession
    http: httpx.AsyncClient

    @classmethod
    def open(cls, user_agent: str, at_once: int, read_timeout_s: float) -> Self:
        """Needs a running event loop. ``at_once`` bounds the requests under way, ``read_timeout_s`` the silence between
        two bytes."""
        # Its own log names whole URLs, and with them file names and cursors.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=at_once, ssl=_certificates()),
            headers={"User-Agent": user_agent},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=read_timeout_s),
        )
        http = httpx.AsyncClient(
            transport=httpx_aiohttp.AiohttpTransport(verify=_certificates(), client=session),
            headers={"User-Agent": user_agent},
            timeout=httpx.Timeout(read_timeout_s, connect=_CONNECT_S, pool=None),
            follow_redirects=False,
        )
        return cls(session, http)

    async def aclose(self) -> None:
        """Close every connection."""
        await self.http.aclose()
        await self.session.close()


@cache
def _certificates() -> ssl.SSLContext:
    """For all clients of the process: reading the authorities' certificates holds up the event loop."""
    return httpx.create_ssl_context()
