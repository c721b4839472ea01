"""A Graph that answers exactly what a test scripted, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

Handler = Callable[["Seen"], "Reply | Awaitable[Reply]"]


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """One answer. ``cut``: the connection breaks instead of, or after, that much of the body."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after_bytes: int | None = None

    def raw(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


class GraphServer:
    """``script`` holds the answers that are given in turn; ``handler`` answers when it is empty."""

    def __init__(self, *script: Reply, handler: Handler | None = None) -> None:
        self.script = list(script)
        self.handler = handler
        self.seen: list[Seen] = []
        application = web.Application(client_max_size=1 << 28)
        application.router.add_route("*", "/{tail:.*}", self._answer)
        self._server = TestServer(application, host="127.0.0.1")

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.close()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1.0"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(request.method, request.path_qs, headers, await request.read())
        self.seen.append(seen)
        if self.script:
            reply = self.script.pop(0)
        elif self.handler:
            made = self.handler(seen)
            reply = made if isinstance(made, Reply) else await made
        else:
            reply = Reply(599)
        body = reply.raw()
        if reply.cut_after_bytes is not None:
            response = web.StreamResponse(status=reply.status, headers=reply.headers)
            response.content_length = len(body)
            await response.prepare(request)
            await response.write(body[: reply.cut_after_bytes])
            assert request.transport is not None
            request.transport.close()
            return response
        return web.Response(
            status=reply.status,
            body=body,
            headers={"Content-Type": "application/json", **reply.headers},
        )


class FixedCredential:
    """Gives numbered tokens and counts how often it was asked."""

    def __init__(self, lifetime_s: int = 3600) -> None:
        self.asked = 0
        self._lifetime_s = lifetime_s

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        from azure.core.credentials import AccessToken

        self.asked += 1
        return AccessToken(f"token-{self.asked}", 1_800_000_000 + self._lifetime_s)

    async def close(self) -> None:
        pass
