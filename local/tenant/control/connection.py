"""HTTP to the control interface, and how a value travels there. Standard library only."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator, Sequence
from typing import Any, Self
from urllib.parse import urlsplit

Json = dict[str, Any]
Path = str | Sequence[str]
_TIMEOUT_S = 120.0


class ControlError(Exception):
    """The simulator refused a control call; the message says why."""


class ControlConnection:
    """One connection, opened when first used. Not for several threads at once."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=_TIMEOUT_S)

    def close(self) -> None:
        """Close the connection; a later call opens it again."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def edits(self, tenant: str, operations: Sequence[Json]) -> list[Json]:
        """Run many operations in one call; `{"op": "add_message", "user": ..., ...}`; return a result for each."""
        return list(self.call("POST", f"tenants/{tenant}/edits", list(operations))["results"])

    def edit(self, tenant: str, op: str, **fields: Any) -> Json:
        """Run one operation."""
        return self.edits(tenant, [{"op": op, **fields}])[0]

    def call(self, method: str, path: str, body: Any = None) -> Json:
        """Send one control request and return its answer. Raises ControlError."""
        response = self._request(method, path, body)
        answer = json.loads(response.read() or b"{}")
        if response.status >= 400:
            raise ControlError(f"{method} /_control/{path}: {answer.get('error', response.status)}")
        return dict(answer)

    def lines(self, path: str) -> Iterator[Json]:
        """Yield the records of an answer in JSON lines. Raises ControlError."""
        response = self._request("GET", path, None)
        if response.status >= 400:
            raise ControlError(f"GET /_control/{path}: {response.read().decode('utf-8', 'replace')}")
        lines = response.read().splitlines()
        return (json.loads(line) for line in lines)

    def _request(self, method: str, path: str, body: Any) -> http.client.HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        for attempt in (1, 2):
            try:
                self._connection.request(method, f"/_control/{path}", data, headers)
                return self._connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionError):
                # An idle connection was closed by the server: nothing was done yet.
                self._connection.close()
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")


def plain_path(path: Path) -> str | list[str]:
    """Return a path as JSON can carry it."""
    return path if isinstance(path, str) else list(path)


def base64_text(data: bytes) -> str:
    """Return bytes as JSON can carry them."""
    return base64.b64encode(data).decode("ascii")
