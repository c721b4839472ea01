"""The service's HTTP API, as an administrator's script would use it."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from local.demo.failures import DemoError

Json = dict[str, Any]
_TIMEOUT_S = 60.0
_PAGE_ITEMS = 200
_DYING_S = 0.5  # from the last answer of a process to its end


class ServiceApi:
    """Calls of the API for one customer. ``check`` raises when a service has died, with the end of its log."""

    def __init__(self, url: str, customer: str, check: Callable[[], None]) -> None:
        self.url = url
        self.customer_path = f"/api/customers/{customer}"
        self._check = check

    def health(self) -> Json:
        """Whether the service can work."""
        return self.call("GET", "/api/health")

    def onboard(self, display_name: str, tenant_id: str) -> Json:
        """Make the tenant a customer."""
        return self.call("PUT", self.customer_path, {"display_name": display_name, "tenant_id": tenant_id})

    def start_run(self) -> str:
        """Start the nightly run now; return its id."""
        return str(self.call("POST", f"{self.customer_path}/runs")["run_id"])

    def run(self, run_id: str) -> Json:
        """How far a run has come."""
        return self.call("GET", f"{self.customer_path}/runs/{quote(run_id, safe='')}")

    def snapshots(self, resource: str) -> list[Json]:
        """A resource's snapshots, newest first."""
        return list(self.call("GET", f"{self._resource(resource)}/snapshots")["snapshots"])

    def items(self, resource: str, seq: int, parent: str = "") -> Iterator[Json]:
        """What a folder held in a snapshot, page by page; no parent: the top."""
        token = ""
        while True:
            asked = {"parent": parent, "limit": _PAGE_ITEMS, "token": token}
            query = urlencode({name: value for name, value in asked.items() if value})
            page = self.call("GET", f"{self._resource(resource)}/snapshots/{seq}/items?{query}")
            yield from page["items"]
            token = page.get("next_token") or ""
            if not token:
                return

    def find(self, resource: str, seq: int, path: str) -> Json:
        """Walk down a snapshot to the item at a path of names. Raises DemoError when it is not there."""
        found: Json = self._top(resource, seq)
        for name in path.split("/"):
            parent = str(found.get("id", ""))
            below = (item for item in self.items(resource, seq, parent) if item["name"] == name)
            match = next(below, None)
            if match is None:
                raise DemoError(f"Snapshot {seq} of {resource} does not show {path}, though it was there.")
            found = match
        return found

    def _top(self, resource: str, seq: int) -> Json:
        """A drive shows its root folder at the top, a mailbox shows its folders."""
        top = list(self.items(resource, seq)) if resource.startswith("drive.") else []
        return top[0] if len(top) == 1 and top[0]["name"] == "root" else {}

    def start_restore(self, request: Json) -> str:
        """Start a restore; return its id."""
        return str(self.call("POST", f"{self.customer_path}/restores", request)["restore_id"])

    def restore(self, restore_id: str) -> Json:
        """How far a restore has come."""
        return self.call("GET", f"{self.customer_path}/restores/{quote(restore_id, safe='')}")

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """One call. Raises ServiceError when the host has died, DemoError for any other answer than success."""
        try:
            status, answer = self._exchange(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            time.sleep(_DYING_S)
            self._check()
            raise DemoError(f"The functions host does not answer {method} {path}: {error!r}") from error
        if status >= 400:
            raise DemoError(f"{method} {path} was answered {status}: {answer.get('detail', answer)}")
        return answer

    def _exchange(self, method: str, path: str, body: Json | None) -> tuple[int, Json]:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        try:
            data = None if body is None else json.dumps(body)
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        try:
            return response.status, json.loads(text or b"{}")
        except ValueError:
            return response.status, {"detail": text[:300].decode("utf-8", "replace")}

    def _resource(self, resource: str) -> str:
        return f"{self.customer_path}/resources/{quote(resource, safe='')}"
