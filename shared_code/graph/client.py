"""The only way to Graph's own address, and the only one that carries the token.

The SDK's builders (``client.graph``) make requests, its adapter sends them; answers are plain JSON, since the
SDK's typed models take 500 times longer over a page of messages. No middleware of the SDK is in the way: what is
retried is decided in ``retry_policy.py``, the pace is kept by ``governor.py`` and redirects are not followed. Downloads
and uploads by pre-authenticated URLs (``transfers.py``) share the connections and never carry a token.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
import httpx
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_abstractions.response_handler import ResponseHandler
from kiota_http.middleware.options import ResponseHandlerOption
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

from shared_code.errors import SourceError, SourceUnavailableError
from shared_code.graph.answer import Answer, Asked, error_of, parsed_or_none, unreachable
from shared_code.graph.batch import MAX_BATCH, BatchAnswer, BatchRequest, batch_body, batch_request, run_batch
from shared_code.graph.connections import Connections
from shared_code.graph.credentials import GRAPH_SCOPE, PinnedTokens, TokenCredential, origin_of
from shared_code.graph.download import Download
from shared_code.graph.governor import Governor
from shared_code.graph.odata import text_of
from shared_code.graph.retries import Retries, trouble_of
from shared_code.graph.retry_policy import Attempt, GiveUp, Retry, RetryPolicy, Trouble, retry_after_s
from shared_code.graph.tolls import Toll
from shared_code.graph.transfers import Transfers
from shared_code.graph.turns import Turns

GRAPH_V1 = "https://graph.microsoft.com/v1.0"


class GraphClient:
    """One tenant's Graph. An async context manager; safe to share among the tasks of one event loop.

    Methods raise the SourceError tree after their own retries, with the operation, ids and Graph's request id
    in the context. ``now`` is wall-clock time (token lifetimes). ``user_agent`` is how Graph tells this traffic,
    ``connections`` bounds the requests under way, ``read_timeout_s`` the silence between two bytes; ``policy``,
    ``sleep``, ``monotonic`` and ``chance`` are what retries go by. Without a ``governor`` nothing keeps below Graph's
    limits.
    """

    def __init__(
        self,
        credential: TokenCredential,
        *,
        now: Callable[[], datetime],
        base_url: str = GRAPH_V1,
        user_agent: str = "NONISV|M365Backup|M365Backup/1.0",
        connections: int = 128,
        policy: RetryPolicy | None = None,
        read_timeout_s: float = 100.0,
        scope: str = GRAPH_SCOPE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        governor: Governor | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._origin = origin_of(self._base_url)
        self._tokens = PinnedTokens(self._base_url, credential, now=now, scope=scope)
        self._user_agent = user_agent
        self._at_once = connections
        self._read_timeout_s = read_timeout_s
        self._retries = Retries(policy or RetryPolicy(), sleep, monotonic, chance)
        self._turns = Turns(governor)
        self._native = ResponseHandlerOption(_NativeResponse())
        self._connections: Connections | None = None
        self._transfers: Transfers | None = None
        self._adapter: Any = None
        self._graph: Any = None

    async def __aenter__(self) -> Self:
        return self.open()

    def open(self) -> Self:
        """Make the connections' pool; needs a running event loop. ``__aexit__`` lets go of it."""
        self._connections = Connections.open(self._user_agent, self._at_once, self._read_timeout_s)
        self._transfers = Transfers(self._connections.session, self._origin[0], self._retries, self._turns)
        self._adapter = GraphRequestAdapter(self._tokens, self._connections.http)
        self._adapter.base_url = self._base_url
        self._graph = GraphServiceClient(request_adapter=self._adapter)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connections is not None:
            await self._connections.aclose()

    @property
    def base_url(self) -> str:
        """Root of the API, without a slash at its end."""
        return self._base_url

    @property
    def graph(self) -> Any:
        """The SDK's builders: ``client.graph.users.to_get_request_information()`` and so on."""
        return self._graph

    async def note_licences(self, count: int) -> None:
        """Some of Graph's limits depend on the tenant's number of licences: whoever counts them tells."""
        await self._turns.note_licences(count)

    def same_mailbox(self, mailbox_id: str, user_id: str) -> None:
        """Both ids stand for one mailbox, whose limits they share. Requests whose ``ids`` name their resource tell it
        by themselves."""
        self._turns.same_mailbox(mailbox_id, user_id)

    def link(self, url: str) -> Any:
        """A GET of an opaque link of Graph's. Raises SourceError when it leads to another host."""
        if origin_of(url) != self._origin:
            raise SourceError("A link of the source leads to another host and is not followed.")
        info = RequestInformation(Method.GET)
        info.url = url
        return info

    def checked_link(self, url: str) -> str:
        """``url`` if it may be kept as a cursor. Raises SourceUnavailableError, which is retryable, for a link to
        another host: kept, it would be refused by every run to come."""
        if origin_of(url) != self._origin:
            raise SourceUnavailableError("An answer holds a link that leads to another host; it is not kept.")
        return url

    def request(self, method: str, template: str, **path: str) -> Any:
        """A request that the SDK cannot build: ``request("GET", "/users/{id}/x", id=user_id)``. Values are escaped."""
        return RequestInformation(Method(method), "{+baseurl}" + template, dict(path))

    async def send(self, info: Any, asked: Asked | None = None, *, idempotent: bool | None = None) -> Answer:
        """Send a request with the token; retries as decided. Returns 2xx and 3xx answers, raises SourceError
        for others. ``idempotent`` overrides what the method says of a repetition's harm."""
        asked = asked or Asked(_operation_of(info))
        self._prepare(info)
        return (await self._send(info, asked, idempotent, parse=False))[0]

    async def get_json(self, info: Any, asked: Asked | None = None) -> dict[str, Any]:
        """Send and parse; an answer that is no JSON object is retried like a broken connection."""
        return await self._send_for_object(info, asked or Asked(_operation_of(info)), None)

    async def get_pages(self, info: Any, asked: Asked | None = None) -> AsyncGenerator[dict[str, Any], None]:
        """The pages of a collection, by their ``@odata.nextLink``. Raises SourceError for a link to another host;
        SourceUnavailableError for one that was followed before, which would never end, and for a page without values,
        since what is missing of a collection must not be taken for gone."""
        followed: set[str] = set()
        page = await self.get_json(info, asked)
        while True:
            if not isinstance(page.get("value"), list):
                raise SourceUnavailableError("A page of a collection came without its values; it is read later.")
            yield page
            link = text_of(page.get("@odata.nextLink"))
            if not link:
                return
            if link in followed:
                raise SourceUnavailableError("The pages of an answer lead in a circle; the rest of it is not known.")
            followed.add(link)
            page = await self.get_json(self.link(link), asked)

    async def send_json(
        self, info: Any, body: Any = None, asked: Asked | None = None, *, idempotent: bool | None = None
    ) -> dict[str, Any]:
        """Send ``body`` as JSON by the request's own method and parse the answer ({} when it is empty)."""
        if body is not None:
            info.content = json.dumps(body, separators=(",", ":")).encode()
            info.headers.remove("Content-Type")
            info.headers.add("Content-Type", "application/json")
        return await self._send_for_object(info, asked or Asked(_operation_of(info)), idempotent)

    async def batch(
        self, infos: Sequence[Any], asked: Asked | None = None, *, idempotent: bool = True
    ) -> list[BatchAnswer]:
        """Send requests in batches of 20, one batch after the other; answers come in the order of the requests.

        Throttled and failed ones are sent again as decided, honouring their own Retry-After; what they answer
        in the end, 4xx included, is data. ``idempotent`` False: nothing is repeated that may have been done.
        """
        asked = asked or Asked("batch")
        requests = [batch_request(info, self._base_url) for info in infos]
        answers: list[BatchAnswer] = []
        for start in range(0, len(requests), MAX_BATCH):
            answers += await self._batch(requests[start : start + MAX_BATCH], asked, idempotent)
        return answers

    async def open_download(self, url: str, offset: int = 0) -> Download:
        """See Transfers.open_download."""
        return await self._opened().open_download(url, offset)

    async def send_preauthenticated(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        json_body: Any = None,
        idempotent: bool | None = None,
    ) -> Answer:
        """Send to an upload or import URL, without the token. Every status comes back as data, after the
        retries; raises SourceUnavailableError only when nothing answers."""
        if json_body is not None:
            data = json.dumps(json_body, separators=(",", ":")).encode()
            headers = {"Content-Type": "application/json", **(headers or {})}
        return await self._opened().send(method, url, headers or {}, data, idempotent)

    def _opened(self) -> Transfers:
        if self._transfers is None:
            raise RuntimeError("the Graph client is not open: use it as an async context manager")
        return self._transfers

    def _prepare(self, info: Any) -> None:
        info.path_parameters["baseurl"] = self._base_url
        info.add_request_options([self._native])
        info.headers.remove("client-request-id")
        info.headers.add("client-request-id", str(uuid.uuid4()))

    async def _send_for_object(
        self, info: Any, asked: Asked, idempotent: bool | None, tolls: Sequence[Toll] | None = None
    ) -> dict[str, Any]:
        self._prepare(info)
        _, parsed = await self._send(info, asked, idempotent, parse=True, tolls=tolls)
        return parsed if isinstance(parsed, dict) else {}

    async def _send(
        self,
        info: Any,
        asked: Asked,
        idempotent: bool | None,
        *,
        parse: bool,
        tolls: Sequence[Toll] | None = None,
    ) -> tuple[Answer, Any]:
        method, number, started, refused = info.http_method.value, 0, self._retries.monotonic(), False
        tolls = self._turns.tolls_of(info, asked) if tolls is None else tolls
        while True:
            number += 1
            status = wait_s = trouble = None
            try:
                async with self._turns.wait(tolls):
                    response: httpx.Response = await self._adapter.send_primitive_async(info, "bytes", None)
                answer = Answer(response.status_code, response.headers, response.content)
            except (httpx.HTTPError, aiohttp.ClientError, TimeoutError, OSError) as error:
                failure: Exception = error
                trouble = trouble_of(error)
                final: SourceError = unreachable(asked, type(error).__name__)
            else:
                await self._turns.heard(tolls, answer.status, answer.headers)
                parsed = parsed_or_none(answer.body) if parse or answer.status >= 400 else None
                if answer.status < 400:
                    # A write may answer with nothing; nothing to a question is an answer that got lost.
                    if not parse or isinstance(parsed, dict) or (not answer.body and method != "GET"):
                        return answer, parsed
                    trouble = Trouble.UNREADABLE
                    failure = final = unreachable(asked, "an answer that is no JSON object")
                else:
                    status, wait_s = answer.status, retry_after_s(answer.headers)
                    failure = final = error_of(status, answer.headers, parsed, asked)
                    if status == 401 and not refused:  # revoked before its time: one new token, one more try
                        refused = True
                        self._tokens.forget()
                        continue
            elapsed_s = self._retries.monotonic() - started
            attempt = Attempt(number, method, elapsed_s, status, trouble, wait_s, idempotent)
            await self._retries.wait_or_raise(attempt, final, failure)

    async def _batch(self, requests: list[BatchRequest], asked: Asked, idempotent: bool) -> list[BatchAnswer]:
        started = self._retries.monotonic()

        def tolls_of(several: Sequence[BatchRequest]) -> list[Toll]:
            return self._turns.tolls([(each.method, each.path, each.body_size_bytes) for each in several], asked)

        async def post(pending: Sequence[BatchRequest]) -> Any:
            info = self.request("POST", "/$batch")
            info.content = batch_body(pending)
            info.headers.add("Content-Type", "application/json")
            return await self._send_for_object(info, asked, idempotent, tolls_of(pending))

        async def heard(request: BatchRequest, answer: BatchAnswer) -> None:
            await self._turns.heard(tolls_of([request]), answer.status, answer.headers)

        def judge(request: BatchRequest, answer: BatchAnswer | None, number: int) -> Retry | GiveUp:
            elapsed_s, method = self._retries.monotonic() - started, request.method
            if answer is None or answer.is_unreadable:
                attempt = Attempt(number, method, elapsed_s, trouble=Trouble.UNREADABLE, idempotent=idempotent)
            else:
                wait_s = retry_after_s(answer.headers)
                attempt = Attempt(number, method, elapsed_s, answer.status, None, wait_s, idempotent)
            return self._retries.decide(attempt)

        try:
            return await run_batch(requests, post, judge, heard, self._retries.sleep)
        except ValueError as error:
            raise unreachable(asked, str(error)) from error


class _NativeResponse(ResponseHandler):  # type: ignore[misc]
    """Hands out the HTTP answer as it is, so that the SDK neither parses nor raises."""

    async def handle_response_async(self, response: Any, error_map: Any) -> Any:
        del error_map
        return response


def _operation_of(info: Any) -> str:
    template = (info.url_template or "a link of its own").replace("{+baseurl}", "").split("{?")[0]
    return f"{info.http_method.value} {template.replace('%2D', '-')}"
