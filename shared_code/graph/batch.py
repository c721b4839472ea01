"""JSON batching: requests into one $batch body, its answers back into order, the failed ones again. No I/O of its
own."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared_code.errors import SourceError
from shared_code.graph.answer import Asked, error_of
from shared_code.graph.credentials import origin_of
from shared_code.graph.retry_policy import GiveUp, Retry

# "Combine multiple HTTP requests using JSON batching", checked 2026-11.
MAX_BATCH = 20

_DROPPED_HEADERS = frozenset({"authorization", "accept", "user-agent", "accept-encoding"})


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One request of a batch. ``path`` is relative to the API's root and begins with a slash."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any = None
    body_size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """One answer of a batch; ``body`` is parsed JSON, or text for everything else."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def is_success(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300

    @property
    def is_unreadable(self) -> bool:
        """A success that says it is JSON and is none: it was cut off on its way."""
        is_json = "json" in self.headers.get("content-type", "").lower()
        return self.is_success and is_json and not isinstance(self.body, dict | list)

    def json_object(self) -> dict[str, Any]:
        """The body, when it is a JSON object; else an empty one."""
        return self.body if isinstance(self.body, dict) else {}

    def content(self) -> bytes:
        """The body of a request for raw content: base64 in a batch, plain text where a service forgets
        that."""
        if not isinstance(self.body, str):
            return b"" if self.body is None else json.dumps(self.body).encode()
        try:
            return base64.b64decode(self.body, validate=True)
        except (binascii.Error, ValueError):
            return self.body.encode("utf-8", "surrogatepass")

    def error(self, asked: Asked) -> SourceError:
        """The error that this answer stands for."""
        return error_of(self.status, self.headers, self.body, asked)


def batch_request(info: Any, base_url: str) -> BatchRequest:
    """A request of the SDK's builders as one of a batch. Raises SourceError for an address outside of the API's root;
    ``base_url`` has no slash at its end."""
    info.path_parameters["baseurl"] = base_url
    url = str(info.url)
    if origin_of(url) != origin_of(base_url):
        raise SourceError("A link of the source leads to another host and is not followed.")
    if not url.startswith(base_url + "/"):
        raise SourceError("A link of the source lies outside the API's root and cannot go into a batch.")
    body = json.loads(info.content) if info.content else None
    size_bytes = len(info.content or b"")
    return BatchRequest(info.http_method.value, url[len(base_url) :], info.request_headers or {}, body, size_bytes)


def batch_body(requests: Sequence[BatchRequest]) -> bytes:
    """The body of POST /$batch; ids are positions. At most MAX_BATCH requests."""
    if len(requests) > MAX_BATCH:
        raise ValueError(f"a batch takes at most {MAX_BATCH} requests")
    entries: list[dict[str, Any]] = []
    for position, request in enumerate(requests):
        entry: dict[str, Any] = {"id": str(position), "method": request.method, "url": request.path}
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED_HEADERS}
        if request.body is not None:
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
            headers["Content-Type"] = "application/json"
            entry["body"] = request.body
        if headers:
            entry["headers"] = headers
        entries.append(entry)
    return json.dumps({"requests": entries}, separators=(",", ":")).encode()


def batch_answers(body: Any, count: int) -> list[BatchAnswer | None]:
    """The answers in the order of the requests; None where one is missing. Raises ValueError when this is no batch
    answer at all."""
    responses = body.get("responses") if isinstance(body, Mapping) else None
    if not isinstance(responses, list):
        raise ValueError("no responses in a batch answer")  # noqa: TRY004 -- a wrong value, as for callers
    answers: list[BatchAnswer | None] = [None] * count
    for response in responses:
        try:
            position, status = int(response["id"]), int(response["status"])
        except (TypeError, KeyError, ValueError):
            continue
        if 0 <= position < count:
            headers = {str(name).lower(): str(value) for name, value in (response.get("headers") or {}).items()}
            answers[position] = BatchAnswer(status, headers, response.get("body"))
    return answers


async def run_batch(
    requests: Sequence[BatchRequest],
    post: Callable[[Sequence[BatchRequest]], Awaitable[Any]],
    judge: Callable[[BatchRequest, BatchAnswer | None, int], Retry | GiveUp],
    heard: Callable[[BatchRequest, BatchAnswer], Awaitable[None]],
    sleep: Callable[[float], Awaitable[None]],
) -> list[BatchAnswer]:
    """Post one batch, then again what ``judge`` wants repeated (request, its answer or None, number of the
    try), after the longest of the waits. ``heard`` is told of every answer. Raises ValueError when answers are missing
    to the end."""
    done: dict[int, BatchAnswer] = {}
    pending = list(range(len(requests)))
    number = 0
    while pending:
        number += 1
        body = await post([requests[position] for position in pending])
        again, waits = [], [0.0]
        for position, answer in zip(pending, batch_answers(body, len(pending)), strict=True):
            if answer is not None:
                await heard(requests[position], answer)
            verdict = judge(requests[position], answer, number)
            if isinstance(verdict, Retry):
                again.append(position)
                waits.append(verdict.after_s)
            elif answer is None:
                raise ValueError("a batch with answers missing")
            else:
                done[position] = answer
        pending = again
        if pending:
            await sleep(max(waits))
    return [done[position] for position in range(len(requests))]
