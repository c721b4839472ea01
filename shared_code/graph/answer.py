"""An answer of Graph and what it means: the one place where statuses and error codes become the error
tree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared_code.errors import (
    AccessDeniedError,
    CursorExpiredError,
    SourceError,
    SourceNotFoundError,
    SourceUnavailableError,
    ThrottledError,
)
from shared_code.graph.retry_policy import TRANSIENT_STATUSES, is_throttling, retry_after_s

# "Use delta query to track changes" and "driveItem: delta", checked 2026-11: a delta token that is no longer
# known is answered with 410, or with a 40X and one of these codes.
_EXPIRED_CODES = frozenset(
    {
        "syncstatenotfound",
        "syncstateinvalid",
        "resyncrequired",
        "resyncchangesapplydifferences",
        "resyncchangesuploaddifferences",
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in lower case) and the undecoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON; None when it is empty. Raises ValueError."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, for messages: the operation's name without ids, the permission that it needs, and
    ids."""

    operation: str
    permission: str | None = None
    ids: Mapping[str, str] | None = None


def error_of(status: int, headers: Mapping[str, str], body: Any, asked: Asked) -> SourceError:
    """The error that an unsuccessful answer stands for. ``body`` is its JSON, or anything else when it has
    none.

    Graph's own message is left out of it: it can quote names and addresses.
    """
    codes = error_codes(body)
    context: dict[str, object] = {"operation": asked.operation, "status": status, **(asked.ids or {})}
    if codes:
        context["code"] = codes[0]
    if request_id := headers.get("request-id"):
        context["request_id"] = request_id
    named = f"{asked.operation}: {status}" + (f" {codes[0]}" if codes else "")
    wait_s = retry_after_s(headers)
    if status == 410 or any(code.lower() in _EXPIRED_CODES for code in codes):
        return CursorExpiredError(f"{named}. The cursor is no longer known: list from the start.", **context)
    if status in (401, 403):
        needs = f" Grant {asked.permission} to the app and consent to it in the tenant." if asked.permission else ""
        return AccessDeniedError(f"{named}. Access denied.{needs}", asked.permission, **context)
    if status == 404:
        return SourceNotFoundError(f"{named}. It is not there.", **context)
    if is_throttling(status, wait_s):
        return ThrottledError(f"{named}. Graph asks to slow down.", wait_s, **context)
    if status in TRANSIENT_STATUSES or status >= 500:
        return SourceUnavailableError(f"{named}. Graph could not answer; try again later.", **context)
    return SourceError(f"{named}. Graph refused the request.", **context)


def error_codes(body: Any) -> tuple[str, ...]:
    """The codes in an OData error, outermost first; empty when the body is none."""
    codes: list[str] = []
    error = body.get("error") if isinstance(body, Mapping) else None
    for _ in range(8):  # a hostile body cannot nest for ever
        if not isinstance(error, Mapping):
            break
        code = error.get("code")
        if isinstance(code, str) and code:
            codes.append(code[:100])
        error = error.get("innerError") or error.get("innererror")
    return tuple(codes)


def parsed_or_none(body: bytes) -> Any:
    """JSON where it is some, else None (an HTML page of a gateway, a cut answer)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def unreachable(asked: Asked, what: str) -> SourceUnavailableError:
    """The error for no answer, or for one that is no answer; its context has no ``status``."""
    context = {"operation": asked.operation, **(asked.ids or {})}
    return SourceUnavailableError(
        f"{asked.operation}: no usable answer ({what}). Graph may be out of reach; try again later.",
        **context,
    )
