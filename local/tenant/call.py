"""One request on its way to a handler: an HTTP request, or one of a batch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from local.tenant.answers import bad_request
from local.tenant.tenant import Tenant

if TYPE_CHECKING:
    from local.tenant.simulator import Simulator


T = TypeVar("T")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,20}")


def member(body: dict[str, Any], name: str, kind: type[T]) -> T | None:
    """Return a member of a JSON object, None when it is absent or null. Raises 400 when it is of another type."""
    value = body.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise bad_request(f"The property '{name}' has a value of a wrong type.")


@dataclass(slots=True)
class Call:
    """Method, path, query and body, who asks, and the parameters found in the path."""

    simulator: Simulator
    base_url: str
    method: str
    path: str
    raw_query: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    in_batch: bool = False
    params: dict[str, str] = field(default_factory=dict)
    item_path: list[str] | None = None
    operation: str = "unknown"
    tenant: Tenant | None = None
    app_id: str = ""
    request_id: str = ""
    preferences_applied: list[str] = field(default_factory=list)
    # How many requests of its batch are answered together with this one.
    width: int = 1

    @property
    def home(self) -> Tenant:
        """The tenant of the token. Only handlers that need a token read it."""
        if self.tenant is None:
            raise bad_request("no tenant")
        return self.tenant

    def json_body(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raises the error that Graph gives for anything else."""
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise bad_request("Unable to read JSON request payload. Please ensure it is valid JSON.") from error
        if not isinstance(value, dict):
            raise bad_request("Unable to read JSON request payload. An object was expected.")
        if b"\\u" in self.body:
            try:
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                raise bad_request("Unable to read JSON request payload. It holds half a character.") from error
        return value

    def preference(self, name: str) -> str | None:
        """Return the value of a `Prefer` entry ('' for one without a value) and note that it is honoured."""
        header = self.headers.get("Prefer")
        if not header:
            return None
        for part in header.split(","):
            key, _, value = part.strip().partition("=")
            if key.lower() == name.lower():
                self.preferences_applied.append(part.strip())
                return value.strip('"')
        return None

    def integer(self, name: str, default: int, most: int) -> int:
        """Return an integer query option between 0 and `most`. Raises the error that Graph gives for nonsense."""
        text = self.query.get(name)
        if text is None:
            return default
        if not _WHOLE_NUMBER.fullmatch(text):
            raise bad_request(
                f"Invalid value '{text}' for {name} query option found. The {name} query option requires "
                "a non-negative integer value."
            )
        return min(int(text), most)

    def selected(self) -> list[str] | None:
        """Return the names in $select, or None for the default set."""
        text = self.query.get("$select")
        return [name.strip() for name in text.split(",") if name.strip()] if text else None
