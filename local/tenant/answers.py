"""What a handler gives back, and the errors as Graph words them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.tenant.drives.content import Content

Json = dict[str, Any]
JSON_TYPE = "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a content, sent without holding it whole."""

    content: Content
    start: int
    end: int

    @property
    def size_bytes(self) -> int:
        """Number of bytes."""
        return self.end - self.start


@dataclass(slots=True)
class Answer:
    """Status, headers and body. A body is bytes, or a piece of a content that is streamed."""

    status: int = 200
    body: bytes | Piece = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


class GraphError(Exception):
    """A request that is answered with an error. `inner_code` is the code inside `innerError`."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        inner_code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.inner_code = inner_code
        self.headers = dict(headers or {})


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """Return `value` as a JSON answer."""
    return Answer(status, json.dumps(value, separators=(",", ":")).encode(), JSON_TYPE, headers or {})


def error_answer(error: GraphError, now: str, request_id: str, client_request_id: str) -> Answer:
    """Return the error in the shape that every Graph service uses."""
    inner: Json = {"date": now.rstrip("Z"), "request-id": request_id, "client-request-id": client_request_id}
    if error.inner_code:
        inner = {"code": error.inner_code, **inner}
    body = {"error": {"code": error.code, "message": error.message, "innerError": inner}}
    return Answer(error.status, json.dumps(body).encode(), "application/json", dict(error.headers))


def bad_request(message: str, code: str = "BadRequest") -> GraphError:
    """A request that the service cannot understand."""
    return GraphError(400, code, message)


def unknown_segment(segment: str) -> GraphError:
    """A path that Graph does not know."""
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def mail_item_not_found() -> GraphError:
    """An Outlook item or folder that is not there."""
    return GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def drive_item_not_found() -> GraphError:
    """A drive item that is not there."""
    return GraphError(404, "itemNotFound", "The resource could not be found.")


def directory_not_found(identifier: str) -> GraphError:
    """A directory object that is not there."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{identifier}' does not exist or one of its queried reference-property objects are not present.",
    )
