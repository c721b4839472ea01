"""A plain signed-in HTTP client, for tests of the simulator itself. Standard library only; no retries, no redirects."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from local.tenant.tenant import DEFAULT_APP

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers with lower-case names, and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error answer."""
        return str(self.json()["error"]["code"])


class PlainClient:
    """Requests of one app in one tenant. Paths are below /v1.0; absolute URLs go as they are."""

    def __init__(self, url: str, tenant_id: str, secret: str, client_id: str = DEFAULT_APP) -> None:
        parts = urlsplit(url)
        self._url = url
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        reply = self.send("POST", f"{url}/{tenant_id}/oauth2/v2.0/token", urlencode(form).encode(), signed=False)
        self.token = str(reply.json().get("access_token", ""))
        self.sign_in = reply

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def send(
        self,
        method: str,
        target: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        signed: bool = True,
    ) -> Reply:
        """Send one request; a body that is not bytes goes as JSON."""
        path = target.removeprefix(self._url) if target.startswith(self._url) else f"/v1.0{target}"
        sent = {"Authorization": f"Bearer {self.token}"} if signed else {}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self._connection.request(method, quote(path, safe="/:?&=%$@!'()*+,;~#"), data, {**sent, **(headers or {})})
            response = self._connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except Exception:
            self._connection.close()
            raise

    def get(self, target: str, headers: Mapping[str, str] | None = None, *, signed: bool = True) -> Reply:
        """GET."""
        return self.send("GET", target, None, headers, signed=signed)

    def post(self, target: str, body: Any = None, *, signed: bool = True) -> Reply:
        """POST JSON."""
        return self.send("POST", target, body, signed=signed)

    def pages(self, target: str) -> Iterator[dict[str, Any]]:
        """Follow nextLinks and yield the pages; the last one holds the deltaLink of a delta feed."""
        following: str | None = target
        while following:
            reply = self.get(following)
            if reply.status != 200:
                raise AssertionError(f"{reply.status} {reply.body!r}")
            page = reply.json()
            yield page
            following = page.get("@odata.nextLink")

    def delta(self, target: str) -> tuple[list[dict[str, Any]], str]:
        """Read a delta feed to its end; return its values and the deltaLink."""
        values: list[dict[str, Any]] = []
        link = ""
        for page in self.pages(target):
            values += page["value"]
            link = page.get("@odata.deltaLink", "")
        return values, link
