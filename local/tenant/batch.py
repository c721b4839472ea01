"""`POST /v1.0/$batch`: up to 20 requests, each with an answer of its own.

Source: "Combine multiple HTTP requests using JSON batching", learn.microsoft.com/graph/json-batching (checked 2026-11).
JSON bodies travel as JSON, every other body in base64. Answers may come in any order.
"""

from __future__ import annotations

import base64
import json
import random
from typing import Any
from urllib.parse import urlsplit

from local.tenant.answers import Answer, Json, Piece, bad_request, json_answer
from local.tenant.app_roles import NOBODY
from local.tenant.call import Call, member
from local.tenant.routing import Route, RouteTable
from local.tenant.simulator import Delivery

MOST_REQUESTS = 20
# So many of a batch Graph hands on at a time; each of them takes a place at its mailbox.
_AT_ONCE = 4
_KNOWN_HEADERS = {"prefer": "Prefer", "if-match": "If-Match", "client-request-id": "client-request-id"}


def add_batch_route(table: RouteTable) -> None:
    """Add the batch endpoint; any token may use it, what is inside is judged one by one."""
    table.add("POST", Route("/$batch", "batch", NOBODY, "any", _unused))


def _unused(call: Call) -> Answer:
    raise bad_request("A batch cannot be inside a batch.")


async def answer_batch(call: Call) -> Answer:
    """Answer a batch. Raises 400 for a batch that is malformed as a whole."""
    requests = call.json_body().get("requests")
    if not isinstance(requests, list) or not requests:
        raise bad_request("The 'requests' property is required and must hold at least one request.")
    if len(requests) > MOST_REQUESTS:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {MOST_REQUESTS}.")
    known: set[str] = set()
    for request in requests:
        if not isinstance(request, dict) or not all(
            isinstance(request.get(key), str) for key in ("id", "method", "url")
        ):
            raise bad_request("Each request of a batch needs an id, a method and a url.")
        if request["id"] in known or not _depends_on(request) <= known:
            raise bad_request("Request ids must be unique, and dependsOn must name earlier requests.")
        known.add(request["id"])
    statuses: dict[str, int] = {}
    responses: list[Json] = []
    for request in requests:
        response = await _answer_one(call, request, statuses, min(_AT_ONCE, len(requests)))
        statuses[request["id"]] = int(response["status"])
        responses.append(response)
    if call.home.settings.batch_shuffle:
        random.Random(call.request_id).shuffle(responses)
    return json_answer({"responses": responses})


def _depends_on(request: Json) -> set[str]:
    return {str(each) for each in member(request, "dependsOn", list) or ()}


async def _answer_one(call: Call, request: Json, statuses: dict[str, int], width: int) -> Json:
    identifier = request["id"]
    if any(statuses[each] >= 400 for each in _depends_on(request)):
        error = {"code": "FailedDependency", "message": "A request that this one depends on failed."}
        return {"id": identifier, "status": 424, "headers": {}, "body": {"error": error}}
    inner = _inner_call(call, request)
    inner.width = width
    delivery = await call.simulator.deliver(inner)
    status, body = _body_after_fault(delivery)
    call.simulator.record(delivery, len(body), status)
    headers = dict(delivery.answer.headers)
    response: Json = {"id": identifier, "status": status, "headers": headers}
    if body:
        headers["Content-Type"] = delivery.answer.content_type
        response["body"] = _portable(body, delivery.answer.content_type)
    return response


def _inner_call(call: Call, request: Json) -> Call:
    url = request["url"]
    if "://" in url:
        parts = urlsplit(url)
        url = parts.path + (f"?{parts.query}" if parts.query else "")
    target = url if url.startswith("/v1.0/") else "/v1.0/" + url.lstrip("/")
    headers = {"Authorization": call.headers.get("Authorization", "")}
    for name, value in (member(request, "headers", dict) or {}).items():
        headers[_KNOWN_HEADERS.get(str(name).lower(), str(name))] = str(value)
    headers["Authorization"] = call.headers.get("Authorization", "")
    body = request.get("body")
    if body is None:
        raw = b""
    elif isinstance(body, str):
        raw = _from_base64(body)
    else:
        raw = json.dumps(body).encode()
    return call.simulator.make_call(call.base_url, request["method"].upper(), target, headers, raw, in_batch=True)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise bad_request("A body that is not JSON must be in base64.") from error


def _body_after_fault(delivery: Delivery) -> tuple[int, bytes]:
    answer, fault = delivery.answer, delivery.fault
    body = (
        answer.body.content.read(answer.body.start, answer.body.size_bytes)
        if isinstance(answer.body, Piece)
        else answer.body
    )
    if fault is None or answer.status >= 400:
        return answer.status, body
    if fault.cut_after_bytes is not None:
        return 504, b""
    if fault.truncate is not None:
        body = body[: fault.truncate]
    if fault.corrupt_bytes and body:
        flipped = bytearray(body)
        chance = delivery.call.simulator.faults.random
        for position in chance.sample(range(len(flipped)), min(fault.corrupt_bytes, len(flipped))):
            flipped[position] ^= 1 << chance.randrange(8)
        body = bytes(flipped)
    return answer.status, body


def _portable(body: bytes, content_type: str) -> Any:
    if content_type.startswith("application/json"):
        try:
            return json.loads(body)
        except ValueError:
            return base64.b64encode(body).decode("ascii")
    return base64.b64encode(body).decode("ascii")
